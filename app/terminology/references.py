"""A collection's references: what it draws on, added and removed under its own revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from app import record
from app.actor import Actor
from app.errors import Invalid, NotFound, Refusal
from app.extensions import db
from app.models import CollectionReference, Concept, Mapping, Repository, begin_writing, take_repository_revision
from app.rows.terms import CONCEPTS, MAPPINGS
from app.terminology.addresses import HEAD, Address, TermAddress, is_code
from app.terminology.documents import Json, instant_text
from app.terminology.drawing import references_at
from app.terminology.hierarchy import codes_below
from app.terminology.keeping import AT_ONCE
from app.terminology.repositories import get_repository, get_repository_to_edit, handle_of
from app.terminology.versions import Version, find_release, get_version

MOST_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class _Target:
    source: Repository
    release_id: UUID | None
    concept_id: int | None
    mapping_id: int | None
    expression: str

    @property
    def key(self) -> tuple[int, int | None, int | None]:
        return self.source.id, self.concept_id, self.mapping_id


def list_references(actor: Actor | None, address: Address, version: str = HEAD) -> list[Json]:
    """A collection's references, as the contract's rows.

    :raises NotFound: there is no such collection or version
    """
    return reference_rows(get_version(actor, address, version))


def reference_rows(version: Version) -> list[Json]:
    """The references of a version as the contract's rows."""
    if version.repository.kind != "collection":
        return []
    return [_row(one) for one in references_at(version.repository.id, version.revision)]


def add_references(actor: Actor, address: Address, expressions: Sequence[str], *, cascade: bool = False) -> int:
    """Have a collection draw on sources, concepts or mappings, named by their paths; a release may be named in them.

    What is referred to already is left as it is. Of one source a collection draws on one version at a time.

    :param cascade: of a concept, also every concept below it now
    :return: how many references were added
    :raises NotFound: there is no such collection
    :raises Forbidden: the actor may look at most
    :raises Invalid: an expression names nothing that the actor may see, or another version of a source
    """
    begin_writing()
    collection = _collection(actor, address)
    known = references_at(collection.id)
    pinned = {one.source_id: one.release_id for one in known}
    keys = {(one.source_id, one.concept_id, one.mapping_id) for one in known}
    new = []
    for target in _targets(actor, expressions, cascade):
        if pinned.setdefault(target.source.id, target.release_id) != target.release_id:
            db.session.rollback()
            words = f"The collection draws on another version of {target.source.short_code} already."
            raise Invalid(fields={"expressions": f"{target.expression}: {words}"})
        if target.key not in keys:
            keys.add(target.key)
            new.append(target)
    if new:
        _add(actor, collection, new)
    db.session.commit()
    return len(new)


def remove_references(actor: Actor, address: Address, expressions: Sequence[str]) -> int:
    """Have a collection no longer draw on what these expressions of its references name; releases keep them.

    :return: how many references were removed
    """
    begin_writing()
    collection = _collection(actor, address)
    of = CollectionReference
    wanted = set(expressions)
    ids = [one.id for one in references_at(collection.id) if one.expression in wanted]
    if ids:
        revision = take_repository_revision(collection.id)
        for begin in range(0, len(ids), AT_ONCE):
            db.session.execute(
                update(of)
                .where(of.id.in_(ids[begin : begin + AT_ONCE]))
                .values(superseded_by=revision.number, removed_at=revision.at)
                .execution_options(synchronize_session=False)
            )
        _say_changed(collection, revision.at)
        _note(actor, collection, "repository.remove_references", len(ids))
    db.session.commit()
    return len(ids)


def joined_since(version: Version, since: datetime) -> dict[str, tuple[tuple[int, int | None], ...]]:
    """What came into a collection at that instant or later: source and id, or None for all of the source."""
    if version.repository.kind != "collection":
        return {}
    came = [one for one in references_at(version.repository.id, version.revision) if one.added_at >= since]
    found: dict[str, tuple[tuple[int, int | None], ...]] = {}
    for table in (CONCEPTS, MAPPINGS):
        own = [(one, one.concept_id if table == CONCEPTS else one.mapping_id) for one in came]
        found[table] = tuple(
            (one.source_id, term)
            for one, term in own
            if term is not None or (one.concept_id is None and one.mapping_id is None)
        )
    return found


def _collection(actor: Actor, address: Address) -> Repository:
    collection = get_repository_to_edit(actor, address)
    if collection.kind != "collection":
        db.session.rollback()
        raise Invalid("Only a collection has references; this is a source.")
    # Whoever changes its references at the same moment waits, and then finds these.
    db.session.execute(select(Repository.id).where(Repository.id == collection.id).with_for_update())
    return collection


def _add(actor: Actor, collection: Repository, targets: Sequence[_Target]) -> None:
    revision, handle = take_repository_revision(collection.id), handle_of(actor)
    db.session.add_all(
        CollectionReference(
            collection_id=collection.id,
            source_id=target.source.id,
            release_id=target.release_id,
            concept_id=target.concept_id,
            mapping_id=target.mapping_id,
            expression=target.expression,
            revision=revision.number,
            added_at=revision.at,
            added_by=handle,
        )
        for target in targets
    )
    _say_changed(collection, revision.at)
    _note(actor, collection, "repository.add_references", len(targets))


def _say_changed(collection: Repository, at: datetime) -> None:
    db.session.execute(
        update(Repository)
        .where(Repository.id == collection.id)
        .values(content_changed_at=at)
        .execution_options(synchronize_session=False)
    )


def _note(actor: Actor, collection: Repository, action: str, count: int) -> None:
    record.note(actor, action, "repository", str(collection.id), row_count=count)


def _targets(actor: Actor, expressions: Sequence[str], cascade: bool) -> list[_Target]:
    found: list[_Target] = []
    for expression in expressions:
        try:
            found += _named(actor, expression, cascade)
        except (Refusal, ValueError):
            db.session.rollback()
            raise Invalid(fields={"expressions": f"{expression}: it names nothing that you may see."}) from None
        if len(found) > MOST_AT_ONCE:
            db.session.rollback()
            words = f"That is more than {MOST_AT_ONCE:,} concepts. Refer to the whole source, or to fewer."
            raise Invalid(fields={"expressions": words})
    return found


def _named(actor: Actor, expression: str, cascade: bool) -> list[_Target]:
    term = TermAddress.find(expression)
    if term is None:
        return [_whole(actor, expression)]
    if not is_code(term.code):
        raise NotFound
    source = get_repository(actor, term.repository)
    release_id = None if term.release is None else find_release(source, term.release).id
    base = f"{term.repository.of_version(term.release or HEAD)}{term.kind}/"
    if term.kind == "mappings":
        ids = _ids(Mapping, source, [term.code])
        return [_Target(source, release_id, None, one, f"{base}{code}/") for code, one in ids.items()]
    ids = _ids(Concept, source, [term.code, *(codes_below(source, term.code) if cascade else ())])
    return [_Target(source, release_id, one, None, f"{base}{code}/") for code, one in ids.items()]


def _ids(model: type[Concept | Mapping], source: Repository, codes: list[str]) -> dict[str, int]:
    """What a source holds under codes now, in their order.

    :raises NotFound: there is nothing under one of them
    """
    found: dict[str, int] = {}
    for begin in range(0, len(codes), AT_ONCE):
        some = model.code.in_(codes[begin : begin + AT_ONCE])
        rows = db.session.execute(select(model.code, model.id).where(model.repository_id == source.id, some))
        found |= dict(rows.all())
    if len(found) < len(codes):
        raise NotFound
    return {code: found[code] for code in codes}


def _whole(actor: Actor, expression: str) -> _Target:
    """A source as it is now, or one of its releases."""
    path = expression if expression.endswith("/") else f"{expression}/"
    parts = path.split("/")
    address = Address.parse("/".join(parts[:5]) + "/")
    source = get_repository(actor, address)
    if source.kind != "source" or len(parts) > 7:
        raise NotFound
    release = None if len(parts) == 6 or parts[5] == HEAD else find_release(source, parts[5])
    return _Target(source, release.id if release else None, None, None, path)


def _row(one: CollectionReference) -> Json:
    term = TermAddress.find(one.expression)
    kind = "repositories" if term is None else term.kind
    system = one.expression if term is None else term.repository.path
    return {
        "expression": one.expression,
        "reference_type": kind,
        "id": one.id,
        "last_resolved_at": instant_text(one.added_at),
        "uri": one.expression,
        "uuid": str(one.id),
        "include": True,
        "type": "CollectionReference",
        "code": None if term is None else term.code,
        "resource_version": None,
        "namespace": None,
        "system": system,
        "version": None if term is None else term.release,
        "valueset": None,
        "cascade": None,
        "filter": None,
        "display": None,
        "created_at": instant_text(one.added_at),
        "updated_at": instant_text(one.added_at),
        "concepts": 1 if one.concept_id is not None else 0,
        "mappings": 1 if one.mapping_id is not None else 0,
        "translation": None,
        "transform": None,
        "created_by": one.added_by,
    }

"""Loading a whole terminology into a source: what is new is added, what differs changed, what is missing retired.

All or nothing: everything is prepared first, then one transaction writes it (and, if asked, a release: see
:func:`app.exports.import_terminology`). Loading the same again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from sqlalchemy import bindparam, case, delete, func, select, update

from app import record
from app.actor import Actor
from app.errors import NotFound
from app.extensions import db
from app.models import Concept, ConceptWord, Mapping, Repository, Revision, take_repository_revision
from app.terminology.addresses import Address
from app.terminology.documents import Home, MappingSays
from app.terminology.keeping import AT_ONCE, TABLES, Row, delete_rows, supersede, term_id
from app.terminology.preparing import Loaded, LoadedConcept, Prepared, Preparing
from app.terminology.repositories import (
    RepositoryFacts,
    get_repository_to_edit,
    handle_of,
    home_of,
    new_repository,
)
from app.terminology.spool import insert_many, insert_spooled

MISSING = ("retire", "delete", "keep")


class Terminology(Protocol):
    """What is loaded. Its concepts and mappings may be read more than once, each time the same ones in one order."""

    facts: RepositoryFacts

    def hierarchy(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Each concept's code and those of its parents."""
        ...

    def concepts(self) -> Iterator[LoadedConcept]: ...

    def mappings(self, address: Address) -> Iterator[tuple[MappingSays, Any]]:
        """What mappings say, and what is given of them (see :class:`~app.terminology.preparing.Given`) or None.

        :param address: where it is loaded
        """
        ...


class ChangedMeanwhile(Exception):
    """Somebody changed the source after the load was prepared: prepare it again."""


def prepare(actor: Actor, address: Address, terminology: Terminology, missing: str = "retire") -> Prepared:
    """Make every row that differs, in a file, outside of any transaction. The caller closes it (it is a context).

    :param missing: what becomes of what the source has and the terminology has not: one of :data:`MISSING`
    :raises NotFound: there is no such owner
    :raises Forbidden: the actor may not change the source, or make one there
    :raises Invalid: a concept cannot be kept, with its code; a hierarchy with a circle
    """
    repository = _existing(actor, address)
    handle = handle_of(actor)
    if repository is None:
        facts = terminology.facts
        home = Home(address, facts.default_locale, tuple(facts.supported_locales), facts.public_access != "None")
    else:
        home = home_of(repository)
    preparing = Preparing(repository, home, handle)
    try:
        preparing.take_concepts(terminology.hierarchy(), terminology.concepts(), missing)
        preparing.take_mappings(terminology.mappings(address))
        preparing.end_missing(missing)
    except BaseException:
        preparing.done().close()
        raise
    finally:
        db.session.rollback()
    return replace(preparing.done(), facts=terminology.facts)


def write(actor: Actor, address: Address, prepared: Prepared) -> tuple[Repository, Loaded]:
    """Write what was prepared, within the caller's writing transaction.

    :raises ChangedMeanwhile: the source is no longer as it was then
    """
    repository = _existing(actor, address)
    if repository is None:
        repository = new_repository(actor, address, prepared.facts)
    if repository.revision != prepared.revision:
        raise ChangedMeanwhile
    loaded = prepared.loaded()
    if loaded.is_nothing:
        return repository, loaded
    revision = take_repository_revision(repository.id)
    db.session.refresh(repository)
    if revision.number != prepared.revision + 1:
        raise ChangedMeanwhile
    for table in ("concept", "mapping"):
        _write(table, repository.id, prepared, revision)
    _write_words(repository.id, prepared, revision)
    _count(repository)
    repository.last_number = prepared.last_number
    repository.content_changed_at = revision.at
    record.note(actor, "repository.load", "repository", str(repository.id), row_count=loaded.added + loaded.changed)
    db.session.flush()
    return repository, loaded


def _existing(actor: Actor, address: Address) -> Repository | None:
    """
    :raises Forbidden: the actor may look at most
    """
    try:
        return get_repository_to_edit(actor, address)
    except NotFound:
        return None


def _write(table: str, repository_id: int, prepared: Prepared, revision: Revision) -> None:
    current = TABLES[table][0]
    added, changed, deleted = prepared.added[table], prepared.changed[table], prepared.deleted[table]
    insert_spooled(current, (_placed(row, repository_id) for row in added.rows(revision.at)), revision)
    for rows in _batched(_placed(row, repository_id) for row in changed.rows(revision.at)):
        supersede(table, [row["id"] for row in rows], revision, None, deleted=False)
        values: dict[str, Any] = {
            name: bindparam(f"new_{name}") for name in rows[0] if name not in ("id", "repository_id")
        }
        values |= {"updated_at": revision.at, "revision": revision.number, "changed_by": None}
        given = [{"of": row["id"], **{f"new_{name}": row[name] for name in row}} for row in rows]
        db.session.connection().execute(update(current).where(current.c.id == bindparam("of")).values(**values), given)
    supersede(table, deleted, revision, None, deleted=True)
    delete_rows(table, deleted)


def _placed(row: Row, repository_id: int) -> Row:
    own = {name: value for name, value in row.items() if name not in ("words", "number")}
    return own | {"id": term_id(repository_id, row["number"]), "repository_id": repository_id}


def _write_words(repository_id: int, prepared: Prepared, revision: Revision) -> None:
    changed = prepared.changed["concept"]
    for rows in _batched(changed.rows(revision.at)):
        ids = [term_id(repository_id, row["number"]) for row in rows]
        db.session.execute(
            delete(ConceptWord).where(ConceptWord.concept_id.in_(ids)), execution_options={"synchronize_session": False}
        )
    words = (
        (repository_id, word, term_id(repository_id, row["number"]))
        for spool in (prepared.added["concept"], changed)
        for row in spool.rows(revision.at)
        for word in row["words"]
    )
    insert_many(ConceptWord.__table__, ("repository_id", "word", "concept_id"), words)  # type: ignore[arg-type]


def _count(repository: Repository) -> None:
    for model, name in ((Concept, "concepts"), (Mapping, "mappings")):
        active = func.coalesce(func.sum(case((model.retired, 0), else_=1)), 0)
        counted = db.session.execute(
            select(func.count(), active).select_from(model).where(model.repository_id == repository.id)
        ).one()
        setattr(repository, name, int(counted[0]))
        setattr(repository, f"active_{name}", int(counted[1]))


def _batched(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some

"""Make, change, retire and remove mappings, and find those that lead from or to a concept."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import ColumnElement, select

from app import record
from app.access.visibility import viewable
from app.actor import Actor
from app.errors import Duplicate, Invalid, NotFound, Refusal
from app.extensions import db
from app.models import Mapping, Repository, begin_writing, take_repository_revision
from app.terminology.addresses import Address, TermAddress, check_code
from app.terminology.documents import Facts, MappingSays, Place, instant_text, place_here
from app.terminology.keeping import (
    Writer,
    add_rows,
    change_row,
    delete_rows,
    last_versions,
    row_of,
    supersede,
    take_number,
    term_id,
)
from app.terminology.repositories import get_repository, get_repository_to_edit, handle_of, home_of
from app.terminology.saying import mapping_of, next_version
from app.terminology.terms import Term, get_concept, get_mapping
from app.terminology.versions import number_of

MOST_SHOWN = 500
NO_MAPPING = "There is no such mapping."


@dataclass(frozen=True, slots=True)
class MappingWish:
    """What a mapping is to say.

    It leads from a concept of this deployment (``from_concept_url``) to another (``to_concept_url``), or to a code of
    a terminology elsewhere (``to_concept_code`` with ``to_source_url`` or ``to_source_name``, and a name if one likes).
    """

    map_type: str
    from_concept_url: str
    to_concept_url: str | None = None
    to_concept_code: str | None = None
    to_concept_name: str | None = None
    to_source_url: str | None = None
    to_source_name: str | None = None
    code: str | None = None
    external_id: str | None = None
    sort_weight: float | None = None
    extras: MappingOf[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MappedBothWays:
    """The mappings that lead from a concept, and those that lead to it, of every repository that one may view."""

    leading_from: tuple[Term, ...]
    leading_to: tuple[Term, ...]


def wish_of_mapping(term: Term) -> MappingWish:
    """What a mapping says now, to be changed and given to :func:`edit_mapping`."""
    says, _ = mapping_of(term.json)
    target = says.target
    return MappingWish(
        says.map_type, says.start.url or "", target.url, target.code, target.name, target.source_url,
        target.source_name, says.code, says.external_id, says.sort_weight, says.extras,
    )  # fmt: skip


def mappings_of(actor: Actor | None, address: Address, code: str) -> MappedBothWays:
    """The mappings from and to a concept as they are now, at most :data:`MOST_SHOWN` each way.

    :raises NotFound: there is no such source
    :raises Forbidden: it is private
    """
    url = address.of_concept(code)
    get_repository(actor, address)
    return MappedBothWays(_leading(actor, Mapping.from_url == url), _leading(actor, Mapping.to_url == url))


def create_mapping(actor: Actor, address: Address, wish: MappingWish, comment: str | None = None) -> Term:
    """Make a mapping; without a ``code`` it gets its number for one.

    :raises NotFound: there is no such source
    :raises Forbidden: the actor may look at most
    :raises Invalid: it leads from or to nowhere, or a value is wrong, in a sentence for each field
    :raises Duplicate: there is one of that code
    """
    _check(wish)
    begin_writing()
    repository, writer = _writing(actor, address)
    says = _said(actor, wish)
    if wish.code is not None and _document(repository, wish.code) is not None:
        raise _ended(Duplicate(fields={"id": f"There is a mapping {wish.code} already."}))
    known = last_versions("mapping", repository.id, [wish.code]).get(wish.code) if wish.code else None
    number = number_of(known[0]) if known else _free_number(repository, wish.code)
    at = instant_text(writer.revision.at)
    facts = Facts(number, known[1] + 1 if known else 1, at, writer.handle, at, writer.handle, comment)
    says = replace(says, code=wish.code or str(number))
    add_rows("mapping", [row_of(writer, says, facts)])
    repository.mappings += 1
    repository.active_mappings += 1
    return _finish(actor, address, repository, writer, "mapping.create", says.code)


def edit_mapping(actor: Actor, address: Address, code: str, wish: MappingWish, comment: str | None = None) -> Term:
    """Let a mapping say something else; its code stays. Refusals as :func:`create_mapping`."""
    _check(replace(wish, code=code))
    begin_writing()
    repository, writer, says, facts = _changing(actor, address, code)
    new = replace(_said(actor, wish), code=code, retired=says.retired)
    if new == says:
        db.session.rollback()
        return get_mapping(actor, address, code)
    _change(writer, new, facts, comment, facts.retire_reason)
    return _finish(actor, address, repository, writer, "mapping.edit", code)


def retire_mapping(actor: Actor, address: Address, code: str, reason: str | None = None) -> Term:
    """Take a mapping out of use; it stays, and says so.

    :raises NotFound: there is no such mapping
    :raises Forbidden: the actor may look at most
    """
    return _set_retired(actor, address, code, True, reason)


def restore_mapping(actor: Actor, address: Address, code: str, comment: str | None = None) -> Term:
    """Take a retired mapping back into use; refusals as :func:`retire_mapping`."""
    return _set_retired(actor, address, code, False, comment)


def delete_mapping(actor: Actor, address: Address, code: str) -> None:
    """Remove a mapping; releases keep it. Refusals as :func:`retire_mapping`."""
    begin_writing()
    repository, writer, says, facts = _changing(actor, address, code)
    one = term_id(repository.id, facts.number)
    supersede("mapping", [one], writer.revision, writer.user_id, deleted=True)
    delete_rows("mapping", [one])
    repository.mappings -= 1
    repository.active_mappings -= not says.retired
    _note(actor, repository, writer, "mapping.delete", code)
    db.session.commit()


def _leading(actor: Actor | None, way: ColumnElement[bool]) -> tuple[Term, ...]:
    of = Mapping
    wanted = (
        select(of.id, of.code, of.retired, of.version, of.document, of.updated_at, of.revision)
        .join(Repository, Repository.id == of.repository_id)
        .where(way, viewable(actor))
        .order_by(of.retired, of.map_type, of.to_code, of.id)
        .limit(MOST_SHOWN)
    )
    if actor is not None:
        wanted = wanted.where(Repository.tenant_id == actor.tenant_id)
    return tuple(Term(*row) for row in db.session.execute(wanted))


def _check(wish: MappingWish) -> None:
    wrong: dict[str, str] = {}
    if wish.code is not None:
        check_code(wish.code, "id")
    if not 1 <= len(wish.map_type.strip()) <= 100:
        wrong["map_type"] = "Use 1 to 100 characters."
    if not wish.to_concept_url and not (wish.to_concept_code and (wish.to_source_url or wish.to_source_name)):
        wrong["to_concept_url"] = "It leads nowhere: name a concept, or a code and the terminology that it is of."
    if wish.to_concept_code and len(wish.to_concept_code) > 255:
        wrong["to_concept_code"] = "Use at most 255 characters."
    texts = [wish.map_type, wish.to_concept_code, wish.to_concept_name, wish.to_source_url, wish.to_source_name]
    try:
        kept = orjson.dumps([*texts, wish.external_id, dict(wish.extras)])
    except (TypeError, ValueError):
        kept = b"\\u0000"
    if b"\\u0000" in kept or len(kept) > 1 << 20:
        wrong["extras"] = "A text is too long, or holds a sign that cannot be kept."
    if wrong:
        raise Invalid(fields=wrong)


def _said(actor: Actor, wish: MappingWish) -> MappingSays:
    """What the wish says, both ends looked up."""
    start = _concept(actor, wish.from_concept_url, "from_concept_url")
    return MappingSays(
        code="",
        map_type=wish.map_type.strip(),
        start=start,
        target=_target(actor, wish),
        extras=dict(wish.extras),
        external_id=wish.external_id,
        sort_weight=wish.sort_weight,
    )


def _target(actor: Actor, wish: MappingWish) -> Place:
    if wish.to_concept_url:
        return replace(_concept(actor, wish.to_concept_url, "to_concept_url"), name=wish.to_concept_name)
    return Place(
        code=wish.to_concept_code or "",
        name=wish.to_concept_name,
        source_url=wish.to_source_url,
        source_name=wish.to_source_name,
        resolved=wish.to_concept_name,
    )


def _concept(actor: Actor, url: str, field_name: str) -> Place:
    """
    :raises Invalid: the path names no concept that the actor may see
    """
    found = TermAddress.find(url)
    try:
        if found is None or found.kind != "concepts":
            raise NotFound
        shown = get_concept(actor, found.repository, found.code).json["display_name"]
    except Refusal:
        raise _ended(Invalid(fields={field_name: f"{url} names no concept that you may see."})) from None
    return place_here(found.repository, found.code, shown)


def _free_number(repository: Repository, code: str | None) -> int:
    """A number that, where the mapping has no code of its own, is no other's code."""
    number = take_number(repository)
    while code is None and _document(repository, str(number)) is not None:
        number = take_number(repository)
    return number


def _writing(actor: Actor, address: Address) -> tuple[Repository, Writer]:
    repository = get_repository_to_edit(actor, address)
    if repository.kind != "source":
        raise _ended(Invalid("A collection holds no mappings of its own: add references to it."))
    revision = take_repository_revision(repository.id)
    db.session.refresh(repository)
    return repository, Writer(repository.id, home_of(repository), revision, handle_of(actor), actor.user_id)


def _changing(actor: Actor, address: Address, code: str) -> tuple[Repository, Writer, MappingSays, Facts]:
    repository, writer = _writing(actor, address)
    document = _document(repository, code)
    if document is None:
        raise _ended(NotFound(NO_MAPPING))
    return repository, writer, *mapping_of(orjson.loads(document))


def _document(repository: Repository, code: str) -> str | None:
    of_it = Mapping.repository_id == repository.id, Mapping.code == code
    return db.session.scalar(select(Mapping.document).where(*of_it))


def _change(writer: Writer, says: MappingSays, facts: Facts, comment: str | None, reason: str | None) -> None:
    at = instant_text(writer.revision.at)
    row = row_of(writer, says, next_version(facts, on=at, by=writer.handle, comment=comment, reason=reason))
    supersede("mapping", [row["id"]], writer.revision, None, deleted=False)
    change_row("mapping", row)


def _set_retired(actor: Actor, address: Address, code: str, retired: bool, words: str | None) -> Term:
    begin_writing()
    repository, writer, says, facts = _changing(actor, address, code)
    if says.retired == retired:
        db.session.rollback()
        return get_mapping(actor, address, code)
    _change(writer, replace(says, retired=retired), facts, words, words if retired else None)
    repository.active_mappings += -1 if retired else 1
    return _finish(actor, address, repository, writer, "mapping.retire" if retired else "mapping.restore", code)


def _note(actor: Actor, repository: Repository, writer: Writer, action: str, code: str) -> None:
    repository.content_changed_at = writer.revision.at
    record.note(actor, action, "repository", str(repository.id), details={"id": code})


def _finish(actor: Actor, address: Address, repository: Repository, writer: Writer, action: str, code: str) -> Term:
    _note(actor, repository, writer, action, code)
    db.session.commit()
    return get_mapping(actor, address, code)


def _ended(refusal: Invalid | NotFound) -> Invalid | NotFound:
    db.session.rollback()
    return refusal

"""Make, change, retire and remove mappings, and find those that lead from or to a concept."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import ColumnElement, select

from app.access.visibility import viewable
from app.actor import Actor
from app.errors import Duplicate, Invalid, NotFound, Refusal
from app.extensions import db
from app.models import Mapping, Repository
from app.terminology.addresses import Address, TermAddress, check_code
from app.terminology.documents import MappingSays, Place, place_here
from app.terminology.editing import Kind, ended
from app.terminology.repositories import get_repository
from app.terminology.saying import mapping_of
from app.terminology.terms import Term, get_concept, get_mapping

MOST_SHOWN = 500
LONGEST_URL = 600
_MAPPINGS = Kind("mapping", mapping_of, get_mapping)


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
    edit = _MAPPINGS.begin(actor, address)
    says = _said(actor, wish)
    if wish.code is not None and edit.find(wish.code) is not None:
        raise ended(Duplicate(fields={"id": f"There is a mapping {wish.code} already."}))
    facts = edit.new_facts(wish.code or None, comment)
    says = replace(says, code=wish.code or str(facts.number))
    edit.add(says, facts)
    return edit.finish("create", says.code)


def edit_mapping(actor: Actor, address: Address, code: str, wish: MappingWish, comment: str | None = None) -> Term:
    """Let a mapping say something else; its code stays. Refusals as :func:`create_mapping`."""
    _check(replace(wish, code=code))
    edit = _MAPPINGS.begin(actor, address)
    says, facts = edit.held(code)
    new = replace(_said(actor, wish), code=code, retired=says.retired)
    if new == says:
        return edit.unchanged(code)
    edit.change(new, facts, comment, facts.retire_reason)
    return edit.finish("edit", code)


def retire_mapping(actor: Actor, address: Address, code: str, reason: str | None = None) -> Term:
    """Take a mapping out of use; it stays, and says so.

    :raises NotFound: there is no such mapping
    :raises Forbidden: the actor may look at most
    """
    return _MAPPINGS.set_retired(actor, address, code, True, reason)


def restore_mapping(actor: Actor, address: Address, code: str, comment: str | None = None) -> Term:
    """Take a retired mapping back into use; refusals as :func:`retire_mapping`."""
    return _MAPPINGS.set_retired(actor, address, code, False, comment)


def delete_mapping(actor: Actor, address: Address, code: str) -> None:
    """Remove a mapping; releases keep it. Refusals as :func:`retire_mapping`."""
    edit = _MAPPINGS.begin(actor, address)
    says, facts = edit.held(code)
    edit.remove(says, facts)
    edit.commit("delete", code)


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


def check_loaded(says: MappingSays) -> None:
    """Of one that an export tells of: its ends are taken as they are told, also those that are not here.

    :raises Invalid: it cannot be kept, with its code
    """
    start, target = says.start, says.target
    sizes: list[tuple[Any, int, int]] = [
        (says.map_type, 1, 100), (start.url, 1, LONGEST_URL), (start.code, 1, 255), (target.code, 0, 255),
        ("" if target.url is None else target.url, 0, LONGEST_URL),
    ]  # fmt: skip
    sized = all(isinstance(text, str) and least <= len(text) <= most for text, least, most in sizes)
    kinds = isinstance(says.extras, dict) and isinstance(says.sort_weight, int | float | None)
    try:
        check_code(says.code, "id")
        kept = orjson.dumps(says)
    except (Invalid, TypeError, ValueError):
        kept = b"\\u0000"
    if not (sized and kinds) or b"\\u0000" in kept or len(kept) > 1 << 20:
        raise Invalid(f"The mapping {says.code} cannot be kept: a text is missing, too long or holds a wrong sign.")


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
        raise ended(Invalid(fields={field_name: f"{url} names no concept that you may see."})) from None
    return place_here(found.repository, found.code, shown)

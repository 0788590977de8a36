"""Lists of entities: filtered, searched, sorted, a page at a time by keyset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, literal, select, tuple_

from app.access import visible_entities, visible_organizations
from app.access.permissions import Permission
from app.access.visibility import organizations_with
from app.actor import Actor
from app.catalog.cursors import Cursor, Direction, read_cursor
from app.catalog.findability import can_be_kept
from app.catalog.search import matching, words_asked
from app.errors import NotFound
from app.extensions import db
from app.models import Entity, Organization, Reference
from app.models.template import DATA_TYPES
from app.models.types import Id, Instant, from_milliseconds, to_milliseconds

Sort = Literal["caption", "created_at", "updated_at"]
SORTS: tuple[Sort, ...] = ("caption", "created_at", "updated_at")
PAGE_SIZES = (25, 50, 100)
COUNTED_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """What to list.

    :param search: words, each of which must begin a word of the entity
    :param refers_to: only entities that refer to this one; ``by_attribute`` narrows it to one attribute
    :param cursor: from a page's ``previous`` or ``next``; a broken one means the first page
    :param page_size: any from 1 to 100; the portal offers :data:`PAGE_SIZES`
    """

    data_type: str
    template_ids: tuple[UUID, ...] = ()
    organization_ids: tuple[UUID, ...] = ()
    search: str = ""
    refers_to: UUID | None = None
    by_attribute: str | None = None
    sort: Sort = "updated_at"
    descending: bool = True
    cursor: str | None = None
    page_size: int = 25

    @property
    def order(self) -> str:
        return f"-{self.sort}" if self.descending else self.sort


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, with the cursors of the pages on both sides; None at an end."""

    items: tuple[Entity, ...]
    previous: str | None
    next: str | None


def list_entities(actor: Actor, query: EntityQuery) -> Page:
    """A page of the entities that the actor may see.

    :raises NotFound: there is no such data type
    """
    _check(query)
    filtered = _filtered(actor, query)
    cursor = read_cursor(query.cursor, query.order)
    place = _place(actor, cursor) if cursor else None
    if cursor is None or place is None:
        return _first_page(filtered, query)
    rows = _rows(filtered, query, cursor.direction, place)
    whole = len(rows) > query.page_size
    rows = rows[: query.page_size]
    if not rows or (cursor.direction == "before" and not whole):
        return _first_page(filtered, query)
    if cursor.direction == "before":
        return _page(query, rows[::-1], more_before=whole, more_after=True)
    return _page(query, rows, more_before=True, more_after=whole)


def count_entities(actor: Actor, query: EntityQuery, at_most: int = COUNTED_AT_MOST) -> int:
    """How many entities the query finds on all its pages; counting stops at ``at_most`` + 1."""
    _check(query)
    some = _filtered(actor, query).with_only_columns(Entity.id).limit(at_most + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def found_ids(actor: Actor, query: EntityQuery, at_most: int) -> tuple[UUID, ...]:
    """The ids of what the query finds on all its pages, in its order; of more than ``at_most`` the first."""
    _check(query)
    ids = _filtered(actor, query).with_only_columns(Entity.id)
    return tuple(db.session.scalars(ids.order_by(*_order(query, query.descending)).limit(at_most)))


def counts_by_data_type(actor: Actor, at_most: int = COUNTED_AT_MOST) -> dict[str, int]:
    """How many entities of each data type the actor may see; counting stops at ``at_most`` + 1 of each."""
    return {data_type: count_entities(actor, EntityQuery(data_type), at_most) for data_type in DATA_TYPES}


def recently_changed(actor: Actor, data_type: str, limit: int) -> list[Entity]:
    """The entities of a data type that changed last."""
    return list(list_entities(actor, EntityQuery(data_type, page_size=limit)).items)


def _check(query: EntityQuery) -> None:
    if query.data_type not in DATA_TYPES:
        raise NotFound("There is no such kind of record.")
    if query.sort not in SORTS or not 1 <= query.page_size <= 100:
        raise ValueError("no such order or size of a page")


def _filtered(actor: Actor, query: EntityQuery) -> Select[Entity]:
    found = within_walls(actor, query.organization_ids).where(Entity.data_type == query.data_type)
    if query.template_ids:
        found = found.where(Entity.template_id.in_(query.template_ids))
    if query.refers_to is not None:
        pointing = select(Reference.entity_id).where(Reference.target_id == query.refers_to)
        if query.by_attribute is not None:
            asked = can_be_kept(query.by_attribute)
            pointing = pointing.where(Reference.attribute == query.by_attribute if asked else false())
        found = found.where(Entity.id.in_(pointing))
    words = words_asked(query.search)
    return found.where(*matching(actor.tenant_id, query.data_type, words)) if words else found


def within_walls(actor: Actor, organization_ids: tuple[UUID, ...] = ()) -> Select[Entity]:
    """What the actor may see, of these organizations if any are named; in words that find the right index."""
    places = _places(actor, organization_ids)
    if places is not None and len(places) == 1:
        # An organization lies in one tenant. Without the tenant's own condition, SQLite takes the organization's
        # index for the order, and does not walk past everybody else's rows.
        seen = visible_organizations(actor).with_only_columns(Organization.id)
        place = seen.where(Organization.id == places[0]).scalar_subquery()
        return select(Entity).where(Entity.organization_id == place)
    found = visible_entities(actor)
    if organization_ids:
        found = found.where(Entity.organization_id.in_(organization_ids))
    return found


def _places(actor: Actor, organization_ids: tuple[UUID, ...]) -> tuple[UUID, ...] | None:
    scope = organizations_with(actor, Permission.VIEW)
    if not organization_ids:
        return scope
    return tuple(asked for asked in organization_ids if scope is None or asked in scope)


def _first_page(filtered: Select[Entity], query: EntityQuery) -> Page:
    rows = _rows(filtered, query, "after", None)
    whole = len(rows) > query.page_size
    return _page(query, rows[: query.page_size], more_before=False, more_after=whole)


def _rows(filtered: Select[Entity], query: EntityQuery, direction: Direction, place: Any) -> list[Entity]:
    """One row more than a page holds, from the place on, nearest first."""
    falling = query.descending == (direction == "after")
    if place is not None:
        here = tuple_(getattr(Entity, query.sort), Entity.id)
        filtered = filtered.where(here < place if falling else here > place)
    return list(db.session.scalars(filtered.order_by(*_order(query, falling)).limit(query.page_size + 1)))


def _order(query: EntityQuery, falling: bool) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    column = getattr(Entity, query.sort)
    return (column.desc(), Entity.id.desc()) if falling else (column.asc(), Entity.id.asc())


def _place(actor: Actor, cursor: Cursor) -> Any:
    here = literal(cursor.entity_id, Id)
    if cursor.sort.endswith("caption"):
        seen = visible_entities(actor).with_only_columns(Entity.caption).where(Entity.id == cursor.entity_id)
        caption = db.session.scalar(seen)
        return None if caption is None else tuple_(literal(caption), here)
    if cursor.milliseconds is None:
        return None
    return tuple_(literal(from_milliseconds(cursor.milliseconds), Instant), here)


def _page(query: EntityQuery, rows: list[Entity], *, more_before: bool, more_after: bool) -> Page:
    def beside(row: Entity, direction: Direction) -> str:
        cursor = Cursor(query.order, direction, row.id)
        if query.sort != "caption":
            cursor = replace(cursor, milliseconds=to_milliseconds(getattr(row, query.sort)))
        return cursor.text()

    return Page(
        tuple(rows),
        beside(rows[0], "before") if more_before else None,
        beside(rows[-1], "after") if more_after else None,
    )

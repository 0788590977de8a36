"""Entities as they were at a revision: current rows and history rows in one statement for each key range.

A row that moves from current to history between two reads would be lost or doubled; one statement sees it once.
Each page is a short transaction of its own, so none stays open while bytes are written. A snapshot is a number, so
pages read hours apart still belong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, func, literal, select, tuple_, union_all

from app.extensions import db
from app.models import Entity, EntityHistory

CURRENT: Table = Entity.__table__  # type: ignore[assignment]
HISTORY: Table = EntityHistory.__table__  # type: ignore[assignment]
_FACTS = ("id", "key", "caption", "template_id", "organization_id", "attributes", "phi_attributes", "created_at",
          "updated_at")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a selection's order: the row's time and, between equal times, its id."""

    time: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entities, as they were at ``revision``, and in which order.

    :param organization_ids: ``None`` is every organization of the tenant; an empty tuple is none
    :param time_column: ``created_at`` or ``updated_at``: what the period and the order go by
    :param start: first instant of the period, or ``None``; ``end`` is the first instant after it
    """

    tenant_id: UUID
    revision: int
    data_type: str
    organization_ids: tuple[UUID, ...] | None
    time_column: str = "created_at"
    start: datetime | None = None
    end: datetime | None = None
    template_ids: tuple[UUID, ...] = ()
    entity_ids: tuple[UUID, ...] = ()
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """One entity's version: its facts, and its own attributes as JSON text."""

    id: UUID
    key: str
    caption: str
    template_id: UUID
    organization_id: UUID
    attributes: str
    phi_attributes: str
    created_at: datetime
    updated_at: datetime

    def position(self, selection: Selection) -> Position:
        return Position(getattr(self, selection.time_column), self.id)


@dataclass(frozen=True, slots=True)
class Name:
    """What an entity is called by others, as it was at the revision."""

    key: str
    caption: str
    template_id: UUID
    data_type: str
    organization_id: UUID


def positions(selection: Selection, page_rows: int) -> Iterator[list[Position]]:
    """The selection's places in order, in pages: what a plan cuts its parts from."""
    columns = (selection.time_column, "id")
    for rows in _pages(selection, columns, None, None, page_rows):
        yield [Position(row[0], row[1]) for row in rows]


def pages(
    selection: Selection, page_rows: int, after: Position | None = None, until: Position | None = None
) -> Iterator[list[Record]]:
    """The selection's records in order, in pages of at most ``page_rows``.

    :param after: begin behind this place; ``None`` is the beginning
    :param until: end with this place; ``None`` is the end
    """
    for rows in _pages(selection, _FACTS, after, until, page_rows):
        yield [Record(*row) for row in rows]


def names_at(tenant_id: UUID, revision: int, ids: Iterable[UUID]) -> dict[UUID, Name]:
    """What the entities of those ids were called at the revision; unknown ones are left out."""
    found: dict[UUID, Name] = {}
    wanted = sorted(set(ids))
    columns = ("id", "key", "caption", "template_id", "data_type", "organization_id")
    for begin in range(0, len(wanted), 500):
        some = wanted[begin : begin + 500]
        statement = union_all(
            *(
                select(*(table.c[name] for name in columns)).where(
                    table.c.tenant_id == tenant_id, table.c.id.in_(some), _held_at(table, revision)
                )
                for table in (CURRENT, HISTORY)
            )
        )
        with db.engine.connect() as connection:
            found |= {row[0]: Name(*row[1:]) for row in connection.execute(statement)}
    return found


def count_current(selection: Selection) -> list[tuple[UUID, int, int]]:
    """For each template: how many entities of the selection there are now, and the bytes of their documents."""
    total = func.coalesce(func.sum(CURRENT.c.document_bytes), 0)
    statement = (
        select(CURRENT.c.template_id, func.count(), total)
        .where(*_conditions(CURRENT, selection))
        .group_by(CURRENT.c.template_id)
    )
    with db.engine.connect() as connection:
        return [(row[0], int(row[1]), int(row[2])) for row in connection.execute(statement)]


def current_ids(selection: Selection) -> Select[tuple[UUID]]:
    """The ids of the selection's current entities, for another select to use."""
    return select(CURRENT.c.id).where(*_conditions(CURRENT, selection))


def _pages(
    selection: Selection, columns: Sequence[str], after: Position | None, until: Position | None, page_rows: int
) -> Iterator[list[Any]]:
    place = after
    while True:
        with db.engine.connect() as connection:
            rows = list(connection.execute(_page(selection, columns, place, until, page_rows)))
        if rows:
            yield rows
        if len(rows) < page_rows:
            return
        last = rows[-1]._mapping
        place = Position(last[selection.time_column], last["id"])


def _page(
    selection: Selection, columns: Sequence[str], after: Position | None, until: Position | None, limit: int
) -> Any:
    halves = [
        select(*(table.c[name] for name in columns)).where(
            *_conditions(table, selection), *_between(table, selection, after, until)
        )
        for table in (CURRENT, HISTORY)
    ]
    both = union_all(*halves)
    time, key = both.selected_columns[selection.time_column], both.selected_columns["id"]
    order = (time.desc(), key.desc()) if selection.descending else (time.asc(), key.asc())
    return both.order_by(*order).limit(limit)


def _held_at(table: Table, revision: int) -> ColumnElement[bool]:
    began = table.c.revision <= revision
    return and_(began, table.c.superseded_by > revision) if table is HISTORY else began


def _conditions(table: Table, selection: Selection) -> Iterator[ColumnElement[bool]]:
    time = table.c[selection.time_column]
    yield table.c.tenant_id == selection.tenant_id
    yield table.c.data_type == selection.data_type
    yield _held_at(table, selection.revision)
    if selection.organization_ids is not None:
        yield table.c.organization_id.in_(selection.organization_ids)
    if selection.template_ids:
        yield table.c.template_id.in_(selection.template_ids)
    if selection.entity_ids:
        yield table.c.id.in_(selection.entity_ids)
    if selection.start is not None:
        yield time >= selection.start
    if selection.end is not None:
        yield time < selection.end


def _between(
    table: Table, selection: Selection, after: Position | None, until: Position | None
) -> Iterator[ColumnElement[bool]]:
    time, key = table.c[selection.time_column], table.c.id
    place = tuple_(time, key)
    for bound, inclusive, forward in ((after, False, True), (until, True, False)):
        if bound is None:
            continue
        other = tuple_(literal(bound.time, time.type), literal(bound.id, key.type))
        rising = forward is not selection.descending
        if inclusive:
            yield place >= other if rising else place <= other
        else:
            yield place > other if rising else place < other

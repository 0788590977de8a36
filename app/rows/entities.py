"""Entities as they were at a revision: current rows and history rows in one statement for each key range.

A row that moves from current to history between two reads would be lost or doubled; one statement sees it once.
Each page is a short transaction of its own, so none stays open while bytes are written. A snapshot is a number, so
pages read hours apart still belong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    and_,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)

from app.extensions import db
from app.models import Entity, EntityHistory, Template

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
class Room:
    """Where in a statement's text a place will be written: its time and its id, in words that occur nowhere else."""

    time: str
    id: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entities, as they were at ``revision``, and in which order.

    :param organization_ids: ``None`` is every organization of the tenant; an empty tuple is none
    :param time_column: ``created_at`` or ``updated_at``: what the order goes by
    :param start: first instant of the period, or ``None``; ``end`` is the first instant after it
    :param period_column: what the period goes by; ``None`` is the order's own. Another one costs a look at each record
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
    period_column: str | None = None

    @property
    def has_own_period(self) -> bool:
        """Whether the period goes by another time than the order."""
        return self.period_column not in (None, self.time_column)


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


def pages(selection: Selection, page_rows: int) -> Iterator[list[Record]]:
    """The selection's records in order, in pages of at most ``page_rows``."""
    place: Position | None = None
    while True:
        both = union_all(*_halves(selection, place, None))
        page = both.order_by(*_order(both.selected_columns, selection)).limit(page_rows)
        with db.engine.connect() as connection:
            records = [Record(*row) for row in connection.execute(page)]
        if records:
            yield records
        if len(records) < page_rows:
            return
        place = records[-1].position(selection)


def stride(
    snapshot: Connection, selection: Selection, after: Position | None, rows: int
) -> tuple[Position | None, int, int]:
    """The next ``rows`` records behind a place, in a snapshot whose newest revision is the selection's.

    Read from the index alone, so it costs a fraction of a page. Counts the current table: the selection's revision is
    the newest one there.

    :return: the place of the last of them, how many there are, and the bytes of their documents; ``(None, 0, 0)`` when
        none is left
    """
    time, key = CURRENT.c[selection.time_column], CURRENT.c.id
    order = _order(CURRENT.c, selection)
    some = (
        select(time.label("time"), key.label("id"), CURRENT.c.document_bytes)
        .where(*_chosen(CURRENT, selection, after, None))
        .order_by(*order)
        .limit(rows)
    ).subquery()
    counted = snapshot.execute(select(func.count(), func.coalesce(func.sum(some.c.document_bytes), 0))).one()
    number, size = int(counted[0]), int(counted[1])
    if not number:
        return None, 0, 0
    last = snapshot.execute(
        select(time, key).where(*_chosen(CURRENT, selection, after, None)).order_by(*order).limit(1).offset(number - 1)
    ).one()
    return Position(last[0], last[1]), number, size


def lengths(
    snapshot: Connection, selection: Selection, after: Position | None, until: Position | None, what: ColumnElement[int]
) -> list[int]:
    """A number for each record between two places, in order, in a snapshot as for :func:`stride`.

    :param what: an expression over the current table's columns
    """
    wanted = select(what).where(*_chosen(CURRENT, selection, after, until))
    return list(snapshot.execute(wanted.order_by(*_order(CURRENT.c, selection))).scalars())


def selected(selection: Selection, after: Position | Room | None, until: Position | Room) -> Subquery:
    """The records between two places (the first one not among them), current and history in one statement, in no
    order.
    """
    return union_all(*_halves(selection, after, until)).subquery("record")


def count_current(selection: Selection) -> list[tuple[UUID, int, int]]:
    """For each template: how many entities of the selection there are now, and the bytes of their documents."""
    templates = select(Template.id).where(
        Template.tenant_id == selection.tenant_id, Template.data_type == selection.data_type
    )
    with db.engine.connect() as connection:
        known = selection.template_ids or tuple(connection.scalars(templates.order_by(Template.id)))
        # Filters beside each other: grouping would make SQLite sort what it only has to count.
        counted = [
            number
            for one in known
            for number in (
                func.count().filter(CURRENT.c.template_id == one),
                func.coalesce(func.sum(CURRENT.c.document_bytes).filter(CURRENT.c.template_id == one), 0),
            )
        ]
        if not counted:
            return []
        found = connection.execute(select(*counted).where(*_chosen(CURRENT, selection))).one()
    numbers = [(one, int(found[2 * place]), int(found[2 * place + 1])) for place, one in enumerate(known)]
    return [row for row in numbers if row[1]]


def current_ids(selection: Selection) -> Select[tuple[UUID]]:
    """The ids of the selection's current entities, for another select to use."""
    return select(CURRENT.c.id).where(*_chosen(CURRENT, selection))


def _halves(selection: Selection, after: Position | Room | None, until: Position | Room | None) -> list[Select[Any]]:
    return [
        select(*(table.c[name] for name in _FACTS)).where(*_conditions(table, selection, after, until))
        for table in (CURRENT, HISTORY)
    ]


def _order(columns: Any, selection: Selection) -> tuple[Any, Any]:
    time, key = columns[selection.time_column], columns["id"]
    return (time.desc(), key.desc()) if selection.descending else (time.asc(), key.asc())


def held_at(table: Table, revision: int) -> ColumnElement[bool]:
    """The condition that a version of :data:`CURRENT` or :data:`HISTORY` was the present one at a revision."""
    began = table.c.revision <= revision
    return and_(began, table.c.superseded_by > revision) if table is HISTORY else began


def _conditions(
    table: Table, selection: Selection, after: Position | Room | None = None, until: Position | Room | None = None
) -> Iterator[ColumnElement[bool]]:
    yield held_at(table, selection.revision)
    yield from _chosen(table, selection, after, until)


def _chosen(
    table: Table, selection: Selection, after: Position | Room | None = None, until: Position | Room | None = None
) -> Iterator[ColumnElement[bool]]:
    """What the selection asks for between two places, whatever the revision; an index answers it alone."""
    yield table.c.tenant_id == selection.tenant_id
    yield table.c.data_type == selection.data_type
    if selection.organization_ids is not None:
        yield table.c.organization_id.in_(selection.organization_ids)
    if selection.template_ids:
        yield table.c.template_id.in_(selection.template_ids)
    if selection.entity_ids:
        yield table.c.id.in_(selection.entity_ids)
    if selection.has_own_period:
        yield from _within_period(table.c[selection.period_column or ""], selection)
    yield from _between(table, selection, after, until)


def _within_period(time: Column[datetime], selection: Selection) -> Iterator[ColumnElement[bool]]:
    if selection.start is not None:
        yield time >= selection.start
    if selection.end is not None:
        yield time < selection.end


def _between(
    table: Table, selection: Selection, after: Position | Room | None, until: Position | Room | None
) -> Iterator[ColumnElement[bool]]:
    """One bound on either side. A place lies in the period, so it stands for the period's own bound; both of them would
    let SQLite search by the weaker one, and read everything again for each page.
    """
    time = table.c[selection.time_column]
    low, high = (until, after) if selection.descending else (after, until)
    if low is not None:
        place, other = _row(table, selection, low)
        yield place >= other if selection.descending else place > other
    elif selection.start is not None and not selection.has_own_period:
        yield time >= selection.start
    if high is not None:
        place, other = _row(table, selection, high)
        yield place < other if selection.descending else place <= other
    elif selection.end is not None and not selection.has_own_period:
        yield time < selection.end


def _row(table: Table, selection: Selection, place: Position | Room) -> tuple[Any, Any]:
    time, key = table.c[selection.time_column], table.c.id
    if isinstance(place, Room):
        return tuple_(time, key), tuple_(literal_column(place.time, time.type), literal_column(place.id, key.type))
    return tuple_(time, key), tuple_(literal(place.time, time.type), literal(place.id, key.type))

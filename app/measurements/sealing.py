"""Seal what is settled: values that nobody adds to any more, as blocks that exports read at the speed of memory.

Past time of a series is tiled with blocks: each reaches from where the one before it ends to where the next begins,
months without a value included, so that reading a series leaves hardly anything over. Edges are those of UTC months,
unless a month holds more than :data:`MOST_VALUES`. A late value takes one block away, and its stretch is sealed again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Event
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import bindparam, delete, exists, func, insert, select

from app import clock
from app.extensions import db
from app.measurements.batch import EARLIEST_MS, Integers
from app.measurements.unsealing import month_starts
from app.models import Measurement, MeasurementBlock, MeasurementUnsealed, Series, Tenant, begin_writing
from app.models.types import from_milliseconds, to_milliseconds
from app.rounds import go_round
from app.rows.blocks import encoded, grid_of
from app.rows.bulk import Kind, selected_numbers
from app.rows.measured import as_number, as_timestamp, current_statement

log = logging.getLogger(__name__)

SETTLED_FOR = timedelta(hours=1)
MOST_VALUES = 200_000
SMALL_VALUES = 2_000
"""A block of fewer takes in the next month too: reading a block costs what reading a hundred rows does."""
LEAST_VALUES = 100
"""Fewer stay rows."""
VALUES_A_TURN = 500_000
IDLE_SECONDS, BUSY_SECONDS = 60.0, 5.0
_SERIES_AT_ONCE, _MONTHS_AT_ONCE = 50, 500
_KINDS: tuple[Kind, ...] = ("instant", "integer", "double", "integer")


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a call came to. ``again``: there is more to be sealed."""

    blocks: int = 0
    values: int = 0
    again: bool = False


class _Span(NamedTuple):
    start: int
    stop: int

    def meets(self, other: _Span) -> bool:
        return self.start < other.stop and other.start < self.stop


class _Month(NamedTuple):
    """A month that waits for sealing."""

    span: _Span
    touched_at: datetime


class _Block(NamedTuple):
    """A block to be, and how many values it holds."""

    span: _Span
    revision: int
    values: int
    body: bytes


@dataclass(slots=True)
class _Work:
    """What is to be written for a series: ``span`` was read, its blocks take the place of those that begin at
    ``replaced``, and then ``months`` wait no longer.
    """

    series_id: int
    months: list[_Month]
    span: _Span
    replaced: tuple[int, ...] = ()
    blocks: Sequence[_Block] = ()
    read: int = 0


def seal_measurements(
    *, settled_for: timedelta = SETTLED_FOR, limit: int | None = None, stop: Event | None = None
) -> Sealed:
    """Seal the past months of which nothing was delivered for a while.

    Values are read without a lock; each writing transaction is short, and makes sure that nothing changed meanwhile.
    Safe at any time, twice at once, and when it is broken off.

    :param settled_for: how long ago the last delivery to a month must be
    :param limit: stop when so many values were read, or a few more; without it when nothing is left
    :param stop: set it to end the call soon
    """
    month = from_milliseconds(int(month_starts(np.array([to_milliseconds(clock.now())]))[0]))
    settled = clock.now() - settled_for
    blocks = values = read = 0
    moved: set[int] = set()
    while (limit is None or read < limit) and not (stop and stop.is_set()):
        db.session.rollback()
        works, revision, tenant_id = _prepared(month, settled, moved)
        if not works or tenant_id is None:
            return Sealed(blocks, values, bool(moved))
        read += sum(work.read for work in works) + 1
        done = _written(works, tenant_id, revision)
        # The others were changed just now: they are sealed another time.
        moved |= {work.series_id for work in works} - {work.series_id for work in done}
        blocks += sum(len(work.blocks) for work in done)
        values += sum(one.values for work in done for one in work.blocks)
    return Sealed(blocks, values, True)


def keep_sealed_until(stop: Event) -> None:
    """Seal again and again until told to stop, a little at a time. Needs a thread of its own."""

    def look() -> float:
        done = seal_measurements(limit=VALUES_A_TURN, stop=stop)
        if done.blocks:
            log.info("sealed %s values in %s blocks", done.values, done.blocks)
        return BUSY_SECONDS if done.again else IDLE_SECONDS

    go_round(stop, "sealing measurements", look, after_fault=IDLE_SECONDS)


def _prepared(month: datetime, settled: datetime, moved: set[int]) -> tuple[list[_Work], int, UUID | None]:
    """What can be sealed next of a few series of one tenant, and the tenant's revision before it was read."""
    waiting = MeasurementUnsealed
    chosen = (
        select(waiting.series_id, Series.tenant_id, func.count())
        .join(Series, Series.id == waiting.series_id)
        .where(waiting.start < month, waiting.touched_at <= settled, waiting.series_id.not_in(moved))
        .group_by(waiting.series_id, Series.tenant_id)
        .order_by(Series.tenant_id, waiting.series_id)
        .limit(_SERIES_AT_ONCE)
    )
    found = db.session.execute(chosen).all()
    if not found:
        return [], 0, None
    tenant_id: UUID = found[0][1]
    # Before any value: whatever changes from here on has a higher number.
    revision = db.session.execute(select(Tenant.revision).where(Tenant.id == tenant_id)).scalar_one()
    ids: list[int] = []
    months = 0
    for series_id, its_tenant, count in found:
        months += count
        if its_tenant != tenant_id or (ids and months > _MONTHS_AT_ONCE):
            break
        ids.append(series_id)
    horizon = to_milliseconds(month)
    spans, unsealed = _held(ids), _waiting(ids, horizon)
    works: list[_Work] = []
    for series_id in ids:
        if sum(work.read for work in works) >= MOST_VALUES:
            break
        works.append(_work_on(series_id, spans[series_id], unsealed[series_id], horizon, settled))
    return works, revision, tenant_id


def _work_on(
    series_id: int, spans: dict[_Span, int], waiting: Sequence[_Month], horizon: int, settled: datetime
) -> _Work:
    """
    :param spans: of the series' blocks in the order of time, with the number of their values
    """
    ripe = [one for one in waiting if one.touched_at <= settled]
    gaps = list(_gaps([*spans, *(one.span for one in waiting if one.touched_at > settled)], horizon))
    gap = next((gap for gap in gaps if any(one.span.meets(gap) for one in ripe)), None)
    if gap is None:
        return _Work(series_id, ripe, _Span(0, 0))
    small = next((one for one, count in spans.items() if one.stop == gap.start and count < SMALL_VALUES), None)
    span = _Span(small.start if small else gap.start, gap.stop)
    blocks, read = _blocks(series_id, span)
    end = span.stop if read <= MOST_VALUES else blocks[-1].span.stop
    left = [one for one in gaps if one != gap] + [_Span(end, gap.stop)]
    months = [one for one in ripe if not any(part.start < part.stop and part.meets(one.span) for part in left)]
    replaced = (small.start,) if small and blocks else ()
    return _Work(series_id, months, _Span(span.start, end), replaced, blocks, read)


def _held(series_ids: Sequence[int]) -> defaultdict[int, dict[_Span, int]]:
    """The blocks of each series, in the order of time, and how many values each of them holds."""
    block = MeasurementBlock
    rows = db.session.execute(
        select(block.series_id, block.start, block.stop, block.count)
        .where(block.series_id.in_(series_ids))
        .order_by(block.series_id, block.start)
    )
    found: defaultdict[int, dict[_Span, int]] = defaultdict(dict)
    for series_id, start, stop, count in rows:
        found[series_id][_Span(to_milliseconds(start), to_milliseconds(stop))] = count
    return found


def _waiting(series_ids: Sequence[int], horizon: int) -> defaultdict[int, list[_Month]]:
    """The months of each series that wait for sealing, in their order."""
    waiting = MeasurementUnsealed
    rows = db.session.execute(
        select(waiting.series_id, waiting.start, waiting.touched_at)
        .where(waiting.series_id.in_(series_ids), waiting.start < from_milliseconds(horizon))
        .order_by(waiting.series_id, waiting.start)
    )
    found: defaultdict[int, list[_Month]] = defaultdict(list)
    for series_id, start, touched_at in rows:
        begin = to_milliseconds(start)
        after = np.datetime64(begin, "ms").astype("datetime64[M]") + 1
        span = _Span(begin, int(after.astype("datetime64[ms]").astype(np.int64)))
        found[series_id].append(_Month(span, touched_at))
    return found


def _gaps(closed: Sequence[_Span], horizon: int) -> Iterator[_Span]:
    place = EARLIEST_MS
    for span in sorted(closed):
        if place < min(span.start, horizon):
            yield _Span(place, min(span.start, horizon))
        place = max(place, span.stop)
    if place < horizon:
        yield _Span(place, horizon)


def _blocks(series_id: int, span: _Span) -> tuple[list[_Block], int]:
    """The blocks of a span, or of its beginning when it holds more than :data:`MOST_VALUES`, and how many were read."""
    connection = db.session.connection()
    instant = as_timestamp if connection.dialect.name == "postgresql" else as_number
    query = current_statement(series_id, *span, instant, MOST_VALUES + 1)
    times, metrics, values, batches = selected_numbers(connection, query, _KINDS)
    blocks = []
    for own, of_block in _cut(times, span, complete=len(times) <= MOST_VALUES):
        grid = grid_of(times[own], metrics[own], values[own])
        body = encoded(grid, series_id, *of_block)
        blocks.append(_Block(of_block, int(batches[own].max()), own.stop - own.start, body))
    return blocks, len(times)


def _cut(times: Integers, span: _Span, *, complete: bool) -> Iterator[tuple[slice, _Span]]:
    """Where blocks begin and end: which values, and which part of the span."""
    if complete and len(times) < LEAST_VALUES:
        return
    months = month_starts(times)
    begins = [0]
    for place in (np.flatnonzero(months[1:] != months[:-1]) + 1).tolist():
        if place - begins[-1] >= SMALL_VALUES:
            begins.append(place)
    end, stop = len(times), span.stop
    if not complete and len(begins) > 1:
        # The last one's values go on; it is read from its beginning next time.
        end = begins.pop()
        stop = int(months[end])
    elif not complete:
        end, stop = int(np.searchsorted(times, times[-1])), int(times[-1])
    elif len(begins) > 1 and end - begins[-1] < LEAST_VALUES:
        begins.pop()
    edges = [span.start, *(int(months[place]) for place in begins[1:]), stop]
    for (begin, until), (start, before) in zip(pairwise([*begins, end]), pairwise(edges), strict=True):
        yield slice(begin, until), _Span(start, before)


def _written(works: Sequence[_Work], tenant_id: UUID, revision: int) -> list[_Work]:
    """Write what still holds, in one transaction, and say which that was."""
    begin_writing()
    # As whoever takes a revision, and without taking one: until the commit nobody changes anything of the tenant.
    lock = select(Tenant.revision).where(Tenant.id == tenant_id).with_for_update(key_share=True)
    now = db.session.execute(lock).scalar_one()
    # One that was erased meanwhile is left out: a block would bring it back.
    there = set(db.session.scalars(select(Series.id).where(Series.id.in_([work.series_id for work in works]))))
    done = [work for work in works if work.series_id in there and not _moved(work, revision, now)]
    _write(done)
    db.session.commit()
    return done


def _moved(work: _Work, revision: int, now: int) -> bool:
    """Whether the span's values or blocks are not those any more that were read."""
    if work.span.start == work.span.stop:
        return False
    start, stop = (from_milliseconds(one) for one in work.span)
    block, held = MeasurementBlock, Measurement
    others = select(func.count()).where(block.series_id == work.series_id, block.start < stop, block.stop > start)
    if work.blocks and db.session.scalar(others) != len(work.replaced):
        return True
    changed = exists().where(
        held.series_id == work.series_id, held.time >= start, held.time < stop, held.batch > revision
    )
    return now != revision and bool(db.session.scalar(select(changed)))


def _write(works: Sequence[_Work]) -> None:
    block, waiting = MeasurementBlock, MeasurementUnsealed
    statements: list[tuple[Any, list[dict[str, Any]]]] = [
        (
            delete(block).where(block.series_id == bindparam("of"), block.start == bindparam("at")),
            [{"of": work.series_id, "at": from_milliseconds(start)} for work in works for start in work.replaced],
        ),
        (insert(block), [_row(work.series_id, one) for work in works for one in work.blocks]),
        (
            delete(waiting).where(
                waiting.series_id == bindparam("of"),
                waiting.start == bindparam("at"),
                waiting.touched_at == bindparam("since"),
            ),
            [
                {"of": work.series_id, "at": from_milliseconds(month.span.start), "since": month.touched_at}
                for work in works
                for month in work.months
            ],
        ),
    ]
    connection = db.session.connection()
    for statement, rows in statements:
        if rows:
            connection.execute(statement, rows)


def _row(series_id: int, block: _Block) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "start": from_milliseconds(block.span.start),
        "stop": from_milliseconds(block.span.stop),
        "revision": block.revision,
        "count": block.values,
        "body": block.body,
    }

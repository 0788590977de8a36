"""How many values there are, without reading them: roll-ups, and counted values where the period cuts an hour.

Reads the current tables, so a plan's promise is exact in a transaction in which its revision is the newest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select

from app.measurements.times import DAY_MS, HOUR_MS, epoch_ms
from app.models import Measurement, MeasurementRollup, Series
from app.models.types import from_milliseconds

Grain = Literal["day", "hour", "exact"]
_AT_ONCE = 1_000
MINUTE_MS = 60_000
SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch ``[start, end)`` of whole days or whole hours, or less than an hour of which values are counted."""

    grain: Grain
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a series holds within a period. ``first`` and ``last`` bound it by whole days: ``[first, last)``."""

    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Cell:
    """So many values in ``[start, end)``. ``distinct``: an instant and metric that two series hold counts once."""

    start: int
    end: int
    count: int
    distinct: bool


def segments(start: int, end: int) -> list[Segment]:
    """A period as few stretches that touch, in order: hours at its edges, and days between."""
    first, last = _up(start, DAY_MS), _down(end, DAY_MS)
    if first >= last:
        return _within_days(start, end)
    return [*_within_days(start, first), Segment("day", first, last), *_within_days(last, end)]


def held_by_series(
    connection: Connection, series: Sequence[int], metrics: Sequence[int], period: tuple[int, int]
) -> dict[int, Held]:
    """What each series holds of the metrics; those that hold nothing are left out."""
    found: dict[int, Held] = {}
    for some in _by(series):
        for segment in segments(*period):
            for series_id, count, first, last in connection.execute(_sums(some, metrics, segment)):
                known = found.get(series_id, Held(0, first, last))
                first, last = min(known.first, _down(first, DAY_MS)), max(known.last, _down(last, DAY_MS) + DAY_MS)
                found[series_id] = Held(known.count + int(count), first, last)
    return found


def held_by_metric(
    connection: Connection, series: Sequence[int], metrics: Sequence[int]
) -> dict[int, tuple[int, int, int]]:
    """For each metric that the series hold: how many values, and the first and last day on which there are some."""
    roll = MeasurementRollup
    found: dict[int, tuple[int, int, int]] = {}
    for some in _by(series):
        wanted = (
            select(roll.metric_id, func.sum(roll.count), epoch_ms(func.min(roll.start)), epoch_ms(func.max(roll.start)))
            .where(_among(roll.series_id, some), _among(roll.metric_id, metrics), roll.grain == "day")
            # In the order of the table's key, so that nothing is sorted.
            .group_by(roll.series_id, roll.metric_id)
        )
        for metric_id, count, first, last in connection.execute(wanted):
            known = found.get(metric_id, (0, first, last))
            found[metric_id] = (known[0] + int(count), min(known[1], first), max(known[2], last))
    return found


def cells_of(
    connection: Connection, series: Sequence[int], metrics: Sequence[int], period: tuple[int, int]
) -> Iterator[Cell]:
    """What a device's series hold together, day by day; at the edges of the period by the hour or less."""
    for segment in segments(*period):
        if segment.grain == "exact":
            yield Cell(segment.start, segment.end, _distinct(connection, series, metrics, segment), distinct=True)
            continue
        width = DAY_MS if segment.grain == "day" else HOUR_MS
        yield from _rolled(connection, series, metrics, segment, width)


def finer(connection: Connection, series: Sequence[int], metrics: Sequence[int], cell: Cell) -> Iterator[Cell]:
    """A cell in smaller ones: a day's hours from the roll-ups; minutes, seconds and instants by counting the values.

    A cell of one millisecond is as fine as it gets: it comes back as it is.
    """
    width = cell.end - cell.start
    if width <= 1:
        yield cell
    elif width == DAY_MS:
        yield from _rolled(connection, series, metrics, Segment("hour", cell.start, cell.end), HOUR_MS)
    else:
        finest = MINUTE_MS if width > MINUTE_MS else SECOND_MS if width > SECOND_MS else 1
        yield from _counted(connection, series, metrics, cell, finest)


def shared_days(
    connection: Connection,
    series: Mapping[UUID, Sequence[int]],
    metrics: Sequence[int],
    period: tuple[int, int],
) -> dict[UUID, tuple[list[int], int]]:
    """For each device, the days on which several of its series hold values of one metric, and how many values."""
    days: defaultdict[UUID, set[int]] = defaultdict(set)
    counts: defaultdict[UUID, int] = defaultdict(int)
    for some in _whole_devices(series):
        roll, day = MeasurementRollup, Segment("day", _down(period[0], DAY_MS), period[1])
        wanted = (
            select(Series.device_id, epoch_ms(roll.start), func.sum(roll.count))
            .join(Series, Series.id == roll.series_id)
            .where(*_of_rollup(some, metrics, day))
            .group_by(Series.device_id, roll.metric_id, roll.start)
            .having(func.count() > 1)
        )
        for device_id, start, count in connection.execute(wanted):
            if device_id is None:
                continue
            days[device_id].add(start)
            counts[device_id] += int(count)
    return {device_id: (sorted(days[device_id]), counts[device_id]) for device_id in days}


def doubled(
    connection: Connection,
    series: Sequence[int],
    metrics: Sequence[int],
    days: Iterable[int],
    period: tuple[int, int],
) -> list[tuple[int, int]]:
    """How many values more than one for an instant and a metric: ``(an instant of that hour, how many)``, by hour.

    :param days: on which to look, in order
    """
    found: list[tuple[int, int]] = []
    for start, end in _runs(days):
        low, high = max(start, period[0]), min(end, period[1])
        if low >= high:
            continue
        held = Measurement
        again = (
            select(held.time, (func.count() - 1).label("more"))
            .where(*_of_values(series, metrics, low, high))
            .group_by(held.time, held.metric_id)
            .having(func.count() > 1)
            .subquery()
        )
        hour = _bucket(again.c.time, HOUR_MS)
        wanted = select(epoch_ms(func.min(again.c.time)), func.sum(again.c.more)).group_by(hour)
        found += [(at, int(more)) for at, more in connection.execute(wanted)]
    return sorted(found)


def _within_days(start: int, end: int) -> list[Segment]:
    if start >= end:
        return []
    first, last = _up(start, HOUR_MS), _down(end, HOUR_MS)
    if first >= last:
        edge = first if start < first < end else end
        return [Segment("exact", *one) for one in ((start, edge), (edge, end)) if one[0] < one[1]]
    stretches: list[Segment] = [Segment("hour", first, last)]
    if start < first:
        stretches.insert(0, Segment("exact", start, first))
    if last < end:
        stretches.append(Segment("exact", last, end))
    return stretches


def _sums(series: Sequence[int], metrics: Sequence[int], segment: Segment) -> Any:
    if segment.grain == "exact":
        held = Measurement
        return (
            select(held.series_id, func.count(), epoch_ms(func.min(held.time)), epoch_ms(func.max(held.time)))
            .where(*_of_values(series, metrics, segment.start, segment.end))
            .group_by(held.series_id)
        )
    roll = MeasurementRollup
    return (
        select(roll.series_id, func.sum(roll.count), epoch_ms(func.min(roll.start)), epoch_ms(func.max(roll.start)))
        .where(*_of_rollup(series, metrics, segment))
        .group_by(roll.series_id)
    )


def _rolled(
    connection: Connection, series: Sequence[int], metrics: Sequence[int], segment: Segment, width: int
) -> Iterator[Cell]:
    sums: defaultdict[int, int] = defaultdict(int)
    roll = MeasurementRollup
    for some in _by(series):
        wanted = select(epoch_ms(roll.start), func.sum(roll.count)).where(*_of_rollup(some, metrics, segment))
        for start, count in connection.execute(wanted.group_by(roll.start)):
            sums[start] += int(count)
    for start in sorted(sums):
        yield Cell(start, start + width, sums[start], distinct=len(series) == 1)


def _distinct(connection: Connection, series: Sequence[int], metrics: Sequence[int], segment: Segment) -> int:
    once = _once(series, metrics, segment.start, segment.end)
    return int(connection.execute(select(func.count()).select_from(once)).scalar_one())


def _counted(
    connection: Connection, series: Sequence[int], metrics: Sequence[int], cell: Cell, width: int
) -> Iterator[Cell]:
    once = _once(series, metrics, cell.start, cell.end)
    bucket = _bucket(once.c.time, width)
    for start, count in connection.execute(select(bucket, func.count()).group_by(bucket).order_by(bucket)):
        yield Cell(max(start, cell.start), min(start + width, cell.end), int(count), distinct=True)


def _once(series: Sequence[int], metrics: Sequence[int], start: int, end: int) -> Any:
    """Each instant and metric of a stretch; of one series there are no two the same."""
    held = Measurement
    wanted = select(held.time, held.metric_id).where(*_of_values(series, metrics, start, end))
    return (wanted.group_by(held.time, held.metric_id) if len(series) > 1 else wanted).subquery()


def _of_rollup(series: Sequence[int], metrics: Sequence[int], segment: Segment) -> Iterator[ColumnElement[bool]]:
    roll = MeasurementRollup
    yield _among(roll.series_id, series)
    yield _among(roll.metric_id, metrics)
    yield roll.grain == segment.grain
    yield roll.start >= from_milliseconds(segment.start)
    yield roll.start < from_milliseconds(segment.end)


def _of_values(series: Sequence[int], metrics: Sequence[int], start: int, end: int) -> Iterator[ColumnElement[bool]]:
    held = Measurement
    yield _among(held.series_id, series)
    yield _among(held.metric_id, metrics)
    yield held.time >= from_milliseconds(start)
    yield held.time < from_milliseconds(end)


def _bucket(time: Any, width: int) -> ColumnElement[int]:
    """Where an instant's hour, minute or second begins; before 1970 too, where ``%`` is negative."""
    whole: ColumnElement[int] = epoch_ms(time)
    wide: ColumnElement[int] = literal_column(str(width))
    return whole - (whole % wide + wide) % wide


def _runs(days: Iterable[int]) -> Iterator[tuple[int, int]]:
    start = end = None
    for day in days:
        if start is not None and end == day:
            end = day + DAY_MS
            continue
        if start is not None and end is not None:
            yield start, end
        start, end = day, day + DAY_MS
    if start is not None and end is not None:
        yield start, end


def _by(series: Sequence[int]) -> Iterator[Sequence[int]]:
    for begin in range(0, len(series), _AT_ONCE):
        yield series[begin : begin + _AT_ONCE]


def _whole_devices(series: Mapping[UUID, Sequence[int]]) -> Iterator[list[int]]:
    some: list[int] = []
    for own in series.values():
        some += own
        if len(some) >= _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _among(column: Any, numbers: Sequence[int]) -> ColumnElement[bool]:
    """Written into the statement: a device may have more series than a statement has parameters."""
    among: ColumnElement[bool] = column.in_(bindparam(None, list(numbers), expanding=True, literal_execute=True))
    return among


def _up(instant: int, width: int) -> int:
    return -(-instant // width) * width


def _down(instant: int, width: int) -> int:
    return instant // width * width

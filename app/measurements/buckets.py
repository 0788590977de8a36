"""Values put together into stretches of one width, by the database: from the roll-ups, or from few enough values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np
from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select

from app.extensions import db
from app.measurements.batch import Doubles, Integers
from app.measurements.times import DAY_MS, HOUR_MS, epoch_ms
from app.models import Measurement, MeasurementRollup
from app.models.types import EPOCH, from_milliseconds

MINUTE_MS, SECOND_MS = 60_000, 1_000
WIDTHS_MS = (
    1, 2, 5, 10, 20, 50, 100, 200, 500,
    *(n * SECOND_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR_MS for n in (1, 2, 3, 6)),
    *(n * DAY_MS for n in (1, 2, 7, 14, 28, 91, 182, 364, 728)),
)  # fmt: skip
"""How long a stretch may be: lengths that people count in. Half days would draw each day and night as a saw's teeth."""
READ_AT_MOST = 3_000_000
"""So many values are put together while somebody waits; where there are more, a stretch lasts an hour at least."""
FEW_HOURS = 96
"""From so many hours on, hourly stretches are fine enough, so that values are not read at all."""
_MONDAY = timedelta(days=4)
"""1970-01-05: weeks are counted from a Monday."""

Grain = Literal["value", "hour", "day"]


@dataclass(frozen=True, slots=True)
class Band:
    """Points of one line in the order of time: where each begins, and least, mean and greatest of its values."""

    times: Integers
    lows: Doubles
    means: Doubles
    highs: Doubles
    counts: Integers

    def __len__(self) -> int:
        return len(self.times)


def nothing() -> Band:
    whole, real = np.empty(0, dtype=np.int64), np.empty(0)
    return Band(whole, real, real, real, whole)


def width_for(span_ms: int, most_points: int) -> int:
    """The least length of :data:`WIDTHS_MS` that divides the span into so many points or fewer."""
    return next((width for width in WIDTHS_MS if span_ms <= width * most_points), WIDTHS_MS[-1])


def grain_for(width_ms: int) -> Grain:
    return "value" if width_ms < HOUR_MS else "hour" if width_ms < DAY_MS else "day"


def held(series: Sequence[int], start_ms: int, end_ms: int) -> int:
    """How many values of any metric the series hold, by whole hours or days; never fewer than there are.

    Another metric's values lie between those of one, so that they are read past, too.
    """
    return sum(count for _, count in counted(series, None, start_ms, end_ms))


def counted(series: Sequence[int], metrics: Sequence[int] | None, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """For each metric how many values lie in the whole hours or days around ``start <= time <= end``."""
    roll = MeasurementRollup
    grain, wide = ("hour", HOUR_MS) if end_ms - start_ms <= 62 * DAY_MS else ("day", DAY_MS)
    wanted = (
        select(roll.metric_id, func.sum(roll.count))
        .where(among(roll.series_id, series), roll.grain == grain)
        .where(roll.start >= from_milliseconds(start_ms // wide * wide), roll.start <= from_milliseconds(end_ms))
        .group_by(roll.metric_id)
    )
    if metrics is not None:
        wanted = wanted.where(among(roll.metric_id, metrics))
    return [(metric, int(count)) for metric, count in db.session.execute(wanted)]


def single(series: Sequence[int], metrics: Sequence[int], start_ms: int, end_ms: int) -> dict[int, Band]:
    """Every value with ``start <= time <= end``, by metric."""
    rows = db.session.execute(values_statement(series, metrics, start_ms, end_ms)).all()
    return dict(_bands((metric, time, value, value, value, 1) for metric, time, value in rows))


def stretched(
    series: Sequence[int], metrics: Sequence[int], start_ms: int, end_ms: int, width_ms: int
) -> dict[int, Band]:
    """Least, mean and greatest of each stretch that meets ``start`` to ``end``, by metric; empty ones are left out."""
    statement = stretches_statement(series, metrics, start_ms, end_ms, width_ms)
    rows = db.session.execute(statement).all()
    return dict(_bands((metric, at, low, total / count, high, count) for metric, at, low, high, total, count in rows))


def values_statement(series: Sequence[int], metrics: Sequence[int], start_ms: int, end_ms: int) -> Select[Any]:
    one = Measurement
    wanted: Any = (
        select(one.metric_id, epoch_ms(one.time), one.value)
        .where(among(one.series_id, series), among(one.metric_id, metrics))
        .where(one.time >= from_milliseconds(start_ms), one.time <= from_milliseconds(end_ms))
    )
    found: Select[Any] = wanted
    return found


def stretches_statement(
    series: Sequence[int], metrics: Sequence[int], start_ms: int, end_ms: int, width_ms: int
) -> Select[Any]:
    """What :func:`stretched` asks for: rows of metric, beginning, least, greatest, sum and count."""
    grain = grain_for(width_ms)
    begin = (start_ms - shift_of(width_ms)) // width_ms * width_ms + shift_of(width_ms)
    if grain == "value":
        one = Measurement
        at = _stretch(one.time, width_ms)
        sums: tuple[Any, ...] = (func.min(one.value), func.max(one.value), func.sum(one.value), func.count())
        whose: tuple[Any, ...] = (among(one.series_id, series), among(one.metric_id, metrics))
        when = (one.time >= from_milliseconds(begin), one.time <= from_milliseconds(end_ms))
        return select(one.metric_id, epoch_ms(at), *sums).where(*whose, *when).group_by(one.metric_id, at)
    roll = MeasurementRollup
    at = _stretch(roll.start, width_ms)
    sums = (func.min(roll.low), func.max(roll.high), func.sum(roll.total), func.sum(roll.count))
    whose = (among(roll.series_id, series), among(roll.metric_id, metrics), roll.grain == grain)
    when = (roll.start >= from_milliseconds(begin), roll.start <= from_milliseconds(end_ms))
    return select(roll.metric_id, epoch_ms(at), *sums).where(*whose, *when).group_by(roll.metric_id, at)


def shift_of(width_ms: int) -> int:
    """From when stretches of a length are counted, in milliseconds since 1970."""
    return 4 * DAY_MS if width_ms > DAY_MS else 0


def among(column: Any, numbers: Iterable[int]) -> ColumnElement[bool]:
    """Written into the statement: an organization may have more series than a statement has parameters."""
    found: ColumnElement[bool] = column.in_(bindparam(None, list(numbers), expanding=True, literal_execute=True))
    return found


def _stretch(time: Any, width_ms: int) -> Any:
    """Where the stretch begins in which an instant lies; before 1970 too."""
    if db.session.connection().dialect.name == "postgresql":
        wide: Any = literal_column(f"interval '{width_ms} milliseconds'")
        origin = EPOCH + (_MONDAY if width_ms > DAY_MS else timedelta(0))
        return func.date_bin(wide, time, literal_column(f"timestamptz '{origin.isoformat()}'"))
    shift: Any = literal_column(str(shift_of(width_ms)))
    wide = literal_column(str(width_ms))
    since = epoch_ms(time) - shift
    # The remainder of a number below zero is below zero.
    return epoch_ms(time) - (since % wide + wide) % wide


def _bands(rows: Iterable[tuple[int, int, float, float, float, int]]) -> Iterator[tuple[int, Band]]:
    columns = list(zip(*rows, strict=True))
    if not columns:
        return
    metrics, times, counts = (np.array(columns[place], dtype=np.int64) for place in (0, 1, 5))
    lows, means, highs = (np.array(columns[place], dtype=np.float64) for place in (2, 3, 4))
    for metric in np.unique(metrics).tolist():
        own = np.flatnonzero(metrics == metric)
        own = own[np.argsort(times[own], kind="stable")]
        yield metric, Band(times[own], lows[own], means[own], highs[own], counts[own])

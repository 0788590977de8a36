"""Values as arrays: read by the thousand, thinned without losing a peak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from app.extensions import db
from app.measurements.batch import Doubles, Integers
from app.measurements.times import epoch_ms
from app.models import Measurement, MeasurementRollup
from app.models.types import from_milliseconds


@dataclass(frozen=True, slots=True)
class Points:
    """Values in the order of time; times in milliseconds since 1970."""

    times: Integers
    values: Doubles

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows of several series and metrics side by side, as columns."""

    series: Integers
    metrics: Integers
    times: Integers
    numbers: tuple[Doubles, ...]

    def where(self, series_ids: Iterable[int], metric_id: int) -> NDArray[np.bool_]:
        own: NDArray[np.bool_] = np.isin(self.series, list(series_ids)) & (self.metrics == metric_id)
        return own


def read_values(
    series_ids: Iterable[int], metric_ids: Iterable[int], start_ms: int | None, end_ms: int | None
) -> Cells:
    """Single values with ``start <= time <= end``; ``numbers`` is the value."""
    held = Measurement
    wanted = select(held.series_id, held.metric_id, epoch_ms(held.time), held.value).where(
        held.series_id.in_(list(series_ids)), held.metric_id.in_(list(metric_ids))
    )
    if start_ms is not None:
        wanted = wanted.where(held.time >= from_milliseconds(start_ms))
    if end_ms is not None:
        wanted = wanted.where(held.time <= from_milliseconds(end_ms))
    return _cells(db.session.execute(wanted).all(), 1)


def read_rollups(
    grain: str, series_ids: Iterable[int], metric_ids: Iterable[int], start_ms: int | None, end_ms: int | None
) -> Cells:
    """Roll-ups that begin within ``start`` and ``end``; ``numbers`` are count, low, high and total."""
    roll = MeasurementRollup
    wanted = select(
        roll.series_id, roll.metric_id, epoch_ms(roll.start), roll.count, roll.low, roll.high, roll.total
    ).where(roll.series_id.in_(list(series_ids)), roll.metric_id.in_(list(metric_ids)), roll.grain == grain)
    if start_ms is not None:
        wanted = wanted.where(roll.start >= from_milliseconds(start_ms))
    if end_ms is not None:
        wanted = wanted.where(roll.start <= from_milliseconds(end_ms))
    return _cells(db.session.execute(wanted).all(), 4)


def _cells(rows: Iterable[tuple[object, ...]], number_columns: int) -> Cells:
    columns = list(zip(*rows, strict=True)) or [()] * (3 + number_columns)
    series, metrics, times = (np.array(column, dtype=np.int64) for column in columns[:3])
    numbers = tuple(np.array(column, dtype=np.float64) for column in columns[3:])
    return Cells(series, metrics, times, numbers)


def in_order(times: Integers, values: Doubles) -> Points:
    """Sort by time; of several values at one instant the last stays, since a line has one point there."""
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    last = np.ones(len(times), dtype=np.bool_)
    last[:-1] = times[1:] != times[:-1]
    return Points(times[last], values[last])


def thinned(points: Points, buckets: int) -> Points:
    """Keep of each of ``buckets`` equal spans of time the least and the greatest value, as they were
    measured.

    The first and the last value stay too. Few points come back as they are.
    """
    if len(points) <= 2 * buckets:
        return points
    first, last = int(points.times[0]), int(points.times[-1])
    place = (points.times - first) * buckets // (last - first + 1)
    begins = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    # Within a bucket the order by value puts the least first and the greatest last.
    by_value = np.lexsort((points.values, place))
    ends = np.r_[begins[1:], len(points)] - 1
    keep = np.unique(np.r_[0, by_value[begins], by_value[ends], len(points) - 1])
    return Points(points.times[keep], points.values[keep])


def means(times: Integers, counts: Doubles, totals: Doubles, at_most: int | None = None) -> Points:
    """The mean of each bucket, in order; neighbours are put together until ``at_most`` remain."""
    starts, place = np.unique(times, return_inverse=True)
    count = np.bincount(place, weights=counts, minlength=len(starts))
    total = np.bincount(place, weights=totals, minlength=len(starts))
    if at_most is not None and len(starts) > at_most:
        group = np.arange(len(starts)) * at_most // len(starts)
        begins = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        starts, count, total = starts[begins], np.add.reduceat(count, begins), np.add.reduceat(total, begins)
    return Points(starts, total / count)

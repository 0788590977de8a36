"""What a chart draws: single values, a waveform thinned with its peaks, or means by hour and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.actor import Actor
from app.errors import Invalid
from app.measurements.batch import EARLIEST_MS, LATEST_MS, Doubles, Integers
from app.measurements.points import Cells, Points, in_order, means, read_rollups, read_values, thinned
from app.measurements.subjects import Holding, holdings_of, sources_of, subject_of
from app.measurements.times import DAY_MS, GRAIN_MS, HOUR_MS
from app.models import Metric

RAW_POINTS = 4_000
"""Up to this many values a line is drawn value by value."""
RAW_READ = 500_000
"""A short range with more values than RAW_POINTS is read and thinned, up to this many."""
SHORT_RANGE_MS = 7 * DAY_MS
_MONTH_MS = 31 * DAY_MS

Resolution = Literal["raw", "hour", "day"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: a metric, and the device that measured it when several did."""

    metric: Metric
    device: str | None
    series_ids: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"{self.metric.label} ({self.device})" if self.device else self.metric.label


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over one axis of time (ms since 1970). ``ys`` has a row for each line, NaN where it has no point.

    With ``resolution`` hour or day a point is the mean, and ``lows`` and ``highs`` the bounds, of the hour
    or day that begins there; they are empty for ``raw``, where each point is one measured value.
    """

    lines: tuple[Line, ...]
    times: Integers
    ys: NDArray[np.float64]
    resolution: Resolution
    lows: NDArray[np.float64] | None = None
    highs: NDArray[np.float64] | None = None


def chart_of(
    actor: Actor,
    entity_id: UUID,
    metric_ids: Sequence[int] | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    *,
    width: int = 800,
    data_type: str | None = None,
) -> Chart:
    """The chart of an entity's metrics (all of them when none is named) with ``start <= time <= end``.

    The lines depend on the entity and the metrics alone, never on the range, so that a zoom keeps them.

    :param width: how many pixels the drawing has; a thinned line keeps the peaks of each
    :raises NotFound: as :func:`~app.measurements.subjects.subject_of`
    :raises Invalid: a metric that the entity has no values of (``metric``); ``from`` after ``to``
    """
    check_range(start_ms, end_ms)
    holdings = chosen(holdings_of(sources_of(actor, subject_of(actor, entity_id, data_type))), metric_ids)
    lines = _lines(holdings)
    if not lines:
        return Chart((), np.array([], dtype=np.int64), np.empty((0, 0)), "raw")
    resolution, is_whole = _resolution(holdings, lines, start_ms, end_ms)
    if resolution == "raw":
        return _raw(lines, start_ms, end_ms, None if is_whole else max(100, width // len(lines)))
    return _rolled(lines, resolution, start_ms, end_ms)


def check_range(start_ms: int | None, end_ms: int | None) -> None:
    """Refuse a range that no measurement can lie in.

    :raises Invalid: ``from`` after ``to``, or an end outside the years 1900 to 2199
    """
    for name, given in (("from", start_ms), ("to", end_ms)):
        if given is not None and not EARLIEST_MS <= given < LATEST_MS:
            raise Invalid(fields={name: "The time must lie in the years 1900 to 2199."})
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise Invalid(fields={"to": "The end must not be before the beginning."})


def chosen(holdings: list[Holding], metric_ids: Sequence[int] | None) -> list[Holding]:
    """The holdings of some metrics; all when none is named.

    :raises Invalid: one of them is not among them
    """
    if not metric_ids:
        return holdings
    wanted = set(metric_ids)
    if wanted - {held.metric.id for held in holdings}:
        raise Invalid(fields={"metric": "This record has no values of that metric."})
    return [held for held in holdings if held.metric.id in wanted]


def _lines(holdings: list[Holding]) -> tuple[Line, ...]:
    found: dict[tuple[int, UUID | None], list[Holding]] = {}
    for held in holdings:
        # On the device's own page its series are one line; on a patient's each device has its own.
        device_id = held.source.device_id if held.source.device else None
        found.setdefault((held.metric.id, device_id), []).append(held)
    lines_of_metric: dict[int, int] = {}
    for metric_id, _ in found:
        lines_of_metric[metric_id] = lines_of_metric.get(metric_id, 0) + 1
    return tuple(
        Line(
            group[0].metric,
            (group[0].source.device or "no device") if lines_of_metric[metric_id] > 1 else None,
            tuple(held.source.series_id for held in group),
        )
        for (metric_id, _), group in found.items()
    )


def _resolution(
    holdings: list[Holding], lines: tuple[Line, ...], start_ms: int | None, end_ms: int | None
) -> tuple[Resolution, bool]:
    """How finely to draw, and whether every value of the range may be drawn."""
    first = max(min(held.first_day_ms for held in holdings), start_ms if start_ms is not None else EARLIEST_MS)
    last = min(max(held.last_day_ms for held in holdings) + DAY_MS, end_ms if end_ms is not None else LATEST_MS)
    series, metrics = _keys(lines)
    grain = "hour" if last - first <= _MONTH_MS else "day"
    rolled = read_rollups(grain, series, metrics, first - GRAIN_MS[grain], last)
    if not len(rolled.times):
        return "raw", True
    counts = [int(rolled.numbers[0][rolled.where(line.series_ids, line.metric.id)].sum()) for line in lines]
    span = min(last, int(rolled.times.max()) + GRAIN_MS[grain]) - max(first, int(rolled.times.min()))
    if max(counts) <= RAW_POINTS:
        return "raw", True
    if span <= SHORT_RANGE_MS and sum(counts) <= RAW_READ:
        return "raw", False
    return ("hour" if span // HOUR_MS <= RAW_POINTS else "day"), False


def _keys(lines: tuple[Line, ...]) -> tuple[set[int], set[int]]:
    return {one for line in lines for one in line.series_ids}, {line.metric.id for line in lines}


def _raw(lines: tuple[Line, ...], start_ms: int | None, end_ms: int | None, buckets: int | None) -> Chart:
    series, metrics = _keys(lines)
    read = read_values(series, metrics, start_ms, end_ms)
    whole = [_points(read, line) for line in lines]
    shown = whole if buckets is None else [thinned(points, buckets) for points in whole]
    times = np.unique(np.concatenate([points.times for points in shown]))
    # A line that has a value where another line's peak was kept shows it too: fewer gaps, and nothing made
    # up.
    return Chart(lines, times, np.vstack([_at(times, points.times, points.values) for points in whole]), "raw")


def _points(read: Cells, line: Line) -> Points:
    own = read.where(line.series_ids, line.metric.id)
    return in_order(read.times[own], read.numbers[0][own])


def _at(times: Integers, known_times: Integers, values: Doubles) -> Doubles:
    placed = np.full(len(times), np.nan)
    if len(known_times):
        place = np.minimum(np.searchsorted(known_times, times), len(known_times) - 1)
        meets = known_times[place] == times
        placed[meets] = values[place[meets]]
    return placed


def _rolled(lines: tuple[Line, ...], grain: Literal["hour", "day"], start_ms: int | None, end_ms: int | None) -> Chart:
    series, metrics = _keys(lines)
    # The bucket into which the start falls belongs to the range.
    begin = None if start_ms is None else start_ms // GRAIN_MS[grain] * GRAIN_MS[grain]
    read = read_rollups(grain, series, metrics, begin, end_ms)
    times = np.unique(read.times)
    ys, lows, highs = (np.full((len(lines), len(times)), np.nan) for _ in range(3))
    count, low, high, total = read.numbers
    for place, line in enumerate(lines):
        own = read.where(line.series_ids, line.metric.id)
        points = means(read.times[own], count[own], total[own])
        ys[place] = _at(times, points.times, points.values)
        at = np.searchsorted(times, read.times[own])
        np.fmin.at(lows[place], at, low[own])
        np.fmax.at(highs[place], at, high[own])
    return Chart(lines, times, ys, grain, lows, highs)

"""What an entity's page says of its measurements: one line for each metric, with a sparkline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select

from app.actor import Actor
from app.extensions import db
from app.measurements.points import Points, in_order, means, read_rollups, read_values, thinned
from app.measurements.subjects import Holding, holdings_of, sources_of
from app.measurements.times import epoch_ms
from app.models import Entity, Measurement, MeasurementRollup, Metric
from app.models.types import from_milliseconds

SPARK_POINTS = 120
STRIP_VALUES = 2_500
"""A waveform's sparkline shows this many values at its end: 2.5 s at 1 kHz, as on paper."""
_STRIP_BUCKETS = 160
_FEW_DAYS = 10
_FEW_HOURS = 8


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric of an entity: how much there is, the newest value, the bounds, and the points of a sparkline.

    ``spark`` holds (time in ms since 1970, value); with ``spark_is_end`` they are only the newest stretch.
    ``sources`` names the devices that measured, where they are known.
    """

    metric: Metric
    count: int
    first: datetime
    last: datetime
    latest_value: float
    low: float
    high: float
    spark: list[tuple[int, float]]
    spark_is_end: bool
    sources: tuple[str, ...]


def summary_of(actor: Actor, entity: Entity) -> list[MetricSummary]:
    """Sum up what an entity that the actor was given holds, in the template's order of metrics.

    Read from roll-ups, a value or two for each metric, and a short stretch of a waveform; never from all
    values.
    """
    holdings = holdings_of(sources_of(actor, entity))
    grouped = [list(group) for _, group in groupby(holdings, key=lambda held: held.metric.id)]
    edges = [(_edge(group, newest=False)[0], *_edge(group, newest=True)) for group in grouped]
    sparks = _sparks(grouped, [(first, last) for first, last, _ in edges])
    return [
        MetricSummary(
            metric=group[0].metric,
            count=sum(held.count for held in group),
            first=from_milliseconds(first),
            last=from_milliseconds(last),
            latest_value=value,
            low=min(held.low for held in group),
            high=max(held.high for held in group),
            spark=list(zip(points.times.tolist(), points.values.tolist(), strict=True)),
            spark_is_end=is_end,
            sources=tuple(dict.fromkeys(held.source.device for held in group if held.source.device)),
        )
        for group, (first, last, value), (points, is_end) in zip(grouped, edges, sparks, strict=True)
    ]


def _edge(group: Sequence[Holding], *, newest: bool) -> tuple[int, float]:
    """The newest or the oldest time of a metric, and its value; looked up from the hour in which it lies."""
    days = [held.last_day_ms if newest else held.first_day_ms for held in group]
    outermost = max(days) if newest else min(days)
    found = [_edge_of(held, newest) for held, day in zip(group, days, strict=True) if day == outermost]
    return max(found) if newest else min(found)


def _edge_of(held: Holding, newest: bool) -> tuple[int, float]:
    hour, value = MeasurementRollup, Measurement
    bound = (func.max if newest else func.min)(hour.start)
    start = select(bound).where(
        hour.series_id == held.source.series_id, hour.metric_id == held.metric.id, hour.grain == "hour"
    )
    row = db.session.execute(
        select(epoch_ms(value.time), value.value)
        .where(
            value.series_id == held.source.series_id,
            value.metric_id == held.metric.id,
            value.time >= start.scalar_subquery(),
        )
        .order_by(value.time.desc() if newest else value.time)
        .limit(1)
    ).one()
    return row[0], row[1]


def _sparks(grouped: list[list[Holding]], spans: list[tuple[int, int]]) -> list[tuple[Points, bool]]:
    """The sparkline of each metric: day means, hour means of a short run, or the end of a waveform."""
    few = [group for group in grouped if sum(held.days for held in group) <= _FEW_DAYS]
    many = [group for group in grouped if sum(held.days for held in group) > _FEW_DAYS]
    points = _mean_sparks("hour", few) | _mean_sparks("day", many)
    waves = {}
    for group, span in zip(grouped, spans, strict=True):
        count = sum(held.count for held in group)
        if group in few and len(points[group[0].metric.id]) < min(count, _FEW_HOURS):
            waves[group[0].metric.id] = _strip_start(count, *span)
    strips = _strips(grouped, waves)
    made = []
    for group, (first, _) in zip(grouped, spans, strict=True):
        metric_id = group[0].metric.id
        strip = strips.get(metric_id)
        if strip is None:
            made.append((points[metric_id], False))
        else:
            made.append((strip, waves[metric_id] > first))
    return made


def _strip_start(count: int, first: int, last: int) -> int:
    return first if count <= STRIP_VALUES else last - (last - first) * STRIP_VALUES // count


def _mean_sparks(grain: str, groups: list[list[Holding]]) -> dict[int, Points]:
    if not groups:
        return {}
    series = {held.source.series_id for group in groups for held in group}
    rolled = read_rollups(grain, series, [group[0].metric.id for group in groups], None, None)
    count, _, _, total = rolled.numbers
    made = {}
    for group in groups:
        own = rolled.where((held.source.series_id for held in group), group[0].metric.id)
        made[group[0].metric.id] = means(rolled.times[own], count[own], total[own], SPARK_POINTS)
    return made


def _strips(grouped: list[list[Holding]], waves: dict[int, int]) -> dict[int, Points]:
    """The ends of waveforms; leads that end together are read together."""
    by_start: defaultdict[int, list[list[Holding]]] = defaultdict(list)
    for group in grouped:
        if group[0].metric.id in waves:
            by_start[waves[group[0].metric.id]].append(group)
    made = {}
    for start, groups in by_start.items():
        series = {held.source.series_id for group in groups for held in group}
        read = read_values(series, [group[0].metric.id for group in groups], start, None)
        for group in groups:
            own = read.where((held.source.series_id for held in group), group[0].metric.id)
            made[group[0].metric.id] = thinned(in_order(read.times[own], read.numbers[0][own]), _STRIP_BUCKETS)
    return made

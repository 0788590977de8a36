"""Measurements in the words, numbers and small drawings of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import url_for

from app.measurements import MetricSummary, Reading
from app.models import Entity, Metric

MOST_LINES = 4
"""A chart with more lines than these is a tangle: they become strips side by side."""
SPARK_WIDTH, SPARK_HEIGHT, _MARGIN = 240, 48, 3


@dataclass(frozen=True, slots=True)
class ShownMetric:
    """A metric's line: its newest value, what that means, and a sparkline that needs no script."""

    id: int
    label: str
    unit: str | None
    latest: str
    latest_at: datetime
    verdict: str | None
    is_normal: bool
    normal: str | None
    bounds: str
    period: str
    spark: list[tuple[float, float]]
    spark_label: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """Metrics of one unit, drawn together. ``as_strips``: each by itself, side by side."""

    key: str
    title: str
    unit: str | None
    metrics: list[ShownMetric]
    count: int
    period: str
    source: str | None
    as_strips: bool
    url: str
    chart_url: str


def groups_of(entity: Entity, summary: Sequence[MetricSummary]) -> list[ShownGroup]:
    """The metrics that may share an axis, in the template's order; what has no unit stands alone."""
    grouped: dict[object, list[MetricSummary]] = {}
    for one in summary:
        alone = one.metric.unit is None or one.metric.kind == "boolean"
        grouped.setdefault(one.metric.id if alone else one.metric.unit, []).append(one)
    return [_group(entity, members) for members in grouped.values()]


def _group(entity: Entity, members: list[MetricSummary]) -> ShownGroup:
    ids = [one.metric.id for one in members]
    sources = list(dict.fromkeys(source for one in members for source in one.sources))
    as_strips = len(members) > MOST_LINES
    return ShownGroup(
        key=f"measured-{ids[0]}",
        title=title_of([one.metric for one in members]),
        unit=members[0].metric.unit,
        metrics=[_shown(entity, one) for one in members],
        count=sum(one.count for one in members),
        period=period_words(min(one.first for one in members), max(one.last for one in members)),
        source=f"Measured by {', '.join(sources[:3])}" + ("" if len(sources) < 4 else " and others")
        if sources
        else None,
        as_strips=as_strips,
        url=values_url(entity.data_type, entity.id, ids),
        chart_url=chart_url(entity.data_type, entity.id, ids),
    )


def _shown(entity: Entity, one: MetricSummary) -> ShownMetric:
    metric = one.metric
    verdict = verdict_of(metric, one.latest_value)
    return ShownMetric(
        id=metric.id,
        label=metric.label,
        unit=metric.unit,
        latest=value_words(metric, one.latest_value),
        latest_at=one.last,
        verdict=verdict,
        is_normal=verdict in (None, "normal"),
        normal=normal_words(metric.normal_low, metric.normal_high),
        bounds=f"{value_words(metric, one.low)} to {value_words(metric, one.high)}",
        period=period_words(one.first, one.last),
        spark=_scaled(one.spark),
        spark_label=_spark_words(one),
        url=values_url(entity.data_type, entity.id, [metric.id]),
    )


def title_of(metrics: Sequence[Metric], names: Mapping[int, str] | None = None) -> str:
    """What a chart of these metrics is called.

    :param names: by a metric's id, what tells it apart where its label does not
    """
    labels = [(names or {}).get(metric.id, metric.label) for metric in metrics]
    parts = {metric.part for metric in metrics}
    if len(labels) > MOST_LINES:
        together = next(iter(parts)) if len(parts) == 1 else ""
        return together or f"{labels[0]} to {labels[-1]}"
    return _joined(labels)


def _joined(labels: list[str]) -> str:
    """``CD4 and CD8``; what all end with is said once: ``Systolic and diastolic blood pressure``."""
    if len(labels) == 1:
        return labels[0]
    words = [label.split() for label in labels]
    shared = 0
    while shared < min(map(len, words)) - 1 and len({row[-1 - shared] for row in words}) == 1:
        shared += 1
    heads = [" ".join(row[: len(row) - shared]) for row in words]
    if shared:
        heads[1:] = [head[0].lower() + head[1:] if head.isalpha() and head.istitle() else head for head in heads[1:]]
    tail = [*words[0][len(words[0]) - shared :]]
    return " ".join([f"{', '.join(heads[:-1])} and {heads[-1]}", *tail])


def values_url(data_type: str, entity_id: UUID, metric_ids: Sequence[int]) -> str:
    """The page with the values of some metrics."""
    chosen = ",".join(map(str, metric_ids)) or None
    return url_for("portal.charts.values", data_type=data_type, entity_id=entity_id, metric=chosen)


def chart_url(data_type: str, entity_id: UUID, metric_ids: Sequence[int]) -> str:
    """Where the script asks for a chart's values."""
    chosen = ",".join(map(str, metric_ids)) or None
    return url_for("portal.charts.data", data_type=data_type, entity_id=entity_id, metric=chosen)


def value_words(metric: Metric, value: float) -> str:
    """A value as a person reads it: six significant digits, thousands apart; yes or no for a boolean."""
    if metric.kind == "boolean" and value in (0, 1):
        return "Yes" if value else "No"
    return number(value)


def number(value: float, digits: int = 6) -> str:
    """A number with so many significant digits, whole ones entire: ``1,250``, ``36.6``, ``1.2e-07``."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}"


def verdict_of(metric: Metric, value: float) -> str | None:
    """``below normal``, ``above normal`` or ``normal``; None when nobody said what normal is."""
    if metric.normal_low is not None and value < metric.normal_low:
        return "below normal"
    if metric.normal_high is not None and value > metric.normal_high:
        return "above normal"
    return None if metric.normal_low is None and metric.normal_high is None else "normal"


def normal_words(low: float | None, high: float | None) -> str | None:
    """The normal range in words, such as ``500 to 1,500`` or ``at most 5``."""
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    if low is not None:
        return f"at least {number(low)}"
    return None if high is None else f"at most {number(high)}"


def period_words(first: datetime, last: datetime) -> str:
    """From when to when, no finer than it needs to be."""
    if first.date() != last.date():
        return f"{_day(first)} to {_day(last)}"
    if first == last:
        return f"{_day(first)}, {first:%H:%M} UTC"
    seconds = (last - first).total_seconds()
    lasting = f"{number(seconds, 3)} s" if seconds < 120 else f"until {last:%H:%M}"
    return f"{_day(first)}, {first:%H:%M} UTC, {lasting}"


def moment_words(time: datetime) -> str:
    """An instant to the second, or to the millisecond when it has any."""
    fraction = f".{time.microsecond // 1000:03}" if time.microsecond else ""
    return f"{_day(time)}, {time:%H:%M:%S}{fraction} UTC"


def _day(time: datetime) -> str:
    return f"{time.day} {time:%b %Y}"


def _spark_words(one: MetricSummary) -> str:
    metric = one.metric
    if one.spark_is_end:
        seconds = (one.spark[-1][0] - one.spark[0][0]) / 1000
        span = f"its last {number(seconds, 2)} seconds"
    else:
        span = period_words(one.first, one.last)
    unit = f" {metric.unit}" if metric.unit else ""
    low, high = value_words(metric, one.low), value_words(metric, one.high)
    return f"{metric.label}, {span}: between {low} and {high}{unit}, last {value_words(metric, one.latest_value)}{unit}"


def _scaled(spark: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """Points in the sparkline's box, y downwards; a flat line lies in the middle."""
    if not spark:
        return []
    times, values = [point[0] for point in spark], [point[1] for point in spark]
    width, height = SPARK_WIDTH - 2 * _MARGIN, SPARK_HEIGHT - 2 * _MARGIN
    span, low, rise = times[-1] - times[0], min(values), max(values) - min(values)
    return [
        (
            round(_MARGIN + (width * (time - times[0]) / span if span else width / 2), 1),
            round(_MARGIN + height * (1 - ((value - low) / rise if rise else 0.5)), 1),
        )
        for time, value in spark
    ]


@dataclass(frozen=True, slots=True)
class ShownReading:
    """A row of the table of values."""

    time: datetime
    moment: str
    label: str
    value: str
    unit: str | None
    verdict: str | None
    device: str | None


def shown_readings(readings: Sequence[Reading]) -> list[ShownReading]:
    return [
        ShownReading(
            time=one.time,
            moment=moment_words(one.time),
            label=one.metric.label,
            value="Yes" if one.metric.kind == "boolean" and one.value == 1 else _exact(one),
            unit=one.metric.unit,
            verdict=verdict_of(one.metric, one.value),
            device=one.device,
        )
        for one in readings
    ]


def _exact(one: Reading) -> str:
    if one.metric.kind == "boolean" and one.value == 0:
        return "No"
    return number(one.value, 12)


def side_by_side(readings: Sequence[Reading], metric_ids: Sequence[int]) -> list[tuple[str, list[str]]]:
    """Readings as rows of one instant with a cell for each metric, in the readings' order; "–" where none is."""
    rows: dict[datetime, dict[int, str]] = {}
    for one in readings:
        rows.setdefault(one.time, {}).setdefault(one.metric.id, value_words(one.metric, one.value))
    return [(moment_words(time), [cells.get(known, "–") for known in metric_ids]) for time, cells in rows.items()]

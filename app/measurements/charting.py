"""What a person looks at: the lines of a chart, as fine as their period allows, and what else there is to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import func, select

from app.access.patience import patiently
from app.actor import Actor
from app.errors import Invalid, Unavailable
from app.extensions import db
from app.measurements.batch import EARLIEST_MS, LATEST_MS
from app.measurements.buckets import (
    FEW_HOURS,
    READ_AT_MOST,
    Band,
    among,
    counted,
    grain_for,
    held,
    nothing,
    single,
    stretched,
    width_for,
)
from app.measurements.drawing import check_range
from app.measurements.scope import Scope, Subject, scope_of
from app.measurements.subjects import subject_of
from app.measurements.times import DAY_MS, HOUR_MS, epoch_ms
from app.models import Entity, MeasurementRollup, Metric, Template
from app.models.types import from_milliseconds

MOST_CURVES = 12
"""More lines than these are a tangle; the rest is told, not drawn."""
SEVERAL = 6
"""The things of a place have lines of their own up to this many; more are put together."""
FIRST_METRICS = 4
"""So many metrics are drawn when nobody has chosen."""
MOST_SINGLE, ALL_SINGLE = 1_000, 4_000
"""Values are drawn one by one up to so many of a line, and so many together; this bounds a page's bytes, too."""
MOST_STRETCHES, ALL_STRETCHES = 400, 2_400
TOO_MUCH = (
    "These are too many values to be put together while you wait. Choose a shorter period, a location or a few devices."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a chart's address asks for. Nothing chosen means: the first metrics, every device, all of the time.

    ``start <= time <= end`` in milliseconds since 1970.
    """

    metric_ids: tuple[int, ...] = ()
    device_ids: tuple[UUID, ...] = ()
    location_id: UUID | None = None
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """A metric of which there are values: how many, and from which day until before which."""

    metric: Metric
    template: str
    of_device: bool
    count: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: a metric, and who measured it when the chart tells them apart."""

    metric: Metric
    subject: str | None
    band: Band
    name: str

    @property
    def label(self) -> str:
        return f"{self.name}, {self.subject}" if self.subject else self.name


@dataclass(frozen=True, slots=True)
class Look:
    """A chart, and what it was chosen from.

    :param drawn: the metrics that were asked for, or that stand for all
    :param start_ms: where the axis of time begins, as ``end_ms`` where it ends
    :param first_ms: from when the drawn metrics have values at all, to the hour; None when they have none
    :param width_ms: how long a point's stretch is; None when each point is one value
    :param subject_count: how many things have values of the drawn metrics
    :param is_together: their values are put together into one line a metric
    :param left_out: how many lines are not drawn because there are too many
    :param by_device: those of the drawn metrics that devices have measured as their own
    :param without_device: those of which some values, or all, are no device's own
    """

    scope: Scope
    offered: tuple[Offered, ...]
    drawn: tuple[Metric, ...]
    curves: tuple[Curve, ...]
    start_ms: int
    end_ms: int
    first_ms: int | None = None
    last_ms: int | None = None
    width_ms: int | None = None
    subject_count: int = 0
    is_together: bool = False
    left_out: int = 0
    by_device: tuple[Metric, ...] = ()
    without_device: tuple[Metric, ...] = ()

    @property
    def entity(self) -> Entity:
        return self.scope.entity

    @property
    def is_empty(self) -> bool:
        return not any(len(curve.band) for curve in self.curves)


@dataclass(frozen=True, slots=True)
class _Line:
    metric: Metric
    subject: str | None
    series: tuple[int, ...]


def look_at(actor: Actor, entity_id: UUID, asked: Asked, *, data_type: str | None = None) -> Look:
    """The chart of a patient, a device, a session, or of all devices and patients of an organization.

    Zoomed out it reads roll-ups alone; values only where few of them lie in the period.

    :raises NotFound: as :func:`~app.measurements.subjects.subject_of`
    :raises Invalid: an unknown ``metric``, ``device`` or ``location``; ``from`` after ``to``
    :raises Unavailable: putting the values together takes longer than somebody waits
    """
    check_range(asked.start_ms, asked.end_ms)
    entity = subject_of(actor, entity_id, data_type)
    with patiently(refusal=Unavailable(TOO_MUCH)):
        scope = scope_of(actor, entity, asked.location_id, asked.device_ids)
        chosen = [one for one in scope.subjects if not asked.device_ids or one.id in asked.device_ids]
        offered, holding = _held_by(chosen)
        drawn = _drawn(offered, asked.metric_ids)
        if not drawn:
            return Look(scope, offered, (), (), *_axis(asked, None))
        return _looked(scope, chosen, offered, holding, drawn, asked)


def _looked(
    scope: Scope,
    chosen: Sequence[Subject],
    offered: tuple[Offered, ...],
    holding: set[tuple[int, int]],
    drawn: tuple[Metric, ...],
    asked: Asked,
) -> Look:
    metric_ids = [one.id for one in drawn]
    measuring = [
        one for one in chosen if any((series, metric) in holding for series in one.series_ids for metric in metric_ids)
    ]
    is_together = scope.is_place and not asked.device_ids and len(measuring) > SEVERAL
    lines = _lines(measuring, drawn, holding, is_together)
    shown, left_out = lines[:MOST_CURVES], len(lines[MOST_CURVES:])
    known = [one for one in offered if one.metric in drawn]
    extent = _extent(lines, known)
    start, end = _axis(asked, extent)
    bands, width = _read(shown, start, end)
    if width is None:
        start, end = _tight(bands, asked, start, end)
    names = {one.metric.id: _name(one, known) for one in known}
    curves = tuple(
        Curve(line.metric, line.subject, band, names[line.metric.id]) for line, band in zip(shown, bands, strict=True)
    )
    by_device, without_device = _by_device(chosen, known, holding)
    return Look(
        scope, offered, drawn, curves, start, end, *extent, width_ms=width,
        subject_count=len(measuring), is_together=is_together, left_out=left_out,
        by_device=by_device, without_device=without_device,
    )  # fmt: skip


def _name(one: Offered, drawn: Sequence[Offered]) -> str:
    """What a metric is called; metrics of one label say their template, too."""
    is_alone = [other.metric.label for other in drawn].count(one.metric.label) == 1
    return one.metric.label if is_alone else f"{one.metric.label} ({one.template})"


def _by_device(
    subjects: Sequence[Subject], drawn: Sequence[Offered], holding: set[tuple[int, int]]
) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    """The metrics with values that are a device's own, and those with values that are not; one can be both."""
    of_devices = {series for one in subjects if one.is_device for series in one.series_ids}
    theirs = {metric for series, metric in holding if series in of_devices}
    others = {metric for series, metric in holding if series not in of_devices}
    own = tuple(one.metric for one in drawn if one.of_device and one.metric.id in theirs)
    return own, tuple(one.metric for one in drawn if not one.of_device or one.metric.id in others)


def _held_by(subjects: Sequence[Subject]) -> tuple[tuple[Offered, ...], set[tuple[int, int]]]:
    """What there is of each metric, from the roll-ups of days; and which series holds which metric."""
    series = [one for subject in subjects for one in subject.series_ids]
    if not series:
        return (), set()
    day = MeasurementRollup
    rows = db.session.execute(
        select(
            day.series_id, day.metric_id, func.sum(day.count), epoch_ms(func.min(day.start)),
            epoch_ms(func.max(day.start)),
        )
        .where(among(day.series_id, series), day.grain == "day")
        .group_by(day.series_id, day.metric_id)
    ).all()  # fmt: skip
    sums: dict[int, tuple[int, int, int]] = {}
    for _, metric_id, count, first, last in rows:
        known = sums.get(metric_id, (0, first, last))
        sums[metric_id] = (known[0] + int(count), min(known[1], first), max(known[2], last))
    named = (
        select(Metric, Template.label, Template.data_type == "device")
        .join(Template, Template.id == Metric.template_id)
        .where(Metric.id.in_(sums))
        .order_by(Template.label, Metric.id)
    )
    offered = tuple(
        Offered(metric, label, of_device, sums[metric.id][0], sums[metric.id][1], sums[metric.id][2] + DAY_MS)
        for metric, label, of_device in db.session.execute(named)
    )
    return offered, {(row[0], row[1]) for row in rows}


def _drawn(offered: Sequence[Offered], metric_ids: Sequence[int]) -> tuple[Metric, ...]:
    """The metrics that were asked for; else those of the first unit, and of the next as long as they are few.

    :raises Invalid: one of them is not offered
    """
    known = {one.metric.id: one.metric for one in offered}
    if metric_ids:
        if set(metric_ids) - set(known):
            raise Invalid(fields={"metric": "This record has no values of that metric."})
        return tuple(metric for number, metric in known.items() if number in metric_ids)
    by_unit: dict[object, list[Metric]] = {}
    for metric in known.values():
        by_unit.setdefault(metric.unit or metric.id, []).append(metric)
    first: list[Metric] = []
    for group in by_unit.values():
        if first and len(first) + len(group) > FIRST_METRICS:
            break
        first += group[:FIRST_METRICS]
    return tuple(first)


def _lines(
    subjects: Sequence[Subject], drawn: Sequence[Metric], holding: set[tuple[int, int]], is_together: bool
) -> list[_Line]:
    if is_together:
        every = tuple(one for subject in subjects for one in subject.series_ids)
        # One list of series for all metrics, so that they are read by one statement.
        return [_Line(metric, None, every) for metric in drawn]
    return [
        _Line(metric, subject.caption if len(subjects) > 1 else None, subject.series_ids)
        for metric in drawn
        for subject in subjects
        if any((series, metric.id) in holding for series in subject.series_ids)
    ]


def _extent(lines: Sequence[_Line], offered: Sequence[Offered]) -> tuple[int, int]:
    """From when until when the lines have values, to the hour: looked up in their first and last day alone."""
    first_day, last_day = min(one.first_ms for one in offered), max(one.last_ms for one in offered) - DAY_MS
    hour = MeasurementRollup
    series = {one for line in lines for one in line.series}
    of_lines = (among(hour.series_id, series), among(hour.metric_id, {line.metric.id for line in lines}))
    edges = []
    for edge, day in ((func.min(hour.start), first_day), (func.max(hour.start), last_day)):
        wanted = select(epoch_ms(edge)).where(*of_lines, hour.grain == "hour")
        within = wanted.where(hour.start >= from_milliseconds(day), hour.start < from_milliseconds(day + DAY_MS))
        edges.append(db.session.scalar(within) or day)
    return edges[0], edges[1] + HOUR_MS


def _axis(asked: Asked, extent: tuple[int, int] | None) -> tuple[int, int]:
    first, last = extent or (asked.start_ms or 0, asked.end_ms or (asked.start_ms or 0) + DAY_MS)
    start = first if asked.start_ms is None else asked.start_ms
    end = last if asked.end_ms is None else asked.end_ms
    # One end alone may lie beyond all that there is.
    start, end = (min(start, end - HOUR_MS), end) if asked.start_ms is None else (start, max(end, start + 1))
    return max(start, EARLIEST_MS), min(end, LATEST_MS - 1)


def _read(lines: Sequence[_Line], start: int, end: int) -> tuple[list[Band], int | None]:
    """The points of each line, and how long their stretches are: None for single values."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for line in lines:
        groups.setdefault(line.series, []).append(line.metric.id)
    counts = [count for series, metrics in groups.items() for _, count in counted(series, metrics, start, end)]
    found: dict[tuple[tuple[int, ...], int], Band] = {}
    width = _width(list(groups), counts, start, end)
    for series, metrics in groups.items():
        if width is None:
            bands = {one: _once(band) for one, band in single(series, metrics, start, end).items()}
        else:
            bands = stretched(series, metrics, start, end, width)
        found |= {(series, metric): band for metric, band in bands.items()}
    return [found.get((line.series, line.metric.id), nothing()) for line in lines], width


def _width(groups: Sequence[tuple[int, ...]], counts: Sequence[int], start: int, end: int) -> int | None:
    if not counts or (max(counts) <= MOST_SINGLE and sum(counts) <= ALL_SINGLE):
        return None
    span = end - start
    width = width_for(span, min(MOST_STRETCHES, ALL_STRETCHES // len(counts)))
    if grain_for(width) != "value":
        return width
    every = [one for series in groups for one in series]
    if span >= FEW_HOURS * HOUR_MS or held(every, start, end) > READ_AT_MOST:
        return HOUR_MS
    return width


def _once(band: Band) -> Band:
    """Values of several series at one instant are one point that says from where to where they reach."""
    times, place = np.unique(band.times, return_inverse=True)
    if len(times) == len(band):
        return band
    counts = np.bincount(place)
    lows, highs = np.full(len(times), np.inf), np.full(len(times), -np.inf)
    np.minimum.at(lows, place, band.lows)
    np.maximum.at(highs, place, band.highs)
    return Band(times, lows, np.bincount(place, weights=band.means) / counts, highs, counts.astype(np.int64))


def _tight(bands: Sequence[Band], asked: Asked, start: int, end: int) -> tuple[int, int]:
    """An axis around single values, with a little air, where nobody said from when until when."""
    ends = [(int(band.times[0]), int(band.times[-1])) for band in bands if len(band)]
    if not ends:
        return start, end
    first, last = min(one for one, _ in ends), max(one for _, one in ends)
    air = (last - first) // 50 or 12 * HOUR_MS
    return (
        start if asked.start_ms is not None else max(first - air, EARLIEST_MS),
        end if asked.end_ms is not None else min(last + air, LATEST_MS - 1),
    )

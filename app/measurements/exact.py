"""Exact reads for programs: the values as they were measured, and means over bins of equal length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from uuid import UUID

from sqlalchemy import func, literal, select

from app.access import visible_entities
from app.access.patience import patiently
from app.actor import Actor
from app.errors import Invalid
from app.extensions import db
from app.measurements.subjects import sources_of, subject_of
from app.measurements.times import epoch_ms
from app.models import Entity, Measurement, Metric, Series
from app.models.types import from_milliseconds

MOST_BINS = 20_000
MOST_SERIES = 2_000


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose values: at least one of the three; of several, only values that are all of theirs."""

    patient_id: UUID | None = None
    device_id: UUID | None = None
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What one series holds at one instant, by name. Who the actor may not see is not named."""

    time_ms: int
    series_id: int
    patient_id: UUID | None
    device_key: str | None
    session_id: UUID | None
    data: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bin:
    """Values of one name in ``[start, stop)``: how many, their mean, their standard deviation as a whole."""

    name: str
    series_id: int | None
    start_ms: int
    stop_ms: int
    count: int
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class _Range:
    series: dict[int, Series]
    metrics: dict[int, str]


def samples(
    actor: Actor, whose: Whose, start_ms: int, end_ms: int, *, names: Sequence[str] = (),
    after: tuple[int, int] | None = None, limit: int = 100,
) -> tuple[list[Sample], tuple[int, int] | None]:  # fmt: skip
    """Samples with ``start <= time <= end``, by time and series, and where the next page begins (None at the end).

    :param names: only these metrics; all of them when empty
    :param after: what an earlier page answered
    :raises NotFound: one of those named is unknown, or not for this actor
    :raises Invalid: nobody is named; too many series; it takes too long
    """
    chosen = _range(actor, whose, names)
    if not chosen.series or not chosen.metrics:
        return [], None
    with patiently():
        keys = [_keys(one, chosen.metrics, start_ms, end_ms, after, limit + 1) for one in chosen.series]
        first = list(islice(merge(*keys), limit + 1))
        page = first[:limit]
        found = _fill(actor, chosen, page)
    return found, page[-1] if len(first) > limit else None


def bins(
    actor: Actor, whose: Whose, start_ms: int, end_ms: int, width_ms: int, *, names: Sequence[str] = (),
    by_series: bool = False,
) -> list[Bin]:  # fmt: skip
    """Means over bins that begin at ``start``; empty ones are left out; by time, then name.

    :param by_series: apart for each series, instead of all together
    :raises NotFound, Invalid: as :func:`samples`; too many bins
    """
    if (end_ms - start_ms) // width_ms >= MOST_BINS:
        raise Invalid(f"At most {MOST_BINS} bins are made at once: make them longer, or the time shorter.")
    chosen = _range(actor, whose, names)
    if not chosen.series or not chosen.metrics:
        return []
    held = Measurement
    place = (epoch_ms(held.time) - start_ms) // width_ms
    series = held.series_id if by_series else literal(0)
    # From the bin's own mean: the difference of two large squares would be nothing but what rounding left.
    mean = func.avg(held.value).over(partition_by=(held.metric_id, series, place))
    values = (
        select(held.metric_id, series.label("one"), place.label("place"), held.value.label("value"), mean.label("mean"))
        .where(held.series_id.in_(chosen.series), held.metric_id.in_(chosen.metrics))
        .where(held.time >= from_milliseconds(start_ms), held.time <= from_milliseconds(end_ms))
        .subquery()
    )
    group = (values.c.metric_id, values.c.one, values.c.place)
    away = values.c.value - values.c.mean
    sums = (func.count(), func.avg(values.c.value), func.avg(away * away))
    with patiently():
        rows = db.session.execute(select(*group, *sums).group_by(*group)).all()
    made = [
        Bin(
            chosen.metrics[metric], one if by_series else None, start_ms + int(at) * width_ms,
            start_ms + (int(at) + 1) * width_ms, count, float(mean), float(variance) ** 0.5,
        )
        for metric, one, at, count, mean, variance in rows
    ]  # fmt: skip
    return sorted(made, key=lambda one: (one.start_ms, one.name, one.series_id or 0))


def series_named(actor: Actor, series_ids: Sequence[int]) -> dict[int, Sample]:
    """Whose the series are, as samples without a time; of series that the actor was given."""
    rows = {one.id: one for one in db.session.scalars(select(Series).where(Series.id.in_(series_ids)))}
    keys = _device_keys(actor, rows)
    return {number: _sample(0, one, keys) for number, one in rows.items()}


def _range(actor: Actor, whose: Whose, names: Sequence[str]) -> _Range:
    asked = [
        (whose.patient_id, "patient"), (whose.device_id, "device"), (whose.session_id, "usage-session"),
    ]  # fmt: skip
    subjects = [subject_of(actor, one, data_type) for one, data_type in asked if one is not None]
    if not subjects:
        raise Invalid("Name a patient, a source entity or a session.")
    ids = set.intersection(*({source.series_id for source in sources_of(actor, one)} for one in subjects))
    if len(ids) > MOST_SERIES:
        raise Invalid(f"These are more than {MOST_SERIES} series: name the patient or the session, too.")
    series = {one.id: one for one in db.session.scalars(select(Series).where(Series.id.in_(ids)))} if ids else {}
    metrics = db.session.scalars(select(Metric).where(Metric.tenant_id == actor.tenant_id))
    return _Range(series, {one.id: one.called for one in metrics if not names or one.called in names})


def _keys(
    series_id: int, metrics: dict[int, str], start_ms: int, end_ms: int, after: tuple[int, int] | None, limit: int
) -> list[tuple[int, int]]:
    held = Measurement
    # Behind a sample at one instant come those of series with a higher number at the same instant.
    first = start_ms if after is None else max(start_ms, after[0] if series_id > after[1] else after[0] + 1)
    times = (
        select(epoch_ms(held.time))
        .where(held.series_id == series_id, held.metric_id.in_(metrics))
        .where(held.time >= from_milliseconds(first), held.time <= from_milliseconds(end_ms))
        .group_by(held.time)
        .order_by(held.time)
        .limit(limit)
    )
    return [(time, series_id) for time in db.session.scalars(times)]


def _fill(actor: Actor, chosen: _Range, page: list[tuple[int, int]]) -> list[Sample]:
    by_series: defaultdict[int, list[int]] = defaultdict(list)
    for time, series_id in page:
        by_series[series_id].append(time)
    keys = _device_keys(actor, {one: chosen.series[one] for one in by_series})
    found = {(time, one): _sample(time, chosen.series[one], keys) for time, one in page}
    held = Measurement
    for series_id, times in by_series.items():
        rows = db.session.execute(
            select(epoch_ms(held.time), held.metric_id, held.value)
            .where(held.series_id == series_id, held.metric_id.in_(chosen.metrics))
            .where(held.time >= from_milliseconds(times[0]), held.time <= from_milliseconds(times[-1]))
            .order_by(held.time, held.metric_id)
        )
        for time, metric, value in rows:
            found[time, series_id].data[chosen.metrics[metric]] = value
    return [found[one] for one in page]


def _device_keys(actor: Actor, series: dict[int, Series]) -> dict[UUID, str]:
    devices = {one.device_id for one in series.values() if one.device_id}
    seen = visible_entities(actor).with_only_columns(Entity.id, Entity.key).where(Entity.id.in_(devices))
    rows = db.session.execute(seen).all() if devices else []
    return {row.id: row.key for row in rows}


def _sample(time_ms: int, series: Series, keys: dict[UUID, str]) -> Sample:
    device = keys.get(series.device_id) if series.device_id else None
    return Sample(time_ms, series.id, series.patient_id, device, series.session_id)

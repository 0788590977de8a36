"""Whose measurements an actor reads: an entity, its series, and what each metric of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from app.access.visibility import visible_entities
from app.actor import Actor
from app.errors import NotFound
from app.extensions import db
from app.measurements.times import epoch_ms
from app.models import Entity, MeasurementRollup, Metric, Series
from app.models.template import DATA_TYPES

_COLUMN = {"patient": Series.patient_id, "device": Series.device_id, "usage-session": Series.session_id}


@dataclass(frozen=True, slots=True)
class Source:
    """A series of the entity. ``device`` names what measured, when the entity is not that device."""

    series_id: int
    device_id: UUID | None
    device: str | None


@dataclass(frozen=True, slots=True)
class Holding:
    """What a series holds of a metric: how many values, their bounds, on how many days, from when to when."""

    source: Source
    metric: Metric
    count: int
    low: float
    high: float
    days: int
    first_day_ms: int
    last_day_ms: int


def subject_of(actor: Actor, entity_id: UUID, data_type: str | None = None) -> Entity:
    """The entity, if the actor may see it.

    :raises NotFound: it is unknown, of another data type, or not for this actor: all the same
    """
    wanted = visible_entities(actor).where(Entity.id == entity_id)
    if data_type is not None:
        wanted = wanted.where(Entity.data_type == data_type)
    # An unknown kind is not even asked for: it may hold signs that PostgreSQL answers by a fault.
    asked = data_type is None or data_type in DATA_TYPES
    entity = db.session.scalar(wanted) if asked else None
    if entity is None:
        raise NotFound("There is no such record.")
    return entity


def sources_of(actor: Actor, entity: Entity) -> list[Source]:
    """The series of a patient, a device or a session; none for other kinds.

    A device that serves patients of several organizations shows only the values of patients whom the actor
    may see; so with sessions that have no patient.
    """
    column = _COLUMN.get(entity.data_type)
    if column is None:
        return []
    seen = visible_entities(actor).with_only_columns(Entity.id)
    series = db.session.scalars(
        select(Series)
        .where(
            Series.tenant_id == actor.tenant_id,
            column == entity.id,
            or_(
                Series.patient_id.in_(seen),
                and_(Series.patient_id.is_(None), or_(Series.session_id.is_(None), Series.session_id.in_(seen))),
            ),
        )
        .order_by(Series.id)
    ).all()
    devices = {one.device_id for one in series if one.device_id and one.device_id != entity.id}
    captions = _captions(actor, devices)
    return [
        Source(one.id, one.device_id, captions.get(one.device_id) if one.device_id in devices else None)
        for one in series
    ]


def devices_that_measured(actor: Actor, entity: Entity) -> list[UUID]:
    """The devices whose series hold all values of an entity that the actor was given: a device's is itself.

    Empty when some values came without a device, or from one that the actor may not see: what those devices hold is
    not all of it.
    """
    if entity.data_type == "device":
        return [entity.id]
    measuring = {source.device_id: None for source in sources_of(actor, entity)}
    devices = [one for one in measuring if one]
    seen = visible_entities(actor).with_only_columns(Entity.id)
    visible = set(db.session.scalars(seen.where(Entity.id.in_(devices)))) if devices else set()
    return devices if len(visible) == len(measuring) else []


def _captions(actor: Actor, device_ids: Iterable[UUID]) -> dict[UUID | None, str]:
    wanted = list(device_ids)
    if not wanted:
        return {}
    seen = visible_entities(actor).where(Entity.id.in_(wanted)).with_only_columns(Entity.id, Entity.caption)
    known: dict[UUID, str] = dict(db.session.execute(seen).all())
    return {device_id: known.get(device_id, "another device") for device_id in wanted}


def holdings_of(sources: Sequence[Source]) -> list[Holding]:
    """What the sources hold, metric by metric in the template's order; read from the roll-ups alone."""
    by_id = {source.series_id: source for source in sources}
    if not by_id:
        return []
    day = MeasurementRollup
    counted = db.session.execute(
        select(
            day.series_id,
            day.metric_id,
            func.sum(day.count),
            func.min(day.low),
            func.max(day.high),
            func.count(),
            epoch_ms(func.min(day.start)),
            epoch_ms(func.max(day.start)),
        )
        .where(day.series_id.in_(by_id), day.grain == "day")
        .group_by(day.series_id, day.metric_id)
        .order_by(day.metric_id, day.series_id)
    ).all()
    wanted = {row[1] for row in counted}
    metrics = {metric.id: metric for metric in db.session.scalars(select(Metric).where(Metric.id.in_(wanted)))}
    return [
        Holding(by_id[row[0]], metrics[row[1]], int(row[2]), row[3], row[4], row[5], row[6], row[7]) for row in counted
    ]

"""Before a data export is asked for: what there is to choose from, and what it would be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app import clock
from app.access import Permission
from app.access.visibility import organizations_with, within
from app.actor import Actor
from app.exports.kinds.data_export import LARGEST_ID, DataExportKind, columns_for, scope_of
from app.exports.kinds.data_export_counts import held_by_metric
from app.exports.kinds.data_export_estimate import DataPreview, survey
from app.exports.kinds.data_export_params import MOST_DEVICES, MOST_METRICS, DataExportParams
from app.exports.kinds.data_export_plan import counted_things
from app.exports.kinds.data_export_scope import devices_within, series_within
from app.exports.limits import limited_time
from app.exports.rights import check_rights
from app.extensions import db
from app.models import Entity, Location, Metric, Organization, Series, Template
from app.models.types import from_milliseconds


@dataclass(frozen=True, slots=True)
class OfferedMetric:
    """A metric and how much there is of it. ``first`` and ``last`` are the days (their beginnings, UTC) of its first
    and its last value; ``None`` when it has none.
    """

    id: int
    name: str
    label: str
    unit: str | None
    part: str
    count: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class MetricLabel:
    """What a metric is called, and the template whose devices measure it."""

    label: str
    unit: str | None
    part: str
    template_label: str


@dataclass(frozen=True, slots=True)
class TemplateMetrics:
    """The metrics of a template that devices of the scope are of."""

    template_id: UUID
    label: str
    device_count: int
    metrics: tuple[OfferedMetric, ...]


@dataclass(frozen=True, slots=True)
class Scopes:
    """Where devices can be chosen from: ``(id, name)`` and ``(id, name, its organization)``, by name."""

    organizations: tuple[tuple[UUID, str], ...]
    locations: tuple[tuple[UUID, str, UUID], ...]


@limited_time()
def preview_data_export(actor: Actor, params: DataExportParams) -> DataPreview:
    """What an export would hold and look like now. Nothing is written.

    :raises Forbidden: ``reason`` is ``permission`` or ``exports_disabled``
    :raises Invalid: with a sentence for each field that is wrong
    :raises Unavailable: it is too much to look at
    """
    DataExportKind().check(actor, params)
    return survey(db.session.connection(), scope_of(actor, params), columns_for(actor, params))


@limited_time()
def holds_no_value(actor: Actor, params: DataExportParams) -> bool:
    """Whether an export would hold no value at all if it were made now; looks no further than to the first one.

    :raises Forbidden: ``reason`` is ``permission`` or ``exports_disabled``
    :raises Invalid: with a sentence for each field that is wrong
    :raises Unavailable: it is too much to look at
    """
    DataExportKind().check(actor, params)
    found = counted_things(db.session.connection(), scope_of(actor, params), columns_for(actor, params), most_shared=0)
    return not any(one.values for one in found)


@limited_time()
def offered_metrics(
    actor: Actor,
    *,
    organization_id: UUID | None = None,
    location_id: UUID | None = None,
    device_ids: Sequence[UUID] = (),
) -> list[TemplateMetrics]:
    """The metrics of the devices that the actor may export, by template; what is not visible adds nothing.

    :raises Forbidden: ``reason`` is ``permission`` or ``exports_disabled``
    :raises Unavailable: there is too much to count
    """
    check_rights(actor)
    now = clock.now()
    chosen = tuple(device_ids[:MOST_DEVICES])
    params = DataExportParams(now, now + timedelta(days=1), organization_id, location_id, chosen)
    scope = scope_of(actor, params)
    devices = [*devices_within(scope)]
    counted = _templates(devices)
    metrics: dict[UUID, list[Metric]] = {template_id: [] for template_id in counted}
    wanted = select(Metric).where(Metric.tenant_id == actor.tenant_id, Metric.template_id.in_(counted))
    for metric in db.session.scalars(wanted.order_by(Metric.label, Metric.id)):
        metrics[metric.template_id].append(metric)
    series = _series(devices, series_within(scope))
    offered = []
    for template_id, (label, device_count) in counted.items():
        own = metrics[template_id]
        held = held_by_metric(db.session.connection(), series.get(template_id, []), [one.id for one in own])
        found = tuple(_offered(one, held.get(one.id)) for one in own)
        offered.append(TemplateMetrics(template_id, label, device_count, found))
    return offered


def metric_labels(actor: Actor, ids: Iterable[int]) -> dict[int, MetricLabel]:
    """What metrics are called that devices of the actor's exports could measure; nothing is counted.

    Metrics that there are not, or not for this actor, are absent, and so are those after the first 1,000: no export
    has more.

    :raises Forbidden: ``reason`` is ``permission`` or ``exports_disabled``
    """
    check_rights(actor)
    wanted = [one for one in dict.fromkeys(ids) if 0 <= one <= LARGEST_ID][:MOST_METRICS]
    device = select(Entity.id).where(
        Entity.tenant_id == actor.tenant_id,
        Entity.data_type == "device",
        Entity.template_id == Metric.template_id,
        within(Entity.organization_id.expression, organizations_with(actor, Permission.EXPORT_DATA)),
    )
    known = (
        select(Metric.id, Metric.label, Metric.unit, Metric.part, Template.label)
        .join(Template, Template.id == Metric.template_id)
        .where(Metric.tenant_id == actor.tenant_id, Metric.id.in_(wanted), device.exists())
    )
    return {row[0]: MetricLabel(*row[1:]) for row in db.session.execute(known)}


def offered_scopes(actor: Actor) -> Scopes:
    """The organizations from which the actor may export, and their locations.

    :raises Forbidden: ``reason`` is ``permission`` or ``exports_disabled``
    """
    check_rights(actor)
    scope = organizations_with(actor, Permission.EXPORT_DATA)
    organizations = (
        select(Organization.id, Organization.name)
        .where(Organization.tenant_id == actor.tenant_id, within(Organization.id.expression, scope))
        .order_by(Organization.name, Organization.id)
    )
    locations = (
        select(Location.id, Location.name, Location.organization_id)
        .where(Location.tenant_id == actor.tenant_id, within(Location.organization_id.expression, scope))
        .order_by(Location.name, Location.id)
    )
    return Scopes(
        tuple((row[0], row[1]) for row in db.session.execute(organizations)),
        tuple((row[0], row[1], row[2]) for row in db.session.execute(locations)),
    )


def _templates(devices: Iterable[ColumnElement[bool]]) -> dict[UUID, tuple[str, int]]:
    counted = select(Entity.template_id, func.count()).where(*devices).group_by(Entity.template_id).subquery()
    wanted = select(Template.id, Template.label, counted.c[1]).join(counted, counted.c.template_id == Template.id)
    rows = db.session.execute(wanted.order_by(Template.label, Template.id))
    return {row[0]: (row[1], int(row[2])) for row in rows}


def _series(devices: Iterable[ColumnElement[bool]], seen: ColumnElement[bool]) -> dict[UUID, list[int]]:
    """The readable series of the devices of each template."""
    found: dict[UUID, list[int]] = {}
    wanted = select(Entity.template_id, Series.id).join(Series, Series.device_id == Entity.id).where(*devices, seen)
    for template_id, series_id in db.session.execute(wanted.order_by(Series.id)):
        found.setdefault(template_id, []).append(series_id)
    return found


def _offered(metric: Metric, held: tuple[int, int, int] | None) -> OfferedMetric:
    return OfferedMetric(
        id=metric.id,
        name=metric.name,
        label=metric.label,
        unit=metric.unit,
        part=metric.part,
        count=held[0] if held else 0,
        first=from_milliseconds(held[1]) if held else None,
        last=from_milliseconds(held[2]) if held else None,
    )

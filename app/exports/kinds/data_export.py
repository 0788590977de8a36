"""The data export: measurements as time series, a file for each device."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from app.access import Permission
from app.access.visibility import organizations_with, within
from app.actor import Actor
from app.archive import PackageDescription
from app.errors import Invalid
from app.exports.kinds import data_export_description
from app.exports.kinds.base import BuiltFile, Order, PlannedFile
from app.exports.kinds.data_export_columns import TIMESTAMP, Columns, MetricWords, fields_of
from app.exports.kinds.data_export_params import MOST_DEVICES, MOST_METRICS, DataExportParams
from app.exports.kinds.data_export_plan import planned_files
from app.exports.kinds.data_export_scope import Scope
from app.exports.rights import ask_proof, check_names, check_rights, check_scope, nameless_for, naming_templates
from app.extensions import db
from app.models import Entity, Location, Metric, Organization, Template

LARGEST_ID = 2**63 - 1


class DataExportKind:
    """See :class:`~app.exports.kinds.base.Kind`."""

    called = "measurements"
    shared = False
    fingerprinted = True
    longest_label = 128

    def subject(self, export_id: UUID, tenant_id: UUID, params: str) -> str:
        return str(tenant_id if DataExportParams.from_json(params).bulk else export_id)

    def check(self, actor: Actor, params: DataExportParams) -> None:
        check_rights(actor)
        wrong = params.faults()
        for name, words in _unknown(actor, params):
            wrong.setdefault(name, words)
        if wrong:
            raise Invalid(fields=wrong)

    def freeze(self, actor: Actor, params: str) -> dict[str, Any]:
        """The requester's scope and the chosen metrics' words.

        :raises Forbidden: the actor may no longer export, or the tenant's exports were switched off meanwhile
        """
        check_rights(actor)
        asked = DataExportParams.from_json(params)
        scope = organizations_with(actor, Permission.EXPORT_DATA)
        metrics = chosen_metrics(actor.tenant_id, asked)
        nameless = nameless_for(actor)
        return {
            "organization_ids": None if scope is None else [str(one) for one in scope],
            "metrics": [metric.to_plain() for metric in metrics],
            "nameless": sorted(map(str, nameless)),
            "naming": [] if nameless else _naming(metrics, naming_templates(actor.tenant_id)),
        }

    def confirm(self, actor: Actor, params: DataExportParams) -> None:
        tenant_id = actor.tenant_id
        ask_proof(actor, lambda: bool(_naming(chosen_metrics(tenant_id, params), naming_templates(tenant_id))))

    def may_take(self, actor: Actor, frozen: dict[str, Any], params: str) -> None:
        """The actor must be able to export from every organization that the plan's scope had.

        :raises Forbidden: ``reason`` is ``permission``, ``exports_disabled`` or ``scope``
        """
        check_scope(actor, frozen, "measurements")
        check_names(actor, frozen)

    def files(self, order: Order, snapshot: Connection) -> Iterator[PlannedFile]:
        params = _params(order.params)
        frozen = order.frozen["organization_ids"]
        organizations = None if frozen is None else tuple(UUID(one) for one in frozen)
        nameless = frozenset(UUID(one) for one in order.frozen.get("nameless", ()))
        scope = Scope(order.tenant_id, organizations, params, nameless)
        return planned_files(snapshot, scope, _columns(order, params), order.fragment_rows)

    def recipe(
        self, order: Order, layout: dict[str, Any], task: dict[str, Any], *, first: bool, last: bool
    ) -> dict[str, Any]:
        params = _params(order.params)
        columns = _columns(order, params, layout["template"]).of(layout["template"])
        return {
            "make": "wide",
            "series": layout["series"],
            "metrics": [column.metric.id for column in columns],
            "slices": task["slices"],
            "revision": order.revision,
            "header": [TIMESTAMP, *(column.header for column in columns)] if first else None,
            "timestamps": params.timestamp_format,
            "format": params.format,
            "for_spreadsheets": params.for_spreadsheets,
            "fields": fields_of(columns, params),
        }

    def describe(self, order: Order, files: list[BuiltFile]) -> PackageDescription:
        params = _params(order.params)
        return data_export_description.describe(order, params, _columns(order, params), files)


def scope_of(actor: Actor, params: DataExportParams) -> Scope:
    """What the actor may export of what is asked for."""
    organizations = organizations_with(actor, Permission.EXPORT_DATA)
    return Scope(actor.tenant_id, organizations, params, nameless_for(actor))


def columns_for(actor: Actor, params: DataExportParams) -> Columns:
    """The columns that files would have if they were made now."""
    return Columns(chosen_metrics(actor.tenant_id, params), params)


def chosen_metrics(tenant_id: UUID, params: DataExportParams) -> list[MetricWords]:
    """The chosen metrics of the tenant's devices, as they are called now; every one when none is chosen."""
    wanted = (
        select(
            Metric.id, Metric.template_id, Metric.name, Metric.label, Metric.unit, Metric.part, Metric.kind,
            Metric.description,
        )
        .join(Template, Template.id == Metric.template_id)
        .where(Metric.tenant_id == tenant_id, Template.data_type == "device")
        .order_by(Metric.id)
    )  # fmt: skip
    if params.metric_ids:
        wanted = wanted.where(Metric.id.in_(params.metric_ids))
    return [MetricWords(row[0], str(row[1]), *row[2:]) for row in db.session.execute(wanted)]


def _naming(metrics: Iterable[MetricWords], templates: Collection[UUID]) -> list[str]:
    """Those of the templates whose devices' measurements are chosen."""
    return sorted({one.template_id for one in metrics} & {str(one) for one in templates})


@lru_cache(maxsize=16)
def _params(text: str) -> DataExportParams:
    return DataExportParams.from_json(text)


def _columns(order: Order, params: DataExportParams, template_id: str | None = None) -> Columns:
    metrics: Iterable[MetricWords] = (MetricWords.from_plain(one) for one in order.frozen["metrics"])
    return Columns([one for one in metrics if template_id in (None, one.template_id)], params)


def _unknown(actor: Actor, params: DataExportParams) -> Iterator[tuple[str, str]]:
    """What is asked for and does not exist, or not for this actor: the same words."""
    scope = organizations_with(actor, Permission.EXPORT_DATA)
    if params.organization_id is not None:
        known = select(Organization.id).where(
            Organization.id == params.organization_id,
            Organization.tenant_id == actor.tenant_id,
            within(Organization.id.expression, scope),
        )
        if db.session.scalar(known) is None:
            yield "organization_id", "There is no such organization."
    if params.location_id is not None:
        place = select(Location.id).where(
            Location.id == params.location_id,
            Location.tenant_id == actor.tenant_id,
            within(Location.organization_id.expression, scope),
        )
        if db.session.scalar(place) is None:
            yield "location_id", "There is no such location."
    devices = set(params.device_ids)
    if 0 < len(params.device_ids) <= MOST_DEVICES:
        seen = select(Entity.id).where(
            Entity.id.in_(devices),
            Entity.tenant_id == actor.tenant_id,
            Entity.data_type == "device",
            within(Entity.organization_id.expression, scope),
        )
        if len(db.session.scalars(seen).all()) != len(devices):
            yield "device_ids", "One of the devices does not exist."
    if 0 < len(params.metric_ids) <= MOST_METRICS and not _metrics_exist(actor, params):
        yield "metric_ids", "One of the metrics does not exist, or no device measures it."


def _metrics_exist(actor: Actor, params: DataExportParams) -> bool:
    chosen = set(params.metric_ids)
    if any(not 0 <= one <= LARGEST_ID for one in chosen):
        return False
    return len(chosen_metrics(actor.tenant_id, params)) == len(chosen)

"""The report: entities of chosen data types, a file for each, with their attached files on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from app.access import Permission, require
from app.access.visibility import organizations_with
from app.actor import Actor
from app.archive import PackageDescription
from app.errors import Forbidden
from app.exports.kinds import report_description, report_files
from app.exports.kinds.base import BuiltFile, Order, Page, PlannedFile, PlannedPart
from app.exports.kinds.report_layout import MEDIA_TYPES, FilePlanner
from app.exports.kinds.report_rows import Shape, encoder_for, file_values, from_position, selection_for, to_position
from app.exports.params import ReportParams
from app.extensions import db
from app.models import Template, Tenant
from app.rows import pages as record_pages
from app.rows import positions


class ReportKind:
    """See :class:`~app.exports.kinds.base.Kind`."""

    def subject(self, export_id: UUID, params: str) -> str:
        return str(export_id)

    def freeze(self, actor: Actor, params: str) -> dict[str, Any]:
        """The requester's scope and the templates' words.

        :raises Forbidden: the actor may no longer export, or the tenant's exports were switched off meanwhile
        """
        check_rights(actor)
        scope = organizations_with(actor, Permission.EXPORT_DATA)
        return {
            "organization_ids": None if scope is None else [str(one) for one in scope],
            "templates": frozen_templates(actor.tenant_id),
        }

    def may_take(self, actor: Actor, frozen: dict[str, Any]) -> None:
        """The actor must be able to export from every organization that the plan's scope had.

        :raises Forbidden: ``reason`` is ``permission``, ``exports_disabled`` or ``scope``
        """
        check_rights(actor)
        held = organizations_with(actor, Permission.EXPORT_DATA)
        scope = frozen["organization_ids"]
        if held is not None and (scope is None or not {UUID(one) for one in scope} <= set(held)):
            raise Forbidden(
                "This archive may hold records of organizations from which you may not export.", reason="scope"
            )

    def files(self, order: Order) -> Iterator[PlannedFile]:
        params = ReportParams.from_json(order.params)
        attached: list[tuple[str, list[dict[str, Any]]]] = []
        for data_type in params.data_types:
            if params.max_file_bytes is None and not params.with_files:
                yield _planned_in_strides(order, params, data_type)
                continue
            planner = FilePlanner(order, params, data_type)
            for records in record_pages(selection_for(order, params, data_type), order.fragment_rows):
                for record, row in planner.shape.rows(records):
                    planner.add(record, row)
                    if params.with_files:
                        attached += file_values(planner.shape, record, row)
            yield from planner.finish()
        yield from report_files.planned(order, attached)

    def pages(self, order: Order, layout: dict[str, Any], task: dict[str, Any]) -> Iterator[Page]:
        if "storage_key" in layout:
            return report_files.pages(layout, task)
        return _record_pages(order, layout, task)

    def describe(self, order: Order, files: list[BuiltFile]) -> PackageDescription:
        return report_description.describe(order, files)


def check_rights(actor: Actor) -> None:
    """Refuse whoever may not export, and everybody while the tenant's exports are off.

    :raises Forbidden: ``reason`` says which of the two
    """
    require(actor, Permission.EXPORT_DATA)
    tenant = db.session.get_one(Tenant, actor.tenant_id)
    if not tenant.exports_enabled:
        raise Forbidden(
            "Exports are switched off for your organization's tenant. An administrator can switch them on.",
            reason="exports_disabled",
        )


def frozen_templates(tenant_id: UUID) -> dict[str, Any]:
    """The words of every template of the tenant, as plain values."""
    found = db.session.scalars(db.select(Template).filter_by(tenant_id=tenant_id).order_by(Template.name))
    return {
        str(template.id): {
            "name": template.name,
            "label": template.label,
            "data_type": template.data_type,
            "attributes": [
                {
                    "name": one.name,
                    "label": one.label,
                    "kind": one.kind,
                    "unit": one.unit,
                    "choices": one.choices,
                    "phi": one.phi,
                    "several": one.max_files > 1,
                }
                for one in template.attributes
            ],
        }
        for template in found
    }


def _planned_in_strides(order: Order, params: ReportParams, data_type: str) -> PlannedFile:
    """A file that is not split needs no sizes: its parts are strides of so many records."""
    parts: list[PlannedPart] = []
    last: list[Any] | None = None
    selection = selection_for(order, params, data_type)
    for places in positions(selection, order.part_rows):
        until = to_position(places[-1])
        parts.append(PlannedPart({"after": last, "until": until}, len(places)))
        last = until
    parts = parts or [PlannedPart({"after": None, "until": None}, 0)]
    parts[0].task["first"] = True
    parts[-1].task["final"] = True
    name = f"{data_type}.{params.format}"
    return PlannedFile(name, data_type, MEDIA_TYPES[params.format], {"data_type": data_type}, parts)


def _record_pages(order: Order, layout: dict[str, Any], task: dict[str, Any]) -> Iterator[Page]:
    params = ReportParams.from_json(order.params)
    shape = Shape(order, params, layout["data_type"])
    encoder = encoder_for(shape)
    first = bool(task.get("first"))
    opening = encoder.head() if first else b""
    waiting: list[bytes] = [opening]
    count, any_record = 0, not first
    for records in _selected(order, params, layout, task):
        if count:
            yield Page(b"".join(waiting), count)
            waiting, count = [], 0
        for _, row in shape.rows(records):
            waiting.append(encoder.record(row, first=not any_record))
            any_record = True
            count += 1
    if task.get("final"):
        waiting.append(encoder.tail(empty=not any_record))
    yield Page(b"".join(waiting), count)


def _selected(order: Order, params: ReportParams, layout: dict[str, Any], task: dict[str, Any]) -> Iterator[Any]:
    if task["until"] is None:
        return iter(())
    selection = selection_for(order, params, layout["data_type"])
    after, until = from_position(task["after"]), from_position(task["until"])
    return record_pages(selection, order.fragment_rows, after, until)

"""What a report says of itself: its data package and its read-me."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.archive import Column, LeftOut, PackageDescription, Resource
from app.builder.long_fields import FIELDS
from app.exports.kinds.base import BuiltFile, Order
from app.exports.kinds.report_columns import columns_of
from app.exports.kinds.report_scope import iso
from app.exports.params import MEASUREMENTS, ReportParams

FIELD_TYPES = {
    "INTEGER": "integer",
    "DECIMAL": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DATE_TIME": "datetime",
}


def describe(order: Order, files: list[BuiltFile]) -> PackageDescription:
    """See :meth:`app.exports.kinds.base.Kind.describe`."""
    params = ReportParams.from_json(order.params)
    return PackageDescription(
        name=f"report-r{order.revision}",
        title="Chartroom report",
        description=_asked(params),
        snapshot_revision=order.revision,
        snapshot_at=order.at,
        resources=tuple(_resource(order, built, params) for built in files),
        left_out=tuple(_left_out(order, params)),
        for_spreadsheets=params.for_spreadsheets,
        notes=tuple(_notes(files)),
    )


def _asked(params: ReportParams) -> str:
    kinds = ", ".join(params.data_types)
    number = len(params.entity_ids)
    chosen = "Records" if not number else "One chosen record" if number == 1 else f"{number} chosen records"
    verb = "created" if params.period == "creation" else "changed"
    since = f" from {iso(params.start)}" if params.start else ""
    until = f" until before {iso(params.end)}" if params.end else ""
    period = f", {verb}{since}{until}" if since or until else ""
    return f"{chosen} of {kinds}{period}; {'oldest' if params.order == 'asc' else 'newest'} first."


def _left_out(order: Order, params: ReportParams) -> list[LeftOut]:
    found = []
    if params.without_phi:
        found.append(LeftOut("attributes that identify people, and captions made of them", "this was asked for"))
    if order.frozen["organization_ids"] is not None:
        found.append(LeftOut("records of other organizations", "the requester may not see them"))
    if not params.with_files:
        found.append(LeftOut("attached files", "they were not asked for; their names and sizes are in the records"))
    if not params.measured:
        found.append(LeftOut("measurements", "they were not asked for"))
    if params.template_ids:
        found.append(LeftOut("records of other templates", "only some templates were asked for"))
    return found


def _notes(files: list[BuiltFile]) -> list[str]:
    return [
        f"{built.member.name} holds one record that is larger than the size at which files are split."
        for built in files
        if built.layout.get("oversized")
    ]


def _resource(order: Order, built: BuiltFile, params: ReportParams) -> Resource:
    member = built.member
    attached = "storage_key" in built.layout
    measured = built.layout.get("data_type") == MEASUREMENTS
    return Resource(
        path=member.name,
        title=built.layout.get("title") or ("Measurements" if measured else f"Records of {built.subject}"),
        description=_of_measurements(params) if measured else "",
        format=member.name.rpartition(".")[2].lower() if attached else params.format,
        raw_length=member.raw_length,
        raw_sha256=member.raw_sha256 or "",
        rows=None if attached else member.rows,
        columns=() if attached or params.format in ("json", "ndjson") else tuple(_columns(order, built, params)),
        media_type=built.media_type,
    )


def _of_measurements(params: ReportParams) -> str:
    if params.format in ("json", "ndjson"):
        return "An object for each series and instant; the rows counted are its values."
    return "A row for each value, series by series."


def _columns(order: Order, built: BuiltFile, params: ReportParams) -> list[Column]:
    if built.layout["data_type"] == MEASUREMENTS:
        return [_of_long(field) for field in FIELDS]
    described = columns_of(order.frozen, params, built.layout["data_type"])
    return [_column(column["name"], attribute) for column, attribute in described]


def _of_long(field: Mapping[str, str]) -> Column:
    kind = {"instant": "datetime", "number": "number"}.get(field["type"], "string")
    return Column(field["name"], kind, format="any" if kind == "datetime" else "")


def _column(header: str, attribute: Mapping[str, Any] | None) -> Column:
    if attribute is None:
        timed = header in ("_creationTime", "_lastModifiedTime")
        return Column(header, "datetime" if timed else "string", format="any" if timed else "")
    kind = FIELD_TYPES.get(attribute["kind"], "string")
    single = attribute["kind"] == "SINGLE_SELECT"
    choices = tuple(str(one["value"]) for one in attribute["choices"] or ()) if single else ()
    return Column(
        header,
        kind,
        title=attribute["label"],
        unit=attribute["unit"] or "",
        format="any" if kind == "datetime" else "",
        choices=choices,
    )

"""What a report says of itself: its data package and its read-me."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.archive import Column, LeftOut, PackageDescription, Resource
from app.exports.kinds.base import BuiltFile, Order
from app.exports.kinds.report_rows import Shape, iso
from app.exports.params import ReportParams

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
    shapes = {data_type: Shape(order, params, data_type) for data_type in params.data_types}
    return PackageDescription(
        name=f"report-r{order.revision}",
        title="Chartroom report",
        description=_asked(params),
        snapshot_revision=order.revision,
        snapshot_at=order.at,
        resources=tuple(_resource(built, params, shapes) for built in files),
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
    found.append(LeftOut("measurements", "a report holds records; the portal shows and lists their measurements"))
    if params.template_ids:
        found.append(LeftOut("records of other templates", "only some templates were asked for"))
    return found


def _notes(files: list[BuiltFile]) -> list[str]:
    return [
        f"{built.member.name} holds one record that is larger than the size at which files are split."
        for built in files
        if built.layout.get("oversized")
    ]


def _resource(built: BuiltFile, params: ReportParams, shapes: Mapping[str, Shape]) -> Resource:
    member = built.member
    attached = "storage_key" in built.layout
    shape = None if attached else shapes[built.layout["data_type"]]
    return Resource(
        path=member.name,
        title=built.layout.get("title") or f"Records of {built.subject}",
        format=member.name.rpartition(".")[2].lower() if attached else params.format,
        raw_length=member.raw_length,
        raw_sha256=member.raw_sha256 or "",
        rows=None if attached else member.rows,
        columns=tuple(_columns(shape)) if shape is not None and params.format == "csv" else (),
        media_type=built.media_type,
    )


def _columns(shape: Shape) -> list[Column]:
    return [_column(column.header, attribute) for column, attribute in shape.columns()]


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

"""What a data export says of itself: its data package and its read-me."""

from __future__ import annotations

from collections.abc import Iterator

from app.archive import Column, LeftOut, PackageDescription, Resource
from app.exports.kinds.base import BuiltFile, Order
from app.exports.kinds.data_export_cells import written_instant
from app.exports.kinds.data_export_columns import TIMESTAMP, Columns, MetricColumn
from app.exports.kinds.data_export_params import DataExportParams
from app.measurements import metric_words


def describe(order: Order, params: DataExportParams, columns: Columns, files: list[BuiltFile]) -> PackageDescription:
    """See :meth:`app.exports.kinds.base.Kind.describe`."""
    described = {template_id: tuple(_columns(own, params)) for template_id, own in columns.by_template.items()}
    without = tuple(_columns([], params))
    return PackageDescription(
        name=f"data-export-r{order.revision}",
        title="Chartroom data export",
        description=_asked(params),
        snapshot_revision=order.revision,
        snapshot_at=order.at,
        resources=tuple(_resource(built, params, described.get(built.layout["template"], without)) for built in files),
        left_out=tuple(_left_out(order, params, files)),
        for_spreadsheets=params.for_spreadsheets and params.format == "csv",
        notes=tuple(_notes(params, files)),
    )


def _asked(params: DataExportParams) -> str:
    number = len(params.device_ids)
    devices = "every device" if not number else "one chosen device" if number == 1 else f"{number} chosen devices"
    chosen = len(params.metric_ids)
    metrics = ", every metric" if not chosen else ", one chosen metric" if chosen == 1 else f", {chosen} chosen metrics"
    period = f"from {written_instant(params.start_ms)} until before {written_instant(params.end_ms)} (UTC)"
    return (
        f"Measurements of {devices}{metrics}, {period}: a file for each device, in it a row for each instant, oldest "
        f"first, and a column for each metric. An empty cell means that nothing was measured then."
    )


def _left_out(order: Order, params: DataExportParams, files: list[BuiltFile]) -> Iterator[LeftOut]:
    if params.without_empty_devices:
        number = sum(built.layout.get("empty_devices", 0) for built in files)
        what = "1 device" if number == 1 else f"{number:,} devices" if files else "every device"
        yield LeftOut(f"{what} without a value in the period", "devices without values were not asked for")
    if params.metric_ids:
        yield LeftOut("other metrics", "only some were asked for")
    yield LeftOut("metrics of other templates", "a device's file has the metrics of its own template")
    if params.device_ids or params.location_id or params.organization_id:
        yield LeftOut("other devices", "only some were asked for")
    if order.frozen["organization_ids"] is not None:
        yield LeftOut("devices of other organizations", "the requester may not export them")
        yield LeftOut("values of patients of other organizations", "the requester may not export them")
    if order.frozen.get("nameless"):
        yield LeftOut(
            "names of devices that are made of what identifies people",
            "the requester's right to export does not reach so far; such a device goes by its key",
        )
    yield LeftOut("measurements that no device made", "there is a file for each device and nothing else")


def _notes(params: DataExportParams, files: list[BuiltFile]) -> Iterator[str]:
    if not any(built.member.rows for built in files):
        yield "Nothing was measured in the period by the devices that were asked for: there is no value in here."
    if params.for_spreadsheets and params.format == "csv":
        yield "Only headers can be texts here, so only a header may have an apostrophe before it; numbers never do."
    for built in files:
        dropped = built.layout.get("dropped")
        if dropped:
            values = "1 value was" if dropped == 1 else f"{dropped:,} values were"
            yield (
                f"{built.layout['title']}: {values} left out because the device has another one for the same instant "
                f"and metric; the one that was recorded under its older series is kept."
            )


def _resource(built: BuiltFile, params: DataExportParams, columns: tuple[Column, ...]) -> Resource:
    member = built.member
    return Resource(
        path=member.name,
        title=f"Measurements of {built.layout['title']}",
        format=params.format,
        raw_length=member.raw_length,
        raw_sha256=member.raw_sha256 or "",
        values=member.rows,
        columns=columns,
        media_type=built.media_type,
    )


def _columns(metrics: list[MetricColumn], params: DataExportParams) -> Iterator[Column]:
    if params.timestamp_format == "ISO_8601":
        yield Column(TIMESTAMP, "datetime", description="UTC, to the millisecond", format="any", required=True)
    else:
        yield Column(TIMESTAMP, "integer", description="Milliseconds since 1970-01-01, UTC", required=True)
    for column in metrics:
        metric = column.metric
        words = metric_words(metric.name, metric.part, metric.kind == "boolean", metric.description)
        yield Column(column.header, "number", title=metric.label, unit=metric.unit or "", description=words)

"""What a report says of itself: its data package and its read-me."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.access import ExportRight
from app.archive import Column, LeftOut, Measured, PackageDescription, Resource
from app.builder.long_fields import FIELDS
from app.exports.kinds.base import BuiltFile, Order
from app.exports.kinds.report_columns import chosen_templates, columns_of
from app.exports.kinds.report_scope import iso
from app.exports.params import MEASUREMENTS, ReportParams
from app.measurements import type_of
from app.models.template import FILE_TYPES

ASKED_FOR = "this was asked for"
MOST_NAMED = 12
"""So many organizations are named one by one."""
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
        description=f"{' '.join(_asked(one) for one in _apart(params))} {_from(order)}",
        snapshot_revision=order.revision,
        snapshot_at=order.at,
        resources=tuple(_resource(order, built, params) for built in files),
        left_out=tuple(_left_out(order, params)),
        for_spreadsheets=params.for_spreadsheets,
        notes=tuple(_notes(params, files)),
    )


def _apart(params: ReportParams) -> list[ReportParams]:
    """The queries one by one; what asks for one period is one."""
    return [asked.params for asked in params.asked()] if params.queries else [params]


def _asked(params: ReportParams) -> str:
    kinds = ", ".join(one for one in params.data_types if one != MEASUREMENTS)
    number = len(params.entity_ids)
    some = "one chosen record" if number == 1 else f"{number} chosen records"
    if kinds:
        chosen = f"{some[0].upper()}{some[1:]} of {kinds}" if number else f"Records of {kinds}"
        chosen += (f", and measurements of {'it' if number == 1 else 'them'}" if number else ", and measurements"
                   ) if params.measured else ""  # fmt: skip
    else:
        chosen = f"Measurements of {some}" if number else "Measurements"
    verb = "created" if params.period == "creation" else "changed"
    verb = f"{verb} or measured" if params.measured and kinds else "measured" if params.measured else verb
    since = f" from {iso(params.start)}" if params.start else ""
    until = f" until before {iso(params.end)}" if params.end else ""
    period = f", {verb}{since}{until}" if since or until else ""
    order = "oldest" if params.order == "asc" else "newest"
    by = " by creation" if params.sorted_by == "creation" and params.period != "creation" else ""
    return f"{chosen}{period}; {order} first{by}."


def _from(order: Order) -> str:
    """Whose records these can be."""
    names = sorted(order.frozen["owners"].values())
    if order.frozen["organization_ids"] is None:
        return "From every organization."
    if not names:
        return "From no organization."
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"From {', '.join(names[:MOST_NAMED])}{more}."


def _left_out(order: Order, params: ReportParams) -> list[LeftOut]:
    found = []
    only_measured = params.data_types == (MEASUREMENTS,)
    if params.without_phi and not only_measured:
        what = "attributes that identify people, what attached files are called, and captions made of such attributes"
        forced = order.frozen.get("right") == ExportRight.WITHOUT_IDENTIFIERS
        found.append(LeftOut(what, "the requester's right to export does not reach so far" if forced else ASKED_FOR))
    if order.frozen["organization_ids"] is not None:
        what = "measurements" if only_measured else "records"
        found.append(LeftOut(f"{what} of other organizations", "the requester may not see them"))
    if only_measured:
        found.append(LeftOut("records and their attached files", "only measurements were asked for"))
    elif not params.with_files:
        found.append(LeftOut("attached files", f"they were not asked for{_named_in_records(order, params)}"))
    if not params.measured:
        found.append(LeftOut("measurements", "they were not asked for"))
    if any(one.template_ids for one in _apart(params)):
        found.append(LeftOut("records of other templates", "only some templates were asked for"))
    return found


def _named_in_records(order: Order, params: ReportParams) -> str:
    """What the records tell of files: nothing where there can be none, or where files' names are left out."""
    attributes = (
        one["kind"]
        for data_type in params.data_types
        for template in chosen_templates(order.frozen, params, data_type)
        for one in template["attributes"]
    )
    if params.without_phi or not any(kind in FILE_TYPES for kind in attributes):
        return ""
    told = "names and sizes" if params.format in ("json", "ndjson") else "names and IDs"
    return f"; their {told} are in the records"


def _notes(params: ReportParams, files: list[BuiltFile]) -> Iterator[str]:
    if params.with_files and not any("storage_key" in built.layout for built in files):
        yield "Attached files were asked for; the records have none."
    if not any(built.member.rows for built in files):
        yield "Nothing matched what was asked for: the files hold no record and no value."
    for built in files:
        if built.layout.get("oversized"):
            yield f"{built.member.name} holds one record that is larger than the size at which files are split."


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
        # An object of JSON holds an instant's values, so that its lines are not as many as its values.
        rows=None if attached or (measured and _in_objects(params)) else member.rows,
        values=member.rows if measured else None,
        columns=() if attached else tuple(_columns(order, built, params)),
        media_type=built.media_type,
        metrics=tuple(_metrics(order)) if measured else (),
    )


def _in_objects(params: ReportParams) -> bool:
    return params.format in ("json", "ndjson")


def _metrics(order: Order) -> Iterator[Measured]:
    """Every metric that a measurement can be of. A plan of before they were frozen has none to describe."""
    templates, names = order.frozen["templates"], order.frozen["metrics"]
    for words in order.frozen.get("metric_words", ()):
        kind, of = type_of(words["kind"]), templates[words["template"]]["label"]
        name, description = names[words["metric"]], words.get("words", "")
        yield Measured(name, words["label"], words["unit"], kind, of, description)


def _of_measurements(params: ReportParams) -> str:
    if _in_objects(params):
        return "An object for each series and instant, with its values by metric; what is counted are the values."
    return "A row for each value, series by series; the metric says what it is and in which unit."


def _columns(order: Order, built: BuiltFile, params: ReportParams) -> list[Column]:
    if built.layout["data_type"] == MEASUREMENTS:
        return _of_objects() if _in_objects(params) else [_of_long(field) for field in FIELDS]
    if _in_objects(params):
        return []
    described = columns_of(order.frozen, params.of_query(built.layout.get("query")), built.layout["data_type"])
    return [_column(column["name"], attribute) for column, attribute in described]


def _of_objects() -> list[Column]:
    texts = [Column(name, "string") for name in ("patientId", "sessionId", "sourceEntityId")]
    instant = Column("timestamp", "datetime", description="UTC, to the millisecond", format="any", required=True)
    return [*texts, instant, Column("data", "object", description="A metric's name to its value", required=True)]


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

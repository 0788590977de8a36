"""What a client asks for when it creates a report, read into our words; and our words said as such a request again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.api.biot import present
from app.api.parse import Fields, json_body
from app.errors import Invalid
from app.exports import Asked, ReportParams, ReportQuery
from app.exports.params import LEAST_FILE_BYTES, MEASUREMENTS, MOST_FILE_BYTES, MOST_QUERIES, REPORTED

FORMATS = {"JSON": "json", "CSV": "csv"}
ORDERS = {"ASC": "asc", "DESC": "desc"}
CREATION, CHANGE, TEMPLATE = "_creationTime", "_lastModifiedTime", "_templateId"
TIMES = {CREATION: "creation", CHANGE: "modification"}
FILTERS = (*TIMES, TEMPLATE)
LONGEST_NAME = 36
LONGEST_ADDRESS = 2000
MOST_TEMPLATES = 1_000
MILLISECOND = timedelta(milliseconds=1)
"""``to`` belongs to a period here; our periods end before their end."""

BOTH_TIMES = "has both _creationTime and _lastModifiedTime; remove one of the two and send a second query for it"
NO_TIME = "needs one of _creationTime and _lastModifiedTime"
PLACES = {
    "callback_url": "callbackEndpoint",
    "label": "name",
    "max_file_bytes": "outputMetadata.maxFileSizeInBytes",
    "template_ids": "queries[0].filter._templateId",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for a report."""

    params: ReportParams
    name: str | None
    callback: str | None


def read_request() -> Wanted:
    """The body of a request to create a report.

    :raises Invalid: with each fault by its place; nothing was changed
    """
    fields = Fields(json_body())
    queries = [_query(one) for one in fields.objects("queries", least=1, most=MOST_QUERIES, required=True)]
    output = fields.object("outputMetadata")
    name = fields.text("name", least=1, most=LONGEST_NAME)
    callback = fields.text("callbackEndpoint", least=1, most=LONGEST_ADDRESS)
    file_format, size = "JSON", None
    if output is not None:
        file_format = output.text("exportFormat", most=10, among=FORMATS) or "JSON"
        size = output.integer("maxFileSizeInBytes", least=LEAST_FILE_BYTES, most=MOST_FILE_BYTES)
    fields.check()
    read = [one for one in queries if one is not None]
    return Wanted(ReportParams.of_queries(read, FORMATS[file_format], size), name, callback)


def in_their_places(refusal: Invalid) -> Invalid:
    """A refusal of the domain with the contract's names for what is wrong."""
    fields: dict[str, str] = {}
    for place, words in refusal.fields.items():
        of_query, _, name = place.rpartition(".")
        known = f"{of_query}.filter.{TEMPLATE}" if of_query and name == "template_ids" else PLACES.get(place, place)
        fields[known] = words
    return Invalid("; ".join(f"{place}: {words}" for place, words in fields.items()), fields)


def queries_of(params: ReportParams) -> list[present.Json]:
    """The queries that ask for these very things."""
    return [_said(asked) for asked in params.asked()]


def request_for(params: ReportParams) -> present.Json:
    """The body that asks for these very things."""
    return {
        "queries": queries_of(params),
        "outputMetadata": {
            "exportFormat": next(word for word, ours in FORMATS.items() if ours == params.format),
            "maxFileSizeInBytes": params.max_file_bytes,
        },
    }


def _said(asked: Asked) -> present.Json:
    params = asked.params
    time = CREATION if params.period == "creation" or asked.data_type == MEASUREMENTS else CHANGE
    period = {"from": present.instant(params.start)} if params.start else {}
    if params.end:
        period["to"] = present.instant(params.end - MILLISECOND)
    found: present.Json = {time: period} if period else {}
    if params.template_ids:
        found[TEMPLATE] = {"in": [str(one) for one in params.template_ids]}
    by = CREATION if (params.sorted_by or params.period) == "creation" else time
    order = next(word for word, ours in ORDERS.items() if ours == params.order)
    return {"dataType": asked.data_type, "filter": found, "sort": [{"prop": by, "order": order}]}


def _query(fields: Fields) -> ReportQuery | None:
    data_type = fields.text("dataType", most=40, among=REPORTED, required=True)
    wanted = fields.object("filter")
    if wanted is None:
        fields.fault("filter", NO_TIME)
        return None
    asked = _filters(wanted)
    order = _order(fields)
    times = [name for name in TIMES if name in asked]
    if len(times) != 1:
        fields.fault("filter", BOTH_TIMES if times else NO_TIME)
        return None
    if data_type == MEASUREMENTS:
        for name in (CHANGE, TEMPLATE):
            if name in asked:
                wanted.fault(name, "cannot be asked of measurements; their time is _creationTime")
    start, end = _period(wanted, times[0], asked[times[0]])
    templates = _templates(wanted, asked[TEMPLATE]) if TEMPLATE in asked else ()
    period = TIMES[times[0]]
    sorted_by = None if period == "creation" else "creation"
    return ReportQuery(data_type or "", period, start, end, templates, order, sorted_by)


def _filters(wanted: Fields) -> dict[str, Mapping[str, Any]]:
    """The operators of each property; those that say nothing, which clients send along, are left out."""
    found: dict[str, Mapping[str, Any]] = {}
    for name in wanted.names():
        operators = wanted.object(name)
        if operators is None:
            continue
        said = {one: value for one in operators.names() if (value := operators.raw(one)) not in (None, [], {})}
        if name not in FILTERS:
            wanted.fault(name, f"is no filter of reports; they have {', '.join(FILTERS)}")
        elif said:
            found[name] = said
    return found


def _order(fields: Fields) -> str:
    orders = []
    for one in fields.objects("sort", most=10):
        prop = one.text("prop", most=200, required=True)
        if prop is not None and prop != CREATION:
            one.fault("prop", f"must be {CREATION}")
        orders.append(one.text("order", most=10, among=ORDERS) or "DESC")
    return ORDERS[orders[0]] if orders else "desc"


def _period(wanted: Fields, name: str, said: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    within = wanted.object(name)
    if within is None:
        return None, None
    for operator in said:
        if operator not in ("from", "to"):
            within.fault(operator, "is no operator of a time; there are from and to")
    start, last = within.instant("from"), within.instant("to")
    if start is not None and last is not None and start > last:
        within.fault("to", "must not be before from")
    try:
        return start, None if last is None else last + MILLISECOND
    except OverflowError:
        return start, last  # the last of all milliseconds


def _templates(wanted: Fields, said: Mapping[str, Any]) -> tuple[UUID, ...]:
    """``in`` has a list; ``eq`` an id or, from one client, a list too. Together they mean what is in both."""
    sets = []
    for operator, value in said.items():
        if operator not in ("in", "eq"):
            wanted.fault(TEMPLATE, "has the operators in and eq alone")
            return ()
        texts = value if isinstance(value, list) else [value]
        try:
            if len(texts) > MOST_TEMPLATES or not all(isinstance(one, str) and len(one) == 36 for one in texts):
                raise ValueError
            sets.append([UUID(one) for one in texts])
        except ValueError:
            wanted.fault(TEMPLATE, f"must hold the ids of at most {MOST_TEMPLATES:,} templates")
            return ()
    both = tuple(one for one in dict.fromkeys(sets[0]) if all(one in other for other in sets))
    if not both:
        wanted.fault(TEMPLATE, "has no template that in and eq both name")
    return both


def request_again(params: ReportParams, name: str | None, callback: str | None) -> present.Json | None:
    """The body that asks for the very same report once more; ``None`` where this contract has no words for it."""
    ours_alone = params.entity_ids or params.with_files or params.without_phi or params.for_spreadsheets
    if ours_alone or params.format not in FORMATS.values() or not all(map(_can_be_said, params.asked())):
        return None
    wanted = request_for(params)
    wanted["outputMetadata"] = {key: value for key, value in wanted["outputMetadata"].items() if value is not None}
    more = {"name": name, "callbackEndpoint": callback}
    return wanted | {key: value for key, value in more.items() if value is not None}


def _can_be_said(asked: Asked) -> bool:
    params = asked.params
    if asked.data_type == MEASUREMENTS:
        return params.period == "creation" and not params.template_ids and (params.start or params.end) is not None
    return (params.sorted_by or params.period) == "creation" and (params.start or params.end) is not None

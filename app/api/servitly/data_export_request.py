"""What a client asks for when it schedules a data export, read into our words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app import clock
from app.api.parse import Fields, json_body
from app.errors import Invalid
from app.exports import DataExportParams, DeviceMetric
from app.exports.kinds.data_export_names import LONGEST_MASK
from app.exports.kinds.data_export_params import EARLIEST_MS, LATEST_MS, MOST_METRICS, TIMESTAMP_FORMATS
from app.models.types import from_milliseconds

DEFAULT_MASK = "${thing.serialNumber}"
LONGEST_NAME = 128
LONGEST_ID = 200
UNKNOWN = {
    "customerId": "There is no such customer.",
    "locationId": "There is no such location.",
    "thingId": "There is no such thing.",
}
UNKNOWN_METRIC = "there is no such metric, or no thing measures it"
BOTH_FORMS = "cannot be sent together with metricIds or thingDefinitionIds, which an older edition had in its place"
PLACES = {
    "organization_id": "customerId",
    "location_id": "locationId",
    "device_ids": "thingId",
    "metric_ids": "qualifiedMetricIds",
    "file_name": "thingFileName",
    "timestamp_format": "timestampFormat",
    "start": "startTimestamp",
    "end": "endTimestamp",
    "label": "name",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for a data export."""

    name: str
    params: DataExportParams


def read_request(metrics: Sequence[DeviceMetric]) -> Wanted:
    """The body of a request to schedule a data export. What only answers have is ignored.

    :param metrics: those that there are
    :raises Invalid: with each fault by its place; nothing was changed
    """
    fields = Fields(json_body())
    name = fields.text("name", least=1, most=LONGEST_NAME)
    mask = fields.text("thingFileName", most=LONGEST_MASK)
    hashed = fields.switch("hashThingFileName")
    unit = fields.switch("includeUnit")
    form = fields.text("timestampFormat", most=20, among=TIMESTAMP_FORMATS)
    start, end = (
        fields.integer(place, least=EARLIEST_MS + 1, most=LATEST_MS - 1, required=True)
        for place in ("startTimestamp", "endTimestamp")
    )
    if start is not None and end is not None and start >= end:
        fields.fault("endTimestamp", "must be after startTimestamp")
    if name is not None and not name.strip():
        fields.fault("name", "must not be blank")
    customer, location, thing = (_id(fields, place) for place in UNKNOWN)
    chosen = _metric_ids(fields, metrics)
    fields.check()
    params = DataExportParams(
        start=from_milliseconds(start or 0),
        end=from_milliseconds(end or 0),
        organization_id=customer,
        location_id=location,
        device_ids=() if thing is None else (thing,),
        metric_ids=chosen,
        file_name=DEFAULT_MASK if mask is None else mask,
        hash_file_name=bool(hashed),
        include_unit=bool(unit),
        timestamp_format=form or TIMESTAMP_FORMATS[0],
        headed_by="name",
        bulk=True,
    )
    return Wanted(name or f"Export {clock.now():%Y-%m-%dT%H:%M:%SZ}", params)


def in_their_places(refusal: Invalid) -> Invalid:
    """A refusal of the domain with the contract's names for what is wrong."""
    fields = {PLACES.get(place, place): words for place, words in refusal.fields.items()}
    fields |= {place: words for place, words in UNKNOWN.items() if place in fields}
    return Invalid("; ".join(f"{place}: {words}" for place, words in fields.items()), fields)


def _id(fields: Fields, place: str) -> UUID | None:
    """An id of ours; what cannot be one is as unknown as any other."""
    text = fields.text(place, most=LONGEST_ID)
    if text is None:
        return None
    found = _uuid(text)
    if found is None:
        fields.fault(place, UNKNOWN[place])
    return found


def _metric_ids(fields: Fields, metrics: Sequence[DeviceMetric]) -> tuple[int, ...]:
    """The chosen metrics by either edition's form; none at all is every metric."""
    qualified = fields.objects("qualifiedMetricIds", most=MOST_METRICS)
    ids = _texts(fields, "metricIds")
    definitions = _texts(fields, "thingDefinitionIds")
    if qualified and (ids or definitions):
        fields.fault("qualifiedMetricIds", BOTH_FORMS)
        return ()
    if qualified:
        return _of_qualified(qualified, metrics)
    return _of_older_edition(fields, ids, definitions, metrics)


def _of_qualified(qualified: Sequence[Fields], metrics: Sequence[DeviceMetric]) -> tuple[int, ...]:
    by_id = {str(metric.id): metric for metric in metrics}
    found: dict[int, None] = {}
    for one in qualified:
        metric_id = one.text("metricId", least=1, most=LONGEST_ID, required=True)
        model = one.text("productModelId", most=LONGEST_ID)
        part = one.text("productModelPartId", most=LONGEST_ID)
        definition = one.text("thingDefinitionId", most=LONGEST_ID)
        if metric_id is None:
            continue
        metric = by_id.get(metric_id)
        if metric is not None and _belongs(metric, model, part, definition):
            found[metric.id] = None
        else:
            one.fault("metricId", UNKNOWN_METRIC)
    return tuple(found)


def _belongs(metric: DeviceMetric, model: str | None, part: str | None, definition: str | None) -> bool:
    """Whether a metric is of all that is said of it; an empty text says nothing."""
    return (
        (not model or model == metric.product_model)
        and (not part or part == metric.part)
        and (not definition or _uuid(definition) == metric.template_id)
    )


def _of_older_edition(
    fields: Fields, ids: Sequence[str], definitions: Sequence[str], metrics: Sequence[DeviceMetric]
) -> tuple[int, ...]:
    """Metrics of these ids (all, if none is said) among those of these thing definitions (all, if none is said)."""
    if not ids and not definitions:
        return ()
    among = {_uuid(one) for one in definitions}
    if not among <= {metric.template_id for metric in metrics}:
        fields.fault("thingDefinitionIds", "there is no such thing definition, or it has no metric")
    offered = {str(metric.id): metric.id for metric in metrics if not among or metric.template_id in among}
    if not offered.keys() >= set(ids):
        fields.fault("metricIds", UNKNOWN_METRIC)
    chosen = tuple(offered[one] for one in dict.fromkeys(ids) if one in offered) if ids else tuple(offered.values())
    if len(chosen) > MOST_METRICS:
        fields.fault("thingDefinitionIds", f"have more than {MOST_METRICS} metrics together")
    return chosen


def _texts(fields: Fields, place: str) -> list[str]:
    given = fields.raw(place)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, str) and len(one) <= LONGEST_ID for one in given):
        fields.fault(place, "must be a list of ids")
        return []
    if len(given) > MOST_METRICS:
        fields.fault(place, f"must have at most {MOST_METRICS} entries")
        return []
    return given


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None

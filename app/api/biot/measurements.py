"""Measurements: delivered one by one or many at once, read as they were measured or as means over bins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from app import catalog, measurements
from app.api.bearer import current_actor
from app.api.biot import measured
from app.api.parse import Fields, json_argument, json_body, read_instant
from app.errors import Invalid, NotFound
from app.measurements import Message, Received, Whose

MOST_BYTES = 16_000_000
MOST_MESSAGES = 10_000
LIMIT, MOST = 100, 1_000
MOST_AT_ONCE = 20_000
LONGEST_BIN = 366 * 86_400

bp = Blueprint("measurements", __name__, url_prefix="/measurement")


@bp.post("/v1/measurements")
def save_one() -> ResponseReturnValue:
    """One message; what cannot be kept of it refuses it as a whole."""
    fields = Fields(json_body(most_bytes=MOST_BYTES))
    message = _message(fields)
    fields.check()
    received = measurements.receive(current_actor(), [message]) if message else Received()
    if not received.saved and 0 in received.failures:
        raise Invalid(fields={one.attribute or "metadata": one.words for one in received.failures[0]})
    return jsonify({name: fields.raw(name) for name in ("metadata", "data")})


@bp.post("/v1/measurements/bulk")
def save_many() -> ResponseReturnValue:
    """Many messages; 206 and the failures, if any could not be kept in whole."""
    fields = Fields(json_body(most_bytes=MOST_BYTES))
    sent = fields.objects("measures", most=MOST_MESSAGES, required=True)
    messages = [_message(one) for one in sent]
    fields.check()
    received = measurements.receive(current_actor(), [one for one in messages if one is not None])
    failed = [
        {"metadata": sent[place].raw("metadata"), "data": sent[place].raw("data"),
         "failureData": [measured.failure(one) for one in failures]}
        for place, failures in received.failures.items()
    ]  # fmt: skip
    counts = {"numberOfMeasuresSaved": received.saved, "numberOfMeasuresFailed": len(failed)}
    return jsonify(metadata=counts, failedMeasures=failed), 206 if failed else 200


@bp.get("/v2/measurements/raw")
def read_raw() -> ResponseReturnValue:
    """Samples, a page at a time; ``nextToken`` begins the next one."""
    fields = Fields(json_argument("searchRequest") or {})
    limit = fields.integer("limitPerPage", least=1, most=MOST) or LIMIT
    token = fields.text("nextToken", most=100)
    after = measured.read_token(token) if token else None
    if token and after is None:
        fields.fault("nextToken", "is of no search of ours")
    whose, period, names = _asked(fields)
    start, end = _checked(fields, period)
    samples, following = measurements.samples(current_actor(), whose, start, end, names=names, after=after, limit=limit)
    _note_seen(whose)
    return jsonify(
        data=[measured.sample(one) for one in samples],
        metadata=measured.page(fields, measured.token(following) if following else None, limit),
    )


@bp.get("/v2/measurements/aggregated")
def read_aggregated() -> ResponseReturnValue:
    """Means over bins; all in one answer."""
    fields = Fields(json_argument("searchRequest") or {})
    whose, period, names = _asked(fields, binned=True)
    width = _width(_operators(fields, "binIntervalSeconds").raw("eq"))
    if width is None:
        fields.fault("filter.binIntervalSeconds.eq", "must be a whole number of seconds")
    if whose.patient_id is None:
        fields.fault("filter._patient.id.eq", "is required")
    start, end = _checked(fields, period)
    found = measurements.bins(current_actor(), whose, start, end, (width or 1) * 1000, names=names)
    _note_seen(whose)
    return jsonify(data=measured.joined(found), metadata=measured.page(fields, None, LIMIT))


@bp.get("/v1/measurements/raw")
def read_raw_v1() -> ResponseReturnValue:
    """Samples by metric, source and session."""
    _, whose, (start, end), names = _arguments()
    samples, following = measurements.samples(current_actor(), whose, start, end, names=names, limit=MOST_AT_ONCE)
    if following is not None:
        raise Invalid(f"There are more than {MOST_AT_ONCE} samples; shorten the time.")
    _note_seen(whose)
    return jsonify(attributes=measured.nested_samples(samples))


@bp.get("/v1/measurements/aggregated")
def read_aggregated_v1() -> ResponseReturnValue:
    """Means by metric, source and session."""
    fields, whose, (start, end), names = _arguments()
    width = _width(request.args.get("binIntervalSeconds"))
    if width is None:
        fields.fault("binIntervalSeconds", "must be a whole number of seconds")
    fields.check()
    found = measurements.bins(current_actor(), whose, start, end, (width or 1) * 1000, names=names, by_series=True)
    series = {one.series_id for one in found if one.series_id is not None}
    body = measured.nested_bins(found, measurements.series_named(current_actor(), sorted(series)))
    _note_seen(whose)
    return jsonify(attributes=body)


def _note_seen(whose: Whose) -> None:
    """A patient's values are the patient's, whoever measured them."""
    if whose.patient_id is not None:
        patient = catalog.get_entity(current_actor(), whose.patient_id)
        catalog.note_view(current_actor(), patient, "measurements")


def _message(fields: Fields) -> Message | None:
    metadata = fields.object("metadata", required=True)
    if metadata is None:
        return None
    moment = metadata.instant("timestamp", required=True)
    device = metadata.text("deviceId", least=1, most=108)
    patient, session = metadata.uuid("patientId"), metadata.uuid("sessionId")
    data = fields.object("data")
    if moment is None:
        return None
    values = {name: data.raw(name) for name in data.names() if data.raw(name) is not None} if data else {}
    return Message(measured.milliseconds(moment), values, device, patient, session)


def _operators(fields: Fields, name: str) -> Fields:
    filters = fields.object("filter")
    found = filters.object(name) if filters else None
    return found or Fields({}, f"filter.{name}.", fields.faults)


FILTERS = frozenset({"_patient.id", "_sourceEntity.id", "_session.id", "timestamp", "attributes"})


def _asked(
    fields: Fields, *, binned: bool = False
) -> tuple[Whose, tuple[datetime | None, datetime | None], Sequence[str]]:
    filters = fields.object("filter")
    known = FILTERS | {"binIntervalSeconds"} if binned else FILTERS
    for name in filters.names() if filters else ():
        if name not in known:
            fields.fault(f"filter.{name}", "is no property to search by")
    patient, session = (_operators(fields, name).uuid("eq") for name in ("_patient.id", "_session.id"))
    source = _operators(fields, "_sourceEntity.id").text("eq", least=1, most=108)
    times = _operators(fields, "timestamp")
    period = times.instant("from", required=True), times.instant("to", required=True)
    names = _operators(fields, "attributes").raw("in") or []
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        fields.fault("filter.attributes.in", "must be a list of texts")
        names = []
    fields.check()
    return _whose(patient, source, session), period, names


def _arguments() -> tuple[Fields, Whose, tuple[int, int], Sequence[str]]:
    given = {name: request.args.get(name) for name in ("patientId", "sessionId", "sourceEntityId")}
    fields = Fields(given)
    patient, session = fields.uuid("patientId"), fields.uuid("sessionId")
    source = fields.text("sourceEntityId", least=1, most=108)
    moments = []
    for name in ("startTime", "endTime"):
        try:
            # In an address a plus sign is a space.
            moments.append(read_instant(request.args.get(name, "").replace(" ", "+")))
        except ValueError:
            fields.fault(name, "must be a time such as 2024-01-31T10:00:00.000Z")
    fields.check()
    start, end = _checked(fields, (moments[0], moments[1]))
    return fields, _whose(patient, source, session), (start, end), request.args.getlist("attributes")


def _whose(patient: UUID | None, source: str | None, session: UUID | None) -> Whose:
    """
    :raises NotFound: there is no such source
    """
    device = None
    if source is not None:
        device = catalog.entity_ids_by_key(current_actor(), "device", {source}).get(source)
        if device is None:
            raise NotFound
    return Whose(patient, device, session)


def _checked(fields: Fields, period: tuple[datetime | None, datetime | None]) -> tuple[int, int]:
    start, end = period
    if start is not None and end is not None and start > end:
        fields.fault("timestamp", "ends before it begins")
    fields.check()
    if start is None or end is None:
        raise Invalid(fields={"timestamp": "needs both a beginning and an end"})
    return measured.milliseconds(start), measured.milliseconds(end)


def _width(given: Any) -> int | None:
    try:
        seconds = int(str(given))
    except ValueError:
        return None
    return seconds if not isinstance(given, bool) and 1 <= seconds <= LONGEST_BIN else None

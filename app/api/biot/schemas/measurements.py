"""Measurements."""

from __future__ import annotations

from app.api.describing import (
    INSTANT,
    NUMBER,
    TEXT,
    UUID,
    WHOLE,
    Json,
    among,
    answers,
    body,
    maybe,
    operation,
    query,
    ref,
    several,
    shape,
)

_MEANS = {"average": NUMBER, "standardDeviation": maybe(NUMBER)}
_FAILURES = ("ENTIRE_MESSAGE_FAILURE", "PARTIAL_MESSAGE_FAILURE", "UNKNOWN")
_ECHO = {"description": "As it was sent.", "type": ["object", "null"], "additionalProperties": True}


def _nested(measured: Json) -> Json:
    session = shape({"sessionId": TEXT, "measurements": several(measured)})
    source = shape({"sourceEntityId": TEXT, "measurementSessions": several(session)})
    return shape({"attributes": several(shape({"attributeName": TEXT, "sources": several(source)}))})


SCHEMAS: dict[str, Json] = {
    "Measure": shape(
        {
            "metadata": shape(
                {
                    "timestamp": INSTANT, "deviceId": maybe({"type": "string", "minLength": 1, "maxLength": 108}),
                    "patientId": maybe(UUID), "sessionId": maybe(UUID),
                },
                optional=("deviceId", "patientId", "sessionId"), is_open=True,
            ),
            "data": {"type": "object", "additionalProperties": {"type": ["number", "boolean", "null"]}},
        },
        optional=("data",), is_open=True,
    ),
    "MeasureEcho": shape({"metadata": _ECHO, "data": _ECHO}),
    "BulkResult": shape(
        {
            "metadata": shape({"numberOfMeasuresSaved": WHOLE, "numberOfMeasuresFailed": WHOLE}),
            "failedMeasures": several(
                shape(
                    {
                        "metadata": _ECHO, "data": _ECHO,
                        "failureData": several(
                            shape(
                                {
                                    "attributeName": TEXT, "code": TEXT, "description": TEXT,
                                    "entireMessageFailure": among(*_FAILURES),
                                }
                            )
                        ),
                    }
                )
            ),
        }
    ),
    "MeasurementSearch": shape(
        {
            "filter": {"anyOf": [ref("Filter"), {"type": "null"}]},
            "sort": maybe(several(ref("Sort"))),
            "nextToken": maybe(TEXT),
            "limitPerPage": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
        },
        optional=("filter", "sort", "nextToken", "limitPerPage"), is_open=True,
    ),
    "TokenPage": shape(
        {
            "nextToken": maybe(TEXT), "limitPerPage": WHOLE, "sort": several(ref("Sort")),
            "filter": {"description": "As it was asked for.", "type": "object", "additionalProperties": True},
        }
    ),
    "RawMeasurements": shape(
        {
            "data": several(
                shape(
                    {
                        "patientId": TEXT, "sessionId": TEXT, "sourceEntityId": TEXT, "timestamp": INSTANT,
                        "data": {"type": "object", "additionalProperties": NUMBER},
                    }
                )
            ),
            "metadata": ref("TokenPage"),
        }
    ),
    "AggregatedMeasurements": shape(
        {
            "data": several(
                shape(
                    {
                        "timestamp": shape({"from": INSTANT, "to": INSTANT}),
                        "data": {"type": "object", "additionalProperties": shape(_MEANS)},
                    }
                )
            ),
            "metadata": ref("TokenPage"),
        }
    ),
    "RawMeasurementsV1": _nested(shape({"timestamp": INSTANT, "data": several(NUMBER)})),
    "AggregatedMeasurementsV1": _nested(shape({"timestamp": INSTANT, **_MEANS})),
}  # fmt: skip

_SEARCH: Json = {
    "name": "searchRequest", "in": "query", "required": True,
    "description": "Whose values and when: _patient.id, _sourceEntity.id, _session.id (eq), timestamp (from, to), "
    "attributes (in), and for means binIntervalSeconds (eq).",
    "content": {"application/json": {"schema": ref("MeasurementSearch")}},
}  # fmt: skip
_WHOSE = [
    query("patientId", UUID), query("sourceEntityId", TEXT), query("sessionId", UUID),
    query("attributes", several(TEXT)), query("startTime", INSTANT, required=True),
    query("endTime", INSTANT, required=True),
]  # fmt: skip


def _read(summary: str, answer: str, *parameters: Json) -> Json:
    return {
        "get": operation(summary, "measurements", answers(200, "What there is.", ref(answer)), parameters=parameters)
    }


_BULK = answers(200, "All of them are kept.", ref("BulkResult")) | {
    "206": {
        "description": "Those that are named could not be kept, or not in whole.",
        "content": {"application/json": {"schema": ref("BulkResult")}},
    }
}

PATHS: dict[str, Json] = {
    "/measurement/v1/measurements": {
        "post": operation(
            "Deliver one message", "measurements", answers(200, "It is kept.", ref("MeasureEcho")),
            request_body=body(ref("Measure")),
        )
    },
    "/measurement/v1/measurements/bulk": {
        "post": operation(
            "Deliver many messages", "measurements", _BULK,
            request_body=body(
                shape({"measures": {"type": "array", "items": ref("Measure"), "maxItems": 10_000}}, is_open=True)
            ),
        )
    },
    "/measurement/v2/measurements/raw": _read("Samples", "RawMeasurements", _SEARCH),
    "/measurement/v2/measurements/aggregated": _read("Means over bins", "AggregatedMeasurements", _SEARCH),
    "/measurement/v1/measurements/raw": _read("Samples, nested", "RawMeasurementsV1", *_WHOSE),
    "/measurement/v1/measurements/aggregated": _read(
        "Means over bins, nested", "AggregatedMeasurementsV1",
        query("binIntervalSeconds", {"type": "integer", "minimum": 1, "maximum": 366 * 86_400}, required=True), *_WHOSE,
    ),
}  # fmt: skip

"""``/openapi/servitly.json``: what this face says of itself."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.api.describing import OPEN, TEXT, UUID, Json, among, body, maybe, ref, several, shape, within
from app.api.servitly.beans import STATES
from app.api.servitly.data_export_request import LONGEST_ID, LONGEST_NAME
from app.api.servitly.data_exports import DEEPEST_ROW, LIMIT, MOST
from app.api.servitly.entrance import TENANT
from app.api.servitly.paths import DESCRIPTION, EXPORTS
from app.exports.kinds.data_export_names import LONGEST_MASK, TOKENS
from app.exports.kinds.data_export_params import EARLIEST_MS, LATEST_MS, MOST_METRICS, TIMESTAMP_FORMATS

VERSION = "1.0"
"""Of the contract as it is spoken here; which release of Chartroom runs is nobody's affair."""

bp = Blueprint("openapi", __name__)


@bp.get(DESCRIPTION)
def show() -> ResponseReturnValue:
    """Open to everybody: it says what may be asked, and nothing of anybody."""
    return jsonify(document())


def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    one = f"{EXPORTS}/{{data_export_id}}"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chartroom for Servitly's clients",
            "version": VERSION,
            "description": "Measurements of a tenant's things as time series, exported one bulk at a time.",
        },
        "security": [{"bearer": []}],
        "paths": {
            EXPORTS: {"get": _LIST, "post": _CREATE},
            one: {"get": _SHOW, "delete": _DELETE},
            f"{one}/archive": {"get": _ARCHIVE},
            DESCRIPTION: {"get": _OWN},
        },
        "components": {
            "schemas": _SCHEMAS,
            "headers": _HEADERS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


_INSTANT = {"type": "integer", "format": "int64", "description": "Milliseconds since 1970-01-01T00:00:00Z."}
_WANTED_INSTANT = _INSTANT | {"minimum": EARLIEST_MS + 1, "maximum": LATEST_MS - 1}
_WANTED_ID = {"type": "string", "maxLength": LONGEST_ID}
_IDS = several(_WANTED_ID) | {"maxItems": MOST_METRICS}
_MASK = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_MASK,
    "description": "The files' name without its ending. Tokens: " + " ".join(f"${{{one}}}" for one in TOKENS),
}
_NAME = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_QUALIFIERS = ("productModelId", "productModelPartId", "thingDefinitionId")
_SCOPE = ("customerId", "locationId", "thingId")
_REQUEST = shape(
    {
        "name": maybe(_NAME),
        "thingFileName": maybe(_MASK),
        "hashThingFileName": maybe({"type": "boolean"}),
        **{name: maybe(_WANTED_ID) for name in _SCOPE},
        "qualifiedMetricIds": maybe(several(ref("QualifiedMetricId")) | {"maxItems": MOST_METRICS}),
        "thingDefinitionIds": maybe(_IDS) | {"description": "Of an older edition, with metricIds."},
        "metricIds": maybe(_IDS) | {"description": "Of an older edition, with thingDefinitionIds."},
        "startTimestamp": _WANTED_INSTANT,
        "endTimestamp": _WANTED_INSTANT | {"description": "Belongs to the period no more."},
        "includeUnit": maybe({"type": "boolean"}),
        "timestampFormat": {"enum": [*TIMESTAMP_FORMATS, None]},
    },
    optional=(
        "name", "thingFileName", "hashThingFileName", *_SCOPE, "qualifiedMetricIds", "thingDefinitionIds", "metricIds",
        "includeUnit", "timestampFormat",
    ),
    is_open=True,
)  # fmt: skip
_SCHEMAS: dict[str, Json] = {
    "Error": shape(
        {"message": TEXT, "runningExportId": UUID | {"description": "The one bulk export that is running."}},
        optional=("runningExportId",),
    ),
    "QualifiedMetricId": shape(
        {"metricId": _WANTED_ID | {"minLength": 1}, **{name: maybe(_WANTED_ID) for name in _QUALIFIERS}},
        optional=_QUALIFIERS,
        is_open=True,
    ),
    "ExportedMetric": shape(
        {"metricId": TEXT, "productModelId": maybe(TEXT), "productModelPartId": maybe(TEXT),
         "thingDefinitionId": maybe(UUID)}
    ),
    "DataExportRequest": _REQUEST,
    "DataExport": shape(
        {
            "id": UUID,
            "name": TEXT,
            "state": among(*dict.fromkeys(STATES.values())),
            "dateTime": _INSTANT | {"description": "When it was scheduled."},
            "thingFileName": TEXT,
            "hashThingFileName": {"type": "boolean"},
            **{name: maybe(UUID) for name in _SCOPE},
            "qualifiedMetricIds": several(ref("ExportedMetric")) | {"description": "None is every metric."},
            "startTimestamp": _INSTANT,
            "endTimestamp": _INSTANT,
            "includeUnit": {"type": "boolean"},
            "timestampFormat": among(*TIMESTAMP_FORMATS),
            "url": {"type": "string", "format": "uri", "description": "Good for 15 minutes, without a header."},
            "message": {"type": "string", "description": "Why the state is ERROR."},
        },
        optional=("url", "message"),
    ),
}  # fmt: skip
_HEADERS: dict[str, Json] = {
    "RateLimit": {"schema": TEXT, "description": "What is left of this minute: r requests, some more in t seconds."},
    "RateLimitPolicy": {"schema": TEXT, "description": "The limit that is nearest: q requests within w seconds."},
    "RetryAfter": {"required": True, "schema": {"type": "string"}, "description": "Seconds."},
}
_LIMITS = {
    "RateLimit": {"$ref": "#/components/headers/RateLimit"},
    "RateLimit-Policy": {"$ref": "#/components/headers/RateLimitPolicy"},
}
_WORDS = {
    "400": "The request cannot be understood, or names what there is not; nothing was changed.",
    "401": "No token, or one that opens nothing.",
    "403": "The token is not of this tenant or may not export, or the tenant's exports are off.",
    "404": "There is no such data export.",
    "405": "The address exists, but not for this method.",
    "429": "Too many requests within a minute, or a bulk export is running.",
    "500": "A fault of ours, or a part that Chartroom leans on does not answer.",
}
_TENANT = {"name": TENANT, "in": "header", "required": True, "schema": TEXT, "description": "The tenant's short name."}
_ID = within("data_export_id", UUID, "The data export's id.")


def _refused(*codes: str) -> Json:
    answers: dict[str, Json] = {}
    for code in codes:
        content = {"application/json": {"schema": ref("Error")}}
        answers[code] = {"description": _WORDS[code], "content": content, "headers": dict(_LIMITS)}
        if code == "429":
            answers[code]["headers"]["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return answers


def _operation(name: str, summary: str, answers: Json, *parameters: Json, request: Json | None = None) -> Json:
    """An operation of the data exports, for whoever has a token and names the tenant."""
    made: Json = {
        "operationId": name,
        "summary": summary,
        "tags": ["data exports"],
        "parameters": [_TENANT, *parameters],
        "responses": answers | _refused(*_WORDS),
    }
    return made if request is None else made | {"requestBody": request}


def _expected(status: str, words: str, schema: Json | None = None) -> Json:
    answer: Json = {"description": words, "headers": dict(_LIMITS)}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": schema}}
    return {status: answer}


def _number(name: str, least: int, most: int, default: int) -> Json:
    numbers = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return {"name": name, "in": "query", "required": False, "schema": numbers}


_CREATE = _operation(
    "createDataExport",
    "Schedule a data export; one at a time can be pending",
    _expected("201", "Scheduled.", ref("DataExport")),
    request=body(ref("DataExportRequest")),
)
_LIST = _operation(
    "listDataExports",
    "The tenant's data exports, newest first",
    _expected("200", "Those that are for you to see.", several(ref("DataExport"))),
    _number("limit", 1, MOST, LIMIT),
    _number("offset", 0, DEEPEST_ROW, 0),
)
_SHOW = _operation(
    "getDataExport",
    "A data export, with an address for its archive once it is completed",
    _expected("200", "The data export.", ref("DataExport")),
    _ID,
)
_DELETE = _operation(
    "deleteDataExport",
    "Cancel a data export that is pending, or delete the archive of one that has ended",
    _expected("204", "There is none of this id any more."),
    _ID,
)
_SIGNED = tuple(
    {"name": name, "in": "query", "required": False, "schema": TEXT, "description": "As the address has it."}
    for name in ("tenant", "person", "key", "expires", "nonce", "signature")
)
_ZIP = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
_ARCHIVE: Json = {
    "operationId": "getArchive",
    "summary": "The archive, by the address that a data export has while it can be taken",
    "tags": ["data exports"],
    "security": [],
    "parameters": [_ID, *_SIGNED],
    "responses": {
        "200": {"description": "The archive: a zip with a CSV for each thing.", "content": _ZIP},
        "206": {"description": "The range that was asked for.", "content": _ZIP},
        "304": {"description": "It is as the client has it."},
        "412": {"description": "It is not as the client has it."},
        "416": {"description": "It is shorter than where the range begins."},
        **{code: answer | {"headers": {}} for code, answer in _refused("403", "404", "405", "500").items()},
    },
}
_OWN: Json = {
    "operationId": "getDescription",
    "summary": "This document",
    "tags": ["description"],
    "security": [],
    "responses": {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": OPEN}}}},
}

"""Data reports."""

from __future__ import annotations

from app.api.biot.report_request import FORMATS, LONGEST_ADDRESS, LONGEST_NAME, MOST_TEMPLATES, ORDERS
from app.api.biot.report_shapes import ALL_STATUSES
from app.api.biot.schemas.parts import SEARCH, SIGNED, page_of
from app.api.describing import (
    INSTANT,
    TEXT,
    UUID,
    Json,
    among,
    answers,
    body,
    maybe,
    operation,
    ref,
    several,
    shape,
    within,
)
from app.exports.params import LEAST_FILE_BYTES, MOST_FILE_BYTES, MOST_QUERIES, REPORTED

_NAME = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_SIZE = {"type": "integer", "minimum": LEAST_FILE_BYTES, "maximum": MOST_FILE_BYTES}
_TIMES = ("_creationTime", "_lastModifiedTime")
_ID = within("report_id", UUID, "The report's id.")
_TEMPLATES = several(UUID) | {"maxItems": MOST_TEMPLATES}
_SORT = shape({"prop": among("_creationTime"), "order": maybe(among(*ORDERS))}, optional=("order",), is_open=True)
_WANTED_PERIOD = shape({"from": maybe(INSTANT), "to": maybe(INSTANT)}, optional=("from", "to"), is_open=True)
_WANTED_TEMPLATES = shape(
    {"in": maybe(_TEMPLATES), "eq": {"anyOf": [UUID, _TEMPLATES, {"type": "null"}]}},
    optional=("in", "eq"),
    is_open=True,
)
_REQUESTED_OUTPUT = shape(
    {"exportFormat": maybe(among(*FORMATS)), "maxFileSizeInBytes": maybe(_SIZE)},
    optional=("exportFormat", "maxFileSizeInBytes"),
    is_open=True,
)

SCHEMAS: dict[str, Json] = {
    "ReportQueryRequest": shape(
        {
            "dataType": among(*REPORTED),
            "filter": shape(
                {
                    "_creationTime": maybe(_WANTED_PERIOD),
                    "_lastModifiedTime": maybe(_WANTED_PERIOD),
                    "_templateId": maybe(_WANTED_TEMPLATES),
                },
                optional=(*_TIMES, "_templateId"),
            ),
            "sort": maybe(several(_SORT)),
        },
        optional=("sort",),
        is_open=True,
    ),
    "ReportRequest": shape(
        {
            "queries": several(ref("ReportQueryRequest")) | {"minItems": 1, "maxItems": MOST_QUERIES},
            "outputMetadata": maybe(_REQUESTED_OUTPUT),
            "callbackEndpoint": maybe({"type": "string", "minLength": 1, "maxLength": LONGEST_ADDRESS}),
            "name": maybe(_NAME),
        },
        optional=("outputMetadata", "callbackEndpoint", "name"),
        is_open=True,
    ),
    "ReportPeriod": shape({"from": INSTANT, "to": INSTANT}, optional=("from", "to")),
    "ReportQuery": shape(
        {
            "dataType": among(*REPORTED),
            "filter": shape(
                {
                    "_creationTime": ref("ReportPeriod"),
                    "_lastModifiedTime": ref("ReportPeriod"),
                    "_templateId": shape({"in": several(UUID)}),
                },
                optional=(*_TIMES, "_templateId"),
            ),
            "sort": several(shape({"prop": among(*_TIMES), "order": among(*ORDERS)})),
        }
    ),
    "ReportFiles": shape(
        {
            "filesLocation": {
                "description": "For each data type the addresses of its files, good for anybody who has them.",
                "type": "object",
                "propertyNames": among(*REPORTED),
                "additionalProperties": shape({"paths": several({"type": "string", "format": "uri"})}),
            },
            "urlExpirationTime": INSTANT,
        }
    ),
    "Report": shape(
        {
            "id": UUID,
            "name": maybe(_NAME),
            "status": among(*ALL_STATUSES),
            "queries": several(ref("ReportQuery")),
            "outputMetadata": shape({"exportFormat": among(*FORMATS), "maxFileSizeInBytes": maybe(_SIZE)}),
            "callbackEndpoint": maybe(TEXT),
            "fileOutput": maybe(ref("ReportFiles")),
            "errorMessage": maybe(TEXT),
            "reportInitiator": shape(
                {
                    "userId": UUID,
                    "ownerOrganizationId": maybe(UUID),
                    "userEntityType": among("organization-user"),
                    "templateId": {"type": "null"},
                }
            ),
            "creationTime": INSTANT,
            "lastModifiedTime": INSTANT,
        }
    ),
    "ReportPage": page_of(ref("Report")),
}

_FILE = {
    "200": {
        "description": "The file: a JSON array of rows, or CSV with a header.",
        "content": {
            "application/json": {"schema": {"type": "array", "items": True}},
            "text/csv": {"schema": TEXT},
        },
    },
    **{name: answer for name, answer in answers(200, "").items() if name == "default"},
}

PATHS: dict[str, Json] = {
    "/dms/v1/data/reports/export": {
        "post": operation(
            "Create a report", "reports", answers(201, "It is in progress.", ref("Report")),
            request_body=body(ref("ReportRequest")),
        )
    },
    "/dms/v1/data/reports": {
        "get": operation("Search reports", "reports", answers(200, "One page.", ref("ReportPage")), parameters=[SEARCH])
    },
    "/dms/v1/data/reports/{report_id}": {
        "get": operation("Get a report", "reports", answers(200, "The report.", ref("Report")), parameters=[_ID]),
        "delete": operation("Delete a report", "reports", answers(204, "It is gone."), parameters=[_ID]),
    },
    "/dms/v1/data/reports/{report_id}/cancel": {
        "post": operation(
            "Cancel a report", "reports", answers(202, "It is cancelled.", ref("Report")), parameters=[_ID]
        )
    },
    "/dms/v1/data/reports/{report_id}/files/{ordinal}/{name}": {
        "get": operation(
            "Download a file of a report", "reports", _FILE, is_open=True,
            parameters=[_ID, within("ordinal", {"type": "integer", "minimum": 0}), within("name", TEXT), *SIGNED],
        )
    },
}  # fmt: skip

"""What several of this face's descriptions share: searching, signed addresses, references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.describing import SWITCH, TEXT, UUID, WHOLE, Json, among, maybe, query, ref, several, shape

SEARCH: Json = {
    "name": "searchRequest",
    "in": "query",
    "required": False,
    "description": "What to find, as a JSON object; absent means everything, first page.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SearchRequest"}}},
}

SIGNED: list[Json] = [
    query(name, TEXT, required=True) for name in ("tenant", "person", "key", "expires", "nonce", "signature")
]
"""What a signed address carries."""


def page_of(item: Mapping[str, Any]) -> Json:
    """The answer to a search."""
    return shape({"data": several(item), "metadata": ref("SearchMetadata")})


_OPERATOR_LIST: Json = maybe(several({"type": ["string", "number", "boolean"]}))
_SINGLE: Json = {"type": ["string", "number", "boolean", "null"]}

SCHEMAS: dict[str, Json] = {
    "Error": shape(
        {
            "code": TEXT, "message": TEXT, "serviceName": maybe(TEXT), "traceId": TEXT,
            "details": {"anyOf": [{"type": "object", "additionalProperties": TEXT}, {"type": "null"}]},
        }
    ),
    "Operators": shape(
        {
            "eq": _SINGLE, "not": _SINGLE, "in": _OPERATOR_LIST, "notIn": _OPERATOR_LIST, "like": maybe(TEXT),
            "lt": {"type": ["number", "string", "null"]}, "lte": {"type": ["number", "string", "null"]},
            "gt": {"type": ["number", "string", "null"]}, "gte": {"type": ["number", "string", "null"]},
            "from": maybe(TEXT), "to": maybe(TEXT), "isNull": maybe(SWITCH), "isNotNull": maybe(SWITCH),
            "filter": {"anyOf": [ref("Filter"), {"type": "null"}]},
        },
        optional=(
            "eq", "not", "in", "notIn", "like", "lt", "lte", "gt", "gte", "from", "to", "isNull", "isNotNull", "filter",
        ),
    ),
    "Filter": {"type": "object", "additionalProperties": {"anyOf": [ref("Operators"), {"type": "null"}]}},
    "Sort": shape({"prop": TEXT, "order": among("ASC", "DESC")}, optional=("order",)),
    "SearchRequest": shape(
        {
            "filter": {"anyOf": [ref("Filter"), {"type": "null"}]},
            "sort": maybe(several(ref("Sort"))),
            "freeTextSearch": maybe(TEXT),
            "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
            "page": {"type": ["integer", "null"], "minimum": 0, "maximum": 100000},
        },
        optional=("filter", "sort", "freeTextSearch", "limit", "page"),
        is_open=True,
    ),
    "SearchMetadata": shape(
        {
            "page": shape({"totalResults": WHOLE, "page": WHOLE, "limit": WHOLE}),
            "sort": several(ref("Sort")),
            "filter": ref("Filter"),
            "freeTextSearch": maybe(TEXT),
        }
    ),
    "TemplateName": shape(
        {"id": UUID, "name": TEXT, "displayName": TEXT, "parentTemplate": {"type": "null"}}
    ),
    "Reference": shape(
        {
            "id": TEXT, "name": TEXT, "organizationId": maybe(UUID), "templateId": UUID, "templateName": TEXT,
            "template": ref("TemplateName"),
        }
    ),
    "ReferenceTo": shape({"id": TEXT}, is_open=True),
    "OwnerReference": shape({"id": UUID}, is_open=True),
}  # fmt: skip

"""What descriptions are put together from; every function answers plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
UUID: Json = {"type": "string", "format": "uuid"}
INSTANT: Json = {"type": "string", "format": "date-time"}
WHOLE: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
SWITCH: Json = {"type": "boolean"}
OPEN: Json = {"type": "object", "additionalProperties": True}
"""Only for bodies that come in, and for what a tenant's own templates decide."""


def ref(name: str) -> Json:
    """Another schema, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Mapping[str, Any]) -> Json:
    """That, or null."""
    known = schema.get("type")
    if isinstance(known, str) and "enum" not in schema:
        return {**schema, "type": [known, "null"]}
    return {"anyOf": [dict(schema), {"type": "null"}]}


def among(*words: str) -> Json:
    """One of a few words."""
    return {"type": "string", "enum": list(words)}


def several(schema: Mapping[str, Any]) -> Json:
    """A list."""
    return {"type": "array", "items": dict(schema)}


def shape(properties: Mapping[str, Any], *, optional: Iterable[str] = (), is_open: bool = False) -> Json:
    """An object that always has all of these properties but the optional ones, and others only if it is open."""
    left_out = set(optional)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": is_open,
    }


def body(schema: Mapping[str, Any], *, required: bool = True) -> Json:
    """``requestBody`` of an operation."""
    return {"required": required, "content": {"application/json": {"schema": dict(schema)}}}


def answers(status: int, words: str, schema: Mapping[str, Any] | None = None) -> Json:
    """``responses``: the one that is expected, and the shape that every refusal has."""
    expected: Json = {"description": words}
    if schema is not None:
        expected["content"] = {"application/json": {"schema": dict(schema)}}
    return {str(status): expected, **REFUSED}


REFUSED: Json = {
    "default": {
        "description": "Refused; nothing was changed.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
}


def within(name: str, schema: Mapping[str, Any], words: str = "") -> Json:
    """A parameter in the path."""
    return {"name": name, "in": "path", "required": True, "schema": dict(schema), "description": words}


def query(name: str, schema: Mapping[str, Any], words: str = "", *, required: bool = False) -> Json:
    """A parameter behind the question mark."""
    return {"name": name, "in": "query", "required": required, "schema": dict(schema), "description": words}


def operation(
    summary: str, tag: str, responses: Mapping[str, Any], *, parameters: Iterable[Mapping[str, Any]] = (),
    request_body: Mapping[str, Any] | None = None, is_open: bool = False,
) -> Json:  # fmt: skip
    """One operation.

    :param is_open: it needs no token
    """
    made: Json = {"summary": summary, "tags": [tag], "responses": dict(responses)}
    if given := [dict(one) for one in parameters]:
        made["parameters"] = given
    if request_body is not None:
        made["requestBody"] = dict(request_body)
    if is_open:
        made["security"] = []
    return made

"""``/openapi/ocl.json``: what this face says of itself."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.api.describing import OPEN, TEXT, UUID, Json, answers, operation, query, within
from app.api.ocl.paths import ARCHIVES, DESCRIPTION, KINDS
from app.api.ocl.schemas.bodies import SCHEMAS
from app.api.ocl.schemas.operations import KIND, LIST_OF_REPOSITORIES, OF_REPOSITORY, OWNER, REPOSITORY

VERSION = "1.0"
"""Of the contract as it is spoken here; which release of Chartroom runs is nobody's affair."""

bp = Blueprint("openapi", __name__)


@bp.get(DESCRIPTION)
def show() -> ResponseReturnValue:
    """Open to everybody: it says what may be asked, and nothing of anybody."""
    return jsonify(document())


def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    paths: dict[str, Json] = {DESCRIPTION: {"get": _OWN}, f"{ARCHIVES}/{{export_id}}/{{name}}": {"get": _ARCHIVE}}
    for edition in ("", "/v1"):
        for place, named in (("/orgs/{owner}", [OWNER]), ("/users/{owner}", [OWNER]), ("/user", [])):
            paths[f"{edition}{place}/{{kind}}/"] = _with(LIST_OF_REPOSITORIES, [*named, KIND])
            for suffix, item in OF_REPOSITORY.items():
                whole = f"{edition}{place}/{{kind}}/{{repository}}{suffix}"
                paths[whole] = _with(item, [*named, KIND, REPOSITORY])
        for kind in KINDS:
            paths[f"{edition}/{kind}/"] = LIST_OF_REPOSITORIES
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chartroom for Open Concept Lab's clients",
            "version": VERSION,
            "description": "Sources and collections, their versions, and each version's export. The root speaks the "
            "current page of the contract, /v1 that of 2015.",
        },
        "security": [{"token": []}, {"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "The word Token, a space, and an API token.",
                },
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }  # fmt: skip


def _with(item: Json, parameters: list[Json]) -> Json:
    """A path's operations, each with what stands in the path before it."""
    return {method: one | {"parameters": [*parameters, *one.get("parameters", ())]} for method, one in item.items()}


_ZIP = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
_SIGNED = [
    query(name, TEXT, "As the address has it.")
    for name in ("tenant", "person", "use", "key", "expires", "nonce", "signature")
]
_ARCHIVE = operation(
    "The archive, by the address that a ready export leads to: once",
    "exports",
    {
        "200": {"description": "A zip that holds export.json.", "content": _ZIP},
        "204": {"description": "Nothing is sent in advance of being asked for (a prefetch)."},
        "206": {"description": "The range that was asked for.", "content": _ZIP},
        "304": {"description": "It is as the client has it."},
        "412": {"description": "It is not as the client has it."},
        "416": {"description": "It is shorter than where the range begins."},
        "default": answers(200, "")["default"],
    },
    parameters=(within("export_id", UUID), within("name", TEXT), *_SIGNED),
    is_open=True,
)
_OWN = operation("This document", "description", answers(200, "OpenAPI 3.1.", OPEN), is_open=True)

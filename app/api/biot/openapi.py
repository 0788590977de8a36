"""``/openapi/biot.json``: what this face says of itself, joined from what its modules say of themselves."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.api.biot.health import VERSION
from app.api.biot.schemas import entities, files, health, measurements, parts, reports, sign_in, templates
from app.api.describing import OPEN, Json, answers, operation

DESCRIBED = (entities, files, health, measurements, reports, sign_in, templates)
PATH = "/openapi/biot.json"

bp = Blueprint("openapi", __name__)


@bp.get(PATH)
def show() -> ResponseReturnValue:
    """Open to everybody: it says what may be asked, and nothing of anybody."""
    return jsonify(document())


def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    paths: dict[str, Json] = {PATH: {"get": _OWN}}
    schemas: dict[str, Json] = dict(parts.SCHEMAS)
    for module in DESCRIBED:
        paths |= module.PATHS
        schemas |= module.SCHEMAS
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chartroom for BioT's clients",
            "version": VERSION,
            "description": "Entities, files, measurements and reports of a tenant, as BioT's own clients ask for them.",
        },
        "security": [{"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


_OWN = operation("This document", "description", answers(200, "OpenAPI 3.1.", OPEN), is_open=True)

"""BioT's contract, so that its own clients work unmodified: contracts' paths, shapes and codes, our domain.

How to add a module (``reports.py`` for ``/dms/v1/data/reports``, say):

1. ``bp = Blueprint("reports", __name__, url_prefix="/dms/v1/data/reports")`` and views that parse, call **one** domain
   function with :func:`app.api.bearer.current_actor` first, and present the answer; name the module in ``MODULES``.
2. A view reads its body by :func:`parse.json_body` and :class:`parse.Fields`, a ``searchRequest`` by
   :func:`searching.search_request`; it writes times, references, pages and addresses by :mod:`present`.
   It never catches a refusal of the domain to word it anew: :mod:`answers` gives each its code and shape.
3. Ids of our own in paths are ``<uuid:…>``: a mistyped one is the router's 404, the same as an unknown or foreign one.
4. A line for each address in tests/test_doors.py. An address without a token goes into ``bearer.OPEN``, too.

A complete module::

    bp = Blueprint("reports", __name__, url_prefix="/dms/v1/data/reports")

    @bp.delete("/<uuid:report_id>")
    def delete(report_id: UUID) -> ResponseReturnValue:
        \"\"\"204; then it is unknown.\"\"\"
        exports.delete_export(current_actor(), report_id)
        return "", 204

and one that stands: :mod:`sign_in`, with its ``self``.
"""

from __future__ import annotations

from flask import Blueprint
from werkzeug.exceptions import HTTPException

from app import errors
from app.api.biot import (
    answers,
    children,
    entities,
    file_bytes,
    files,
    health,
    measurements,
    openapi,
    organizations,
    reports,
    sign_in,
    templates,
)
from app.api.biot.paths import WithoutDoubledPrefix, owns
from app.api.biot.report_request import request_again
from app.api.biot.report_shapes import report_body

__all__ = ["WithoutDoubledPrefix", "answers", "bp", "owns", "report_body", "request_again"]

MODULES = (
    children, entities, file_bytes, files, health, measurements, openapi, organizations, reports, sign_in, templates,
)  # fmt: skip

bp = Blueprint("biot", __name__)
bp.register_error_handler(errors.Refusal, answers.refuse)
bp.register_error_handler(HTTPException, answers.refuse_http)
for module in MODULES:
    bp.register_blueprint(module.bp)

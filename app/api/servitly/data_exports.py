"""Data exports: scheduled, looked at, listed, deleted."""

from __future__ import annotations

from uuid import UUID, uuid4

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from app import exports
from app.api.bearer import current_actor
from app.api.servitly.beans import bean_of, metrics_by_id
from app.api.servitly.data_export_request import in_their_places, read_request
from app.api.servitly.paths import EXPORTS
from app.errors import Invalid

LIMIT = 100
MOST = 1_000
DEEPEST_ROW = 100_000
"""Pages count rows from the first, so the far end of a long list is refused."""

bp = Blueprint("data_exports", __name__, url_prefix=EXPORTS)


@bp.post("")
def create() -> ResponseReturnValue:
    """Schedule one: 201, and it is pending. While one is, there is no second."""
    actor = current_actor()
    metrics = exports.device_metrics(actor)
    wanted = read_request(metrics)
    try:
        export = exports.request_export(actor, "data_export", wanted.params, request_key=uuid4().hex, label=wanted.name)
    except Invalid as refusal:
        raise in_their_places(refusal) from None
    address = {"Location": url_for(".show", data_export_id=export.id)}
    return jsonify(bean_of(export, metrics_by_id(metrics))), 201, address


@bp.get("/<uuid:data_export_id>")
def show(data_export_id: UUID) -> ResponseReturnValue:
    """One of them; once it is completed, with a fresh address for its archive."""
    actor = current_actor()
    export = exports.get_bulk_export(actor, data_export_id)
    return jsonify(bean_of(export, metrics_by_id(exports.device_metrics(actor)), taker=actor))


@bp.get("")
def list_() -> ResponseReturnValue:
    """The tenant's, newest first."""
    actor = current_actor()
    limit, offset = _number("limit", LIMIT, 1, MOST), _number("offset", 0, 0, DEEPEST_ROW)
    found = exports.list_bulk_exports(actor, limit=limit, offset=offset)
    metrics = metrics_by_id(exports.device_metrics(actor))
    return jsonify([bean_of(export, metrics) for export in found])


@bp.delete("/<uuid:data_export_id>")
def delete(data_export_id: UUID) -> ResponseReturnValue:
    """204: what was pending is not made, an archive is gone, and it is unknown."""
    actor = current_actor()
    exports.get_bulk_export(actor, data_export_id)
    exports.delete_export(actor, data_export_id)
    return "", 204


def _number(name: str, default: int, least: int, most: int) -> int:
    """
    :raises Invalid: it is not a whole number within its bounds
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise Invalid(f"{name} must be a whole number from {least} to {most}")
    return int(text)

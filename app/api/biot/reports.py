"""Data reports: asked for, looked at, found, cancelled, deleted, and their files under signed addresses."""

from __future__ import annotations

from uuid import UUID, uuid4

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from app import exports
from app.api.bearer import current_actor
from app.api.biot import answers, report_request
from app.api.biot.report_search import search_of
from app.api.biot.report_shapes import PURPOSE, base_of_request, report_of
from app.api.biot.searching import search_request
from app.api.signed import signed_actor
from app.errors import Invalid
from app.sending import accepts_gzip, send_chunks

bp = Blueprint("reports", __name__, url_prefix="/dms/v1/data/reports")


@bp.post("/export")
def create() -> ResponseReturnValue:
    """Ask for a report: 201, and it is in progress. Each request is a report of its own."""
    actor = current_actor()
    exports.may_export(actor)
    wanted = report_request.read_request()
    try:
        export = exports.request_export(
            actor, "report", wanted.params, request_key=uuid4().hex, label=wanted.name, callback_url=wanted.callback
        )
    except Invalid as refusal:
        raise report_request.in_their_places(refusal) from None
    return jsonify(report_of(actor, export, base_of_request())), 201


@bp.get("/<uuid:report_id>")
def show(report_id: UUID) -> ResponseReturnValue:
    """The report; once it is completed, with fresh addresses for its files."""
    actor = current_actor()
    return jsonify(report_of(actor, exports.get_report(actor, report_id), base_of_request()))


@bp.get("")
def search() -> ResponseReturnValue:
    """Reports, the portal's too, as far as this contract can express them."""
    actor, asked = current_actor(), search_request()
    found, total = exports.find_reports(actor, search_of(asked))
    base = base_of_request()
    return jsonify(asked.page([report_of(actor, export, base) for export in found], total))


@bp.post("/<uuid:report_id>/cancel")
def cancel(report_id: UUID) -> ResponseReturnValue:
    """202 and the cancelled report; one that has ended in another way stays as it is, and this says so."""
    actor = current_actor()
    exports.get_report(actor, report_id)
    export = exports.cancel_export(actor, report_id)
    if export.state != "cancelled":
        return answers.shape(400, "The report has ended already; it stays as it is.", code="ALREADY_FINISHED")
    return jsonify(report_of(actor, export, base_of_request())), 202


@bp.delete("/<uuid:report_id>")
def delete(report_id: UUID) -> ResponseReturnValue:
    """204; then it is unknown, and its files are gone."""
    actor = current_actor()
    exports.get_report(actor, report_id)
    exports.delete_export(actor, report_id)
    return "", 204


@bp.get("/<uuid:report_id>/files/<int:ordinal>/<name>")
def file(report_id: UUID, ordinal: int, name: str) -> ResponseReturnValue:
    """One file of a report, for whoever has its signed address; the rights of who got the address are asked again."""
    actor, _ = signed_actor(PURPOSE, "GET")
    found = exports.open_file(actor, report_id, ordinal, gzip_ok=accepts_gzip(), note=request.method != "HEAD")
    return send_chunks(
        found.chunks,
        size=found.size,
        name=name,
        media_type=found.media_type,
        etag=found.etag,
        encoding=found.encoding,
        sha256_hex=found.sha256_hex,
    )

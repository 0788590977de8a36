"""Exports as a person meets them: ask through a form, watch, cancel, download, look back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import clock, exports, sending
from app.access import Permission, allows
from app.attachments import size_in_words
from app.errors import Forbidden, Gone, Invalid, NotReady, Unavailable
from app.exports import Preview, ReportParams, progress_of
from app.models import Export, ExportFile
from app.models.types import to_milliseconds
from app.portal import export_words, polling
from app.portal.export_form import ReportForm
from app.portal.export_page import (
    form_page,
    preview_part,
    refused_page,
    request_key_for,
    take_found,
    take_types_of_chosen,
    why_nothing_new,
)
from app.portal.programs import as_program
from app.portal.refusals import TITLES
from app.portal.signed_in import current_actor
from app.portal.terminology_words import place
from app.portal.typed import cursor_after, read_cursor, read_id
from app.portal.wishes import wants_json

bp = Blueprint("exports", __name__, url_prefix="/exports")
bp.add_app_template_filter(size_in_words)
bp.register_error_handler(Forbidden, refused_page)

PAGE_SIZE = 25
FILES_AT_FIRST = 20
MOST_FILES_LISTED = 200


@bp.get("/")
def index() -> ResponseReturnValue:
    """The person's exports, newest first; whoever manages may switch to everybody's."""
    actor = current_actor()
    may_see_all = allows(actor, Permission.MANAGE)
    everybody = may_see_all and request.args.get("whose") == "all"
    before = read_cursor(request.args.get("before"))
    found = exports.list_exports(actor, mine=not everybody, before=before, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    whose = "all" if everybody else None
    last = shown[-1] if len(found) > PAGE_SIZE else None
    return render_template(
        "exports/index.html",
        exports=shown,
        title_of=export_words.title_of,
        holds_of=export_words.holds_of,
        counted=export_words.counted,
        everybody=everybody,
        may_see_all=may_see_all,
        barred=why_nothing_new(actor),
        first_url=url_for(".index", whose=whose) if before else None,
        next_url=url_for(".index", whose=whose, before=cursor_after(last.requested_at, last.id)) if last else None,
    )


@bp.get("/new")
def new() -> ResponseReturnValue:
    """The form, filled in as the address asks: for chosen records, with a preset period, or as an export before."""
    actor = current_actor()
    exports.may_export(actor)
    again = request.args.get("again")
    if again is not None:
        before = exports.get_export(actor, read_id(again))
        if before.kind == export_words.REPOSITORY:
            return redirect(url_for(".show", export_id=before.id), 303)
        if before.kind == "data_export":
            return redirect(url_for("portal.data_exports.new", again=before.id), 303)
        params = ReportParams.from_json(before.params)
        if params.queries:
            flash(
                "This export’s queries differ from each other, and this form has one period for all. Look it over.",
                "info",
            )
            params = params.of_query(0)
        form = ReportForm.again(params)
    else:
        form = ReportForm.opened(request.args)
        take_found(actor, form, request.args)
        take_types_of_chosen(actor, form)
    form.hold_to(exports.right_of(actor))
    found = _previewed(form) if form.is_begun() else None
    # Nobody has sent anything yet: what is missing is not a mistake.
    form.errors.clear()
    return form_page(actor, form, found)


@bp.post("/preview")
def preview() -> ResponseReturnValue:
    """What the export would hold: the part of the page for a script, else the whole page with the part in it."""
    form = _sent()
    form.take_preset(request.form.get("preset", ""))
    found = _previewed(form)
    if "preset" in request.form:
        form.errors.clear()
        return form_page(current_actor(), form, found)
    if request.headers.get("HX-Request"):
        return preview_part(form, found)
    return form_page(current_actor(), form, found), 422 if form.errors else 200


@bp.post("/")
def create() -> ResponseReturnValue:
    """Ask for the export; the form sent twice asks once."""
    actor = current_actor()
    exports.may_export(actor)
    form = _sent()
    params = form.params()
    if not form.errors:
        try:
            key = request_key_for(form.request_key, params.to_json())
            export = exports.request_export(actor, "report", params, request_key=key)
        except Invalid as refusal:
            form.take_faults(refusal.fields)
        else:
            return redirect(url_for(".show", export_id=export.id), 303)
    return form_page(actor, form, _previewed(form)), 422


@bp.get("/<uuid:export_id>")
def show(export_id: UUID) -> ResponseReturnValue:
    """What was asked for, and what became of it."""
    actor = current_actor()
    export = exports.get_export(actor, export_id)
    if export.kind == export_words.REPOSITORY:
        released = exports.release_of(actor, export)
        return redirect(url_for("portal.releases.show", **place(released.address), version=released.id), 303)
    return render_template(
        "exports/show.html",
        title=export_words.title_of(export),
        summary=export_words.summary_of(actor, export),
        said=export_words.said_of(export),
        is_mine=export.owner_id == actor.user_id,
        as_program=as_program(export),
        is_report=export.kind == "report",
        **_status(export, answers=0),
    )


@bp.get("/<uuid:export_id>/status")
def status(export_id: UUID) -> ResponseReturnValue:
    """The part of the page that htmx asks for again; 204 while there is nothing new to say. JSON for scripts."""
    export = exports.get_export(current_actor(), export_id)
    if wants_json():
        return _status_json(export)
    answers = polling.answers_so_far()
    if _nothing_new(export, answers):
        return "", 204
    changed = request.args.get("state", export.state) != export.state
    said = export_words.said_of(export) if changed else None
    return render_template("exports/_status.html", said=said, **_status(export, answers=answers + 1))


@bp.get("/<uuid:export_id>/cancel")
def cancel(export_id: UUID) -> ResponseReturnValue:
    """Ask once more before an export is cancelled."""
    export = exports.get_export(current_actor(), export_id)
    if export.is_settled:
        return redirect(url_for(".show", export_id=export_id), 303)
    return render_template("exports/cancel.html", export=export)


@bp.post("/<uuid:export_id>/cancel")
def confirm_cancel(export_id: UUID) -> ResponseReturnValue:
    """Cancel a pending export; one that ended meanwhile stays as it is."""
    export = exports.cancel_export(current_actor(), export_id)
    if export.state != "cancelled":
        flash("The export had ended before it could be cancelled.", "info")
    return redirect(url_for(".show", export_id=export_id), 303)


@bp.get("/<uuid:export_id>/archive")
def download(export_id: UUID) -> ResponseReturnValue:
    """The whole archive, or a range of it; from the object store itself where it gives an address for that."""
    actor = current_actor()
    if request.method != "HEAD" and (address := exports.archive_address(actor, export_id)):
        return redirect(address, 302)
    known = exports.get_export(actor, export_id)
    about = sending.Representation(known.archive_bytes or 0, known.archive_sha256 or "", known.finished_at)
    begins = sending.begins_download(about)
    archive = exports.open_archive(actor, export_id, note=request.method != "HEAD", continues=not begins)
    return sending.send_download(archive)


@bp.get("/<uuid:export_id>/files/<int:ordinal>")
def file(export_id: UUID, ordinal: int) -> ResponseReturnValue:
    """One file of the archive, straight from it: gzip-framed for whoever accepts that, else inflated."""
    actor = current_actor()
    framed = sending.accepts_gzip()
    found = exports.open_file(actor, export_id, ordinal, gzip_ok=framed, note=request.method != "HEAD")
    return sending.send_chunks(
        found.chunks,
        size=found.size,
        name=found.name,
        media_type=found.media_type,
        etag=found.etag,
        encoding=found.encoding,
        sha256_hex=found.sha256_hex,
    )


@bp.errorhandler(Gone)
@bp.errorhandler(NotReady)
def _nothing_to_download(refusal: Gone | NotReady) -> ResponseReturnValue:
    """Why there is nothing to take away, and where to go from here."""
    status_code = 410 if isinstance(refusal, Gone) else 409
    if wants_json():
        return jsonify(error=refusal.message), status_code
    export = exports.get_export(current_actor(), (request.view_args or {})["export_id"])
    steps = [
        ("See this export", url_for(".show", export_id=export.id)),
        ("Ask for it again", export_words.again_url(export)),
    ]
    title = TITLES[410] if status_code == 410 else "There is no archive to download"
    page = render_template("errors/refusal.html", title=title, explanation=refusal.message, next_steps=steps)
    return page, status_code


def _sent() -> ReportForm:
    """The form as it was sent, as far as the person's right goes."""
    form = ReportForm.sent(request.form)
    form.hold_to(exports.right_of(current_actor()))
    return form


def _previewed(form: ReportForm) -> Preview | None:
    """The preview, or None with the reasons in the form's errors, or in ``too_much`` when none of it is wrong."""
    try:
        found = exports.preview_report(current_actor(), form.params())
    except Invalid as refusal:
        form.take_faults(refusal.fields)
        return None
    except Unavailable as refusal:
        form.too_much = refusal.message
        return None
    if form.errors:
        return None
    exports.note_preview(current_actor(), "report", form.params().to_json(), found.rows)
    return found


def _status(export: Export, *, answers: int) -> dict[str, Any]:
    """What ``_status.html`` expects."""
    progress = progress_of(export)
    barred = exports.why_not_taken(current_actor(), export) if export.state == "ready" else None
    return {
        "export": export,
        "barred": barred,
        "progress": progress,
        "detail": export_words.detail_of(export, progress),
        "counted": export_words.counted,
        "held": export_words.held_in(export) if export.state == "ready" else "",
        "is_hollow": export.state == "ready" and export_words.is_hollow(export),
        "unit": export_words.unit_of(export),
        "again_url": export_words.again_url(export),
        "silence": export_words.silence_of(export, progress) if export.is_pending else None,
        "files": _listed(export, 0, FILES_AT_FIRST),
        "files_behind": _listed(export, FILES_AT_FIRST, MOST_FILES_LISTED),
        "files_left_out": max(0, len(export.files) - MOST_FILES_LISTED) if export.state == "ready" else 0,
        "poll_when": polling.poll_when(answers),
        "poll_url": url_for(
            ".status",
            export_id=export.id,
            seen=export.version,
            state=export.state,
            n=answers,
            at=to_milliseconds(clock.now()),
        ),
    }


def _listed(export: Export, begin: int, end: int) -> list[tuple[ExportFile, str, str]]:
    """Some files of a ready export, each with what its device is called and what it holds."""
    some = export.files[begin:end] if export.state == "ready" else []
    return [(one, export_words.caption_of(export, one), export_words.held_by(export, one)) for one in some]


def _nothing_new(export: Export, answers: int) -> bool:
    """Whether the page shows it all already."""
    if not polling.is_shown(export.version, answers):
        return False
    # Time left and the age of a heartbeat grow old though the row stays as it is.
    shown_at = request.args.get("at", type=int)
    if shown_at is None or export.is_settled:
        return True
    return abs(to_milliseconds(clock.now()) - shown_at) < export_words.FRESH_FOR * 1000


def _status_json(export: Export) -> Response:
    response = make_response(jsonify(export_words.as_json(export, progress_of(export))))
    if export.is_pending:
        response.headers["Retry-After"] = "2"
    return response

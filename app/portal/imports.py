"""Measurements in files: what their columns are, what would be refused, how far the load is, and who brought what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import catalog, imports, sending
from app.access import Permission, allows
from app.errors import AlreadyRunning, Gone, Invalid
from app.imports import Found, Preview
from app.models import MeasurementImport
from app.portal.import_form import POINT_NAMES, SIGN_NAMES, ColumnsForm, choices, writing_of
from app.portal.import_words import PHASES, SAID, STATES, first_words, summary_words, value_rows
from app.portal.polling import answers_so_far, is_shown, poll_when
from app.portal.presenting import entity_url
from app.portal.signed_in import current_actor
from app.portal.typed import cursor_after, read_cursor

bp = Blueprint("imports", __name__, url_prefix="/measurements/imports")

PAGE_SIZE = 25
SAMPLES = 3
"""So many of a column's first cells are shown beside it."""


@bp.get("/")
def index() -> ResponseReturnValue:
    """Who brought which file, newest first."""
    actor = current_actor()
    before = read_cursor(request.args.get("before"))
    found = imports.list_imports(actor, before=before, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    last = shown[-1] if len(found) > PAGE_SIZE else None
    return render_template(
        "imports/index.html",
        imports=shown,
        states=STATES,
        devices=_devices_of(shown),
        summaries={one.id: summary_words(one) for one in shown},
        may_import=allows(actor, Permission.EDIT),
        me=actor.user_id,
        first_url=url_for(".index") if before else None,
        next_url=url_for(".index", before=cursor_after(last.created_at, last.id)) if last else None,
    )


@bp.get("/<uuid:import_id>")
def show(import_id: UUID) -> ResponseReturnValue:
    """How far an import is, and what came of it."""
    actor = current_actor()
    imported = imports.get_import(actor, import_id)
    return render_template(
        "imports/show.html",
        **_status(imported, answers=0),
        said=SAID[imported.state],
        device=_device_of(imported),
        earlier=imports.loaded_before(actor, imported),
    )


@bp.get("/<uuid:import_id>/status")
def status(import_id: UUID) -> ResponseReturnValue:
    """The part of the page that htmx asks for again; 204 while there is nothing new to say."""
    imported = imports.get_import(current_actor(), import_id)
    answers = answers_so_far()
    if is_shown(imported.version, answers):
        return "", 204
    moved = request.args.get("state") != imported.state
    return render_template(
        "imports/_status.html", **_status(imported, answers=answers + 1), said=SAID[imported.state] if moved else None
    )


@bp.get("/<uuid:import_id>/columns")
def columns(import_id: UUID) -> ResponseReturnValue:
    """What the columns seem to be, for a person to put right."""
    actor = current_actor()
    imported = imports.get_own_import(actor, import_id)
    if imported.state not in ("draft", "checked", "failed"):
        return redirect(url_for(".show", import_id=import_id), 303)
    reading = imports.Reading.from_json(imported.mapping) if imported.mapping else None
    found = imports.look(imported, reading.writing if reading else None)
    form = ColumnsForm(reading.writing, reading.columns) if reading else _suggested(imported, found)
    return _columns_page(imported, found, form, preview=_previewed(imported, form, quietly=True))


@bp.post("/<uuid:import_id>/columns")
def choose(import_id: UUID) -> ResponseReturnValue:
    """Take in the form: read the file anew as it is said to be written, show the first rows, or have all looked at."""
    actor = current_actor()
    imported = imports.get_own_import(actor, import_id)
    if request.form.get("go") == "read":
        return _read_again(imported)
    form = ColumnsForm.parse(request.form)
    if request.form.get("go") == "check":
        try:
            imports.request_check(actor, import_id, form.writing, form.columns)
            return redirect(url_for(".show", import_id=import_id), 303)
        except Invalid as refusal:
            form.take_faults(refusal.fields, refusal.message)
        except AlreadyRunning:
            return redirect(url_for(".show", import_id=import_id), 303)
        return _columns_page(imports.get_own_import(actor, import_id), None, form), 422
    preview = _previewed(imported, form)
    return _columns_page(imported, None, form, preview=preview), 422 if form.errors else 200


@bp.post("/<uuid:import_id>/preview")
def preview(import_id: UUID) -> ResponseReturnValue:
    """The first rows as they would be stored, for the script: what is not chosen yet is told below the form."""
    imported = imports.get_own_import(current_actor(), import_id)
    form = ColumnsForm.parse(request.form)
    found = _previewed(imported, form)
    return render_template("imports/_preview.html", preview=found, rows=value_rows(found), errors=form.errors)


@bp.post("/<uuid:import_id>/load")
def load(import_id: UUID) -> ResponseReturnValue:
    """Have what was found good taken in."""
    try:
        imports.request_load(current_actor(), import_id)
    except (Invalid, AlreadyRunning) as refusal:
        flash(refusal.message, "error")
    return redirect(url_for(".show", import_id=import_id), 303)


@bp.get("/<uuid:import_id>/cancel")
def cancel(import_id: UUID) -> ResponseReturnValue:
    """Ask once more before an import is ended."""
    imported = imports.get_import(current_actor(), import_id)
    if not imported.is_open:
        return redirect(url_for(".show", import_id=import_id), 303)
    return render_template("imports/cancel.html", imported=imported)


@bp.post("/<uuid:import_id>/cancel")
def confirm_cancel(import_id: UUID) -> ResponseReturnValue:
    """End an import; one that ended meanwhile stays as it is."""
    if imports.cancel_import(current_actor(), import_id).state != "cancelled":
        flash("The import had ended before it could be cancelled.", "info")
    return redirect(url_for(".show", import_id=import_id), 303)


@bp.get("/<uuid:import_id>/refused")
def refused(import_id: UUID) -> ResponseReturnValue:
    """The list of everything that was refused, as CSV."""
    imported, stream = imports.open_refused(current_actor(), import_id)
    stem = imported.file_name.rpartition(".")[0] or imported.file_name
    opened = sending.Opened(
        stream,
        size=imported.refused_bytes or 0,
        name=f"{stem} - refused values.csv",
        media_type="text/csv; charset=utf-8",
        etag=(imported.refused_key or "").replace("/", "-"),
    )
    return sending.send_download(opened)


@bp.errorhandler(Gone)
def _gone(refusal: Gone) -> ResponseReturnValue:
    """The file, or the list, is no longer kept: what can be done instead."""
    imported = imports.get_import(current_actor(), (request.view_args or {})["import_id"])
    steps = [("See this import", url_for(".show", import_id=imported.id))]
    if allows(current_actor(), Permission.EDIT):
        steps.append(("Send a file", url_for("portal.import_upload.form", whose=imported.device_id or "several")))
    page = render_template(
        "errors/refusal.html", title="This is no longer here", explanation=refusal.message, next_steps=steps
    )
    return page, 410


def _read_again(imported: MeasurementImport) -> ResponseReturnValue:
    wanted = writing_of(request.form)
    try:
        found = imports.look(imported, wanted)
    except Invalid as refusal:
        form = ColumnsForm.parse(request.form)
        form.take_faults(refusal.fields, refusal.message)
        return _columns_page(imported, imports.look(imported), form), 422
    form = _suggested(imported, found)
    return _columns_page(imported, found, form, preview=_previewed(imported, form, quietly=True))


def _suggested(imported: MeasurementImport, found: Found) -> ColumnsForm:
    return ColumnsForm.suggested(found, imports.suggest(current_actor(), imported, found))


def _previewed(imported: MeasurementImport, form: ColumnsForm, *, quietly: bool = False) -> Preview | None:
    try:
        return imports.preview(current_actor(), imported, form.writing, form.columns)
    except Invalid as refusal:
        if not quietly:
            form.take_faults(refusal.fields, refusal.message)
        return None


def _columns_page(
    imported: MeasurementImport, found: Found | None, form: ColumnsForm, *, preview: Preview | None = None
) -> str:
    if found is None:
        try:
            found = imports.look(imported, form.writing)
        except Invalid as refusal:
            form.take_faults(refusal.fields, refusal.message)
            found = imports.look(imported)
    guess = imports.suggest(current_actor(), imported, found)
    metrics = imports.metrics_for(current_actor(), imported)
    return render_template(
        "imports/columns.html",
        imported=imported,
        device=_device_of(imported),
        earlier=imports.loaded_before(current_actor(), imported),
        form=form,
        found=found,
        guess=guess,
        sign=SIGN_NAMES.get(form.writing.delimiter),
        point=POINT_NAMES.get(form.columns.decimal),
        metric_options=[(one.name, _metric_words(one)) for one in metrics],
        samples=[found.column(place)[:SAMPLES] for place in range(len(found.names))],
        preview=preview,
        rows=value_rows(preview),
        errors=form.errors,
        **choices(found),
    )


def _metric_words(metric: imports.Measured) -> str:
    return f"{metric.label} ({metric.unit})" if metric.unit else metric.label


def _status(imported: MeasurementImport, *, answers: int) -> dict[str, Any]:
    """What ``_status.html`` expects."""
    result = imports.result_of(imported) if imported.state in ("checked", "done") else None
    percent = min(99, 100 * imported.done_bytes // max(1, imported.byte_count))
    return {
        "imported": imported,
        "is_mine": imported.owner_id == current_actor().user_id,
        "state": STATES[imported.state],
        "phase": PHASES.get(imported.state),
        "percent": percent,
        "result": result,
        "period": first_words(result) if result else None,
        "chart_url": _chart_url(imported),
        "words": imports.WORDS,
        "most_listed": imports.FIRST,
        "poll_when": poll_when(answers),
        "poll_url": url_for(".status", import_id=imported.id, seen=imported.version, state=imported.state, n=answers),
    }


def _device_of(imported: MeasurementImport) -> tuple[str, str | None]:
    return _devices_of([imported])[imported.id]


def _chart_url(imported: MeasurementImport) -> str | None:
    """The chart of the device whose values were stored, where it may be seen."""
    if imported.state != "done" or _device_of(imported)[1] is None:
        return None
    return url_for("portal.charts.values", data_type="device", entity_id=imported.device_id)


def _devices_of(some: Sequence[MeasurementImport]) -> dict[UUID, tuple[str, str | None]]:
    """What the device of each import is called, and its page."""
    seen = catalog.linked(current_actor(), (one.device_id for one in some if one.device_id))

    def told(one: MeasurementImport) -> tuple[str, str | None]:
        if one.several:
            return "Several, named by a column", None
        device = seen.get(one.device_id) if one.device_id else None
        if device is None:
            return "A device that you may not see, or that was removed", None
        return device.caption, entity_url("device", device.id)

    return {one.id: told(one) for one in some}

"""Measurements to take away: the form that asks for an export by device."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app import exports
from app.errors import Forbidden, Invalid, Throttled, Unavailable
from app.exports import DataExportParams, DataPreview
from app.portal.data_export_form import DataExportForm
from app.portal.data_export_page import form_page, metrics_part, offered_to, preview_part, refuse_unseen_devices
from app.portal.export_page import refused_page, request_key_for
from app.portal.signed_in import current_actor
from app.portal.typed import read_id

bp = Blueprint("data_exports", __name__, url_prefix="/exports/measurements")
bp.register_error_handler(Forbidden, refused_page)

NOTHING_LEFT = (
    "No device of these holds a value in this period, so no file would be left. Choose another period, other metrics "
    "or other devices, or do not leave out devices without values."
)
ACTIONS = frozenset({"preset", "find", "add_device", "remove_device", "remove_devices", "tick", "untick"})
"""Buttons that change the form: the whole page comes again, and nothing missing is a mistake yet."""


@bp.get("/new")
def new() -> ResponseReturnValue:
    """The form, filled in as the address asks: for devices, with metrics and a period, or as an export before."""
    actor = current_actor()
    exports.may_export(actor)
    again = request.args.get("again")
    if again is not None:
        before = exports.get_export(actor, read_id(again))
        if before.kind != "data_export":
            return redirect(url_for("portal.exports.new", again=before.id), 303)
        form = DataExportForm.again(DataExportParams.from_json(before.params))
    else:
        form = DataExportForm.opened(request.args)
        refuse_unseen_devices(actor, form)
    offered = offered_to(actor, form)
    form.take_preset(request.args.get("preset", ""), offered)
    form.fill_period(offered)
    found = _previewed(form)
    # Nobody has sent anything yet: what is missing is not a mistake.
    form.errors.clear()
    return form_page(actor, form, offered, found)


@bp.post("/preview")
def preview() -> ResponseReturnValue:
    """What the export would hold: the part of the page for a script, else the whole page with the part in it."""
    actor = current_actor()
    exports.may_export(actor)
    form = DataExportForm.sent(request.form)
    if ACTIONS & set(request.form):
        form.act(request.form, offered_to(actor, form))
        offered = offered_to(actor, form)
        found = _previewed(form)
        form.errors.clear()
        return form_page(actor, form, offered, found)
    found = _previewed(form)
    if request.headers.get("HX-Request"):
        part = preview_part(form, found)
        if request.form.get("offered_for", form.scope) != form.scope:
            part += metrics_part(actor, form, offered_to(actor, form))
        return part
    return form_page(actor, form, offered_to(actor, form), found), 422 if form.errors else 200


@bp.post("/")
def create() -> ResponseReturnValue:
    """Ask for the export; the form sent twice asks once."""
    actor = current_actor()
    exports.may_export(actor)
    form = DataExportForm.sent(request.form)
    params = form.params()
    status = 422
    headers = {}
    if not form.errors:
        _refuse_nothing(form, params)
    if not form.errors:
        try:
            key = request_key_for(form.request_key, params.to_json())
            export = exports.request_export(actor, "data_export", params, request_key=key)
        except Invalid as refusal:
            form.take_faults(refusal.fields)
        except Throttled as refusal:
            # What was typed stays: the same form can be sent again in a while.
            form.errors[""] = refusal.message
            status, headers = 429, {"Retry-After": str(refusal.retry_after)}
        else:
            return redirect(url_for("portal.exports.show", export_id=export.id), 303)
    return form_page(actor, form, offered_to(actor, form), _previewed(form)), status, headers


def _refuse_nothing(form: DataExportForm, params: DataExportParams) -> None:
    """Refuse an export that would have no file, if that can be told at once; else its archive says so."""
    if not params.without_empty_devices:
        return
    try:
        if exports.holds_no_value(current_actor(), params):
            form.take_faults({"without_empty_devices": NOTHING_LEFT})
    except Invalid as refusal:
        form.take_faults(refusal.fields)
    except Unavailable:
        return


def _previewed(form: DataExportForm) -> DataPreview | None:
    """The preview, or None with the reasons in the form's errors, or in ``too_much`` when none of it is wrong."""
    try:
        found = exports.preview_data_export(current_actor(), form.params())
    except Invalid as refusal:
        form.take_faults(refusal.fields)
        return None
    except Unavailable as refusal:
        form.too_much = refusal.message
        return None
    if set(form.errors) - {""}:
        return None
    exports.note_preview(current_actor(), "data_export", form.params().to_json(), found.values)
    return found

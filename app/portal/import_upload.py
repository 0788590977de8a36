"""Send a file of measurements: by a plain form, by a script in one or in pieces. What it is, is said on the next page.

Sign-in, permission and size are asked before a byte is read.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import attachments, catalog, imports
from app.errors import Invalid, Refusal
from app.extensions import csrf
from app.models import MeasurementImport
from app.portal import pieces
from app.portal.guard import asks_csrf_itself
from app.portal.presenting import entity_url, plural
from app.portal.signed_in import current_actor
from app.portal.typed import read_id
from app.portal.upload_body import raw_body, read_form
from app.sending import HEARD

bp = Blueprint("import_upload", __name__, url_prefix="/measurements/imports/for/<whose>")

SEVERAL = "several"
"""In an address, instead of a device's id: a column of the file names the devices."""
ENDINGS = (".csv", ".tsv", ".txt")


@bp.get("")
def form(whose: str) -> ResponseReturnValue:
    """Choose a file."""
    return _page(_asked(whose))


@bp.post("")
@asks_csrf_itself
def upload(whose: str) -> ResponseReturnValue:
    """Take one file as a raw body with its name in the address, or as a form."""
    request.environ[HEARD] = True
    device_id = _asked(whose)
    if request.mimetype == "multipart/form-data":
        return _take_form(device_id)
    with raw_body(attachments.most_bytes()):
        if request.content_length is None:
            abort(411)
        if request.mimetype != "application/octet-stream":
            abort(415)
        name = request.args.get("name", "")
        _refuse_ending(name)
        begun = imports.receive_file(current_actor(), device_id, name, request.stream, request.content_length)
    return _answer(begun), 201


upload.takes_uploads = True  # type: ignore[attr-defined]


@bp.post("/pieces")
def begin(whose: str) -> ResponseReturnValue:
    """Ask whether a large file may come: its name and its size stand in the address."""
    device_id = _asked(whose)
    size, name = pieces.size_asked(), request.args.get("name", "")
    _refuse_ending(name)
    file_id, count = imports.begin_sending(current_actor(), device_id, name, size)
    return pieces.begun(file_id, count), 201


@bp.get("/pieces/<uuid:file_id>")
def received(whose: str, file_id: UUID) -> ResponseReturnValue:
    """Which pieces have come."""
    _asked(whose)
    return pieces.received(file_id)


@bp.put("/pieces/<uuid:file_id>/<int:number>")
@asks_csrf_itself
def send(whose: str, file_id: UUID, number: int) -> ResponseReturnValue:
    """One piece as a raw body; sent again, it takes the place of the one that came before."""
    _asked(whose)
    return pieces.take(file_id, number)


send.takes_uploads = True  # type: ignore[attr-defined]


@bp.post("/pieces/<uuid:file_id>/complete")
def finish(whose: str, file_id: UUID) -> ResponseReturnValue:
    """Join the pieces and begin the import. Asked twice, it answers the same."""
    return _answer(imports.finish_sending(current_actor(), _asked(whose), file_id)), 201


@bp.delete("/pieces/<uuid:file_id>")
def give_up(whose: str, file_id: UUID) -> ResponseReturnValue:
    """Forget the upload and every piece of it."""
    _asked(whose)
    attachments.cancel_upload(current_actor(), file_id)
    return "", 204


def _asked(whose: str) -> UUID | None:
    """Whose measurements the address speaks of; refusals as :func:`app.imports.may_import`."""
    device_id = None if whose == SEVERAL else read_id(whose)
    imports.may_import(current_actor(), device_id)
    return device_id


def _refuse_ending(name: str) -> None:
    if not name.lower().endswith(ENDINGS):
        raise Invalid(f"Measurements are taken in from text files: {', '.join(ENDINGS)}.")


def _take_form(device_id: UUID | None) -> ResponseReturnValue:
    read_form(attachments.most_bytes())
    csrf.protect()
    chosen = [file for file in request.files.getlist("file") if file.filename]
    if len(chosen) != 1:
        return _page(device_id, "Choose one file." if chosen else "Choose a file first."), 422
    sent = chosen[0]
    size = sent.stream.seek(0, 2)
    sent.stream.seek(0)
    try:
        _refuse_ending(sent.filename or "")
        begun = imports.receive_file(current_actor(), device_id, sent.filename or "", sent.stream, size)
    except Refusal as refusal:
        return _page(device_id, refusal.message), 422
    finally:
        sent.close()
    return redirect(url_for("portal.imports.columns", import_id=begun.id), 303)


def _answer(begun: MeasurementImport) -> Response:
    url = url_for("portal.imports.columns", import_id=begun.id)
    return jsonify(url=url, html=render_template("imports/_sent.html", imported=begun, url=url), notice=None, full=None)


def _page(device_id: UUID | None, refused: str | None = None) -> str:
    device = catalog.get_entity(current_actor(), device_id, "device") if device_id else None
    trail = [(plural("device"), url_for("portal.browse.list", data_type="device"))]
    if device is not None:
        trail.append((device.caption, entity_url("device", device.id)))
    return render_template(
        "imports/upload.html",
        device=device,
        trail=trail,
        here=url_for(".form", whose=device_id or SEVERAL),
        accept=",".join(ENDINGS),
        most_bytes=attachments.most_bytes(),
        refused=refused,
    )

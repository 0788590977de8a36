"""Attach files to an entity, by a script or a plain form; take them away again; remove them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from app import attachments, catalog
from app.attachments import Room
from app.disposition import content_disposition
from app.errors import Invalid, Refusal
from app.extensions import csrf
from app.models import Entity, StoredFile
from app.portal.file_cards import MOST_AT_ONCE, card_for, row_of
from app.portal.guard import asks_csrf_itself
from app.portal.presenting import entity_url, kind_word, plural
from app.portal.signed_in import current_actor
from app.portal.upload_body import raw_body, read_form
from app.portal.wishes import wants_json
from app.sending import HEARD, Opened, Representation, begins_download, send_download

bp = Blueprint("files", __name__)

CSP = "sandbox; default-src 'none'"
REFUSALS_TOLD = 4
"""Messages travel in the cookie, which holds 4 kB."""
_LONGEST_NAME_TOLD = 40


@bp.get("/entities/<data_type>/<uuid:entity_id>/files/<attribute>")
def form(data_type: str, entity_id: UUID, attribute: str) -> ResponseReturnValue:
    """One attribute's files and their form, on a page of their own."""
    return _form_page(room_of(data_type, entity_id, attribute))


@bp.post("/entities/<data_type>/<uuid:entity_id>/files/<attribute>")
@asks_csrf_itself
def upload(data_type: str, entity_id: UUID, attribute: str) -> ResponseReturnValue:
    """Take one file as a raw body with its name in the address, or several as a form.

    Sign-in, permission and size are asked before a byte is read.
    """
    request.environ[HEARD] = True
    room = room_of(data_type, entity_id, attribute)
    if request.content_length is None:
        abort(411)
    if request.mimetype == "multipart/form-data":
        return _take_form(room)
    if request.mimetype != "application/octet-stream":
        abort(415)
    return _take_raw(room)


@bp.get("/files/<uuid:file_id>")
def download(file_id: UUID) -> ResponseReturnValue:
    """A file as it was uploaded. Once in the audit log, whatever way its bytes are fetched."""
    actor = current_actor()
    known = attachments.get_file(actor, file_id)
    begins = begins_download(Representation(known.byte_count or 0, known.sha256 or "", known.created_at))
    file, stream = attachments.open_file(actor, file_id, note=request.method != "HEAD", continues=not begins)
    size, tag = file.byte_count or 0, file.sha256 or ""
    return send_download(Opened(stream, size, file.name, file.media_type, tag, file.created_at, file.sha256))


@bp.get("/files/<uuid:file_id>/preview")
def preview(file_id: UUID) -> ResponseReturnValue:
    """A file's small picture, which we drew ourselves."""
    file, stream = attachments.open_preview(current_actor(), file_id)
    with stream:
        response = Response(stream.read(), mimetype="image/webp")
    response.headers["Content-Security-Policy"] = CSP
    response.headers["Content-Disposition"] = content_disposition(f"{file.name}.webp", "inline")
    return response


@bp.get("/files/<uuid:file_id>/remove")
def remove(file_id: UUID) -> ResponseReturnValue:
    """Ask once more before a file is removed."""
    return _remove_page(attachments.may_remove(current_actor(), file_id))


@bp.post("/files/<uuid:file_id>/remove")
def confirm_remove(file_id: UUID) -> ResponseReturnValue:
    """Remove a file from its entity."""
    actor = current_actor()
    try:
        file = attachments.remove_file(actor, file_id)
    except Invalid as refusal:
        if wants_json():
            raise
        return _remove_page(attachments.may_remove(actor, file_id), refusal.message), 422
    if wants_json():
        return jsonify(removed=str(file.id))
    entity = _holder(file)
    flash(f"{file.name} was removed from {entity.caption}.", "success")
    # To the top of the page, where the message stands.
    return redirect(entity_url(entity.data_type, entity.id), 303)


def room_of(data_type: str, entity_id: UUID, attribute: str) -> Room:
    """What the attribute of an address takes, from this person; refusals as :func:`~app.attachments.room_for`."""
    actor = current_actor()
    catalog.get_entity(actor, entity_id, data_type)
    return attachments.room_for(actor, entity_id, attribute)


def _take_raw(room: Room) -> ResponseReturnValue:
    actor = current_actor()
    reception = attachments.begin_upload(
        actor, room.entity.id, room.attribute.name, request.args.get("name", ""), request.content_length
    )
    with raw_body(reception.limit):
        file = attachments.receive(actor, reception, request.stream)
    notice = f"Its name was too long, so it is kept as {file.name}." if reception.shortened else None
    return answer_to_stored(file, reception.entity_id, reception.attribute, notice), 201


def answer_to_stored(file: StoredFile, entity_id: UUID, attribute: str, notice: str | None) -> Response:
    """What the script hears of a file that is attached: its facts, its row, and what is to know besides."""
    room = attachments.room_for(current_actor(), entity_id, attribute)
    return jsonify(
        file={
            "id": str(file.id),
            "name": file.name,
            "media_type": file.media_type,
            "size": file.byte_count,
            "sha256": file.sha256,
        },
        html=render_template("files/_row.html", row=row_of(file, may_remove=True)),
        notice=notice,
        full=attachments.full_words(room.entity, room.attribute),
    )


def _take_form(room: Room) -> ResponseReturnValue:
    read_form(room.limit)
    csrf.protect()
    chosen = [file for file in request.files.getlist("file") if file.filename]
    entity_id, attribute = room.entity.id, room.attribute.name
    if not chosen:
        return _form_page(room, ["Choose a file first."]), 422
    if len(chosen) > MOST_AT_ONCE:
        return _form_page(room, [f"Choose at most {MOST_AT_ONCE} files at once. Nothing was stored."]), 422
    stored, refused = _attach_each(entity_id, attribute, chosen)
    if not stored:
        room = attachments.room_for(current_actor(), entity_id, attribute)
        return _form_page(room, [_not_stored(name, words) for name, words in refused]), 422
    entity = catalog.get_entity(current_actor(), entity_id)
    _tell(entity, stored, refused)
    # To the top of the page, where the messages stand.
    return redirect(entity_url(entity.data_type, entity.id), 303)


def _attach_each(
    entity_id: UUID, attribute: str, chosen: list[FileStorage]
) -> tuple[list[StoredFile], list[tuple[str, str]]]:
    """Each by itself: one that is refused takes no other with it."""
    actor, stored, refused = current_actor(), [], []
    for sent in chosen:
        name = sent.filename or ""
        size = sent.stream.seek(0, 2)
        sent.stream.seek(0)
        try:
            reception = attachments.begin_upload(actor, entity_id, attribute, name, size)
            stored.append(attachments.receive(actor, reception, sent.stream))
        except Refusal as refusal:
            refused.append((name, refusal.message))
        sent.close()
    return stored, refused


def _tell(entity: Entity, stored: list[StoredFile], refused: list[tuple[str, str]]) -> None:
    flash(f"{len(stored)} file{'s' if len(stored) > 1 else ''} uploaded to {entity.caption}.", "success")
    for name, words in refused[:REFUSALS_TOLD]:
        flash(_not_stored(_short(name), words), "error")
    more = len(refused) - REFUSALS_TOLD
    if more > 0:
        flash(f"{more} more file{'s were' if more > 1 else ' was'} not stored.", "error")


def _not_stored(name: str, words: str) -> str:
    return f"{name} was not stored: {words}"


def _short(name: str) -> str:
    if len(name) <= _LONGEST_NAME_TOLD:
        return name
    half = _LONGEST_NAME_TOLD // 2
    return f"{name[:half]}…{name[-half:]}"


def _form_page(room: Room, refused: list[str] | None = None) -> str:
    entity = room.entity
    return render_template(
        "files/upload.html",
        **_place(entity),
        known=card_for(current_actor(), entity, room.attribute),
        refused=refused or [],
    )


def _remove_page(file: StoredFile, refusal: str | None = None) -> str:
    entity = _holder(file)
    return render_template(
        "files/remove.html",
        **_place(entity),
        file=file,
        row=row_of(file, may_remove=False),
        back_url=_card_url(entity, file.attribute or ""),
        refusal=refusal,
    )


def _place(entity: Entity) -> dict[str, object]:
    return {
        "entity": entity,
        "kind": kind_word(entity),
        "trail": [
            (plural(entity.data_type), url_for("portal.browse.list", data_type=entity.data_type)),
            (entity.caption, entity_url(entity.data_type, entity.id)),
        ],
    }


def _holder(file: StoredFile) -> Entity:
    if file.entity_id is None:
        raise RuntimeError("an attached file names no entity")
    return catalog.get_entity(current_actor(), file.entity_id)


def _card_url(entity: Entity, attribute: str) -> str:
    return f"{entity_url(entity.data_type, entity.id)}#files-{attribute}"

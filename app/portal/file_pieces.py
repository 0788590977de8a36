"""A large file in pieces, by upload.js: begun, sent piece by piece, gone on with after a break, finished, given up.

Sign-in, permission and the token are asked before a byte of a piece is read.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app import attachments
from app.portal import pieces
from app.portal.files import answer_to_stored, room_of
from app.portal.guard import asks_csrf_itself
from app.portal.signed_in import current_actor

bp = Blueprint("file_pieces", __name__, url_prefix="/entities/<data_type>/<uuid:entity_id>/files/<attribute>/pieces")


@bp.post("")
def begin(data_type: str, entity_id: UUID, attribute: str) -> ResponseReturnValue:
    """Ask whether this file may come: its name and its size stand in the address."""
    room_of(data_type, entity_id, attribute)
    file, reception, count = attachments.begin_in_pieces(
        current_actor(), entity_id, attribute, request.args.get("name", ""), pieces.size_asked()
    )
    notice = f"Its name was too long, so it is kept as {file.name}." if reception.shortened else None
    return pieces.begun(file.id, count, notice), 201


@bp.get("/<uuid:file_id>")
def received(data_type: str, entity_id: UUID, attribute: str, file_id: UUID) -> ResponseReturnValue:
    """Which pieces have come."""
    room_of(data_type, entity_id, attribute)
    return pieces.received(file_id)


@bp.put("/<uuid:file_id>/<int:number>")
@asks_csrf_itself
def send(data_type: str, entity_id: UUID, attribute: str, file_id: UUID, number: int) -> ResponseReturnValue:
    """One piece as a raw body; sent again, it takes the place of the one that came before."""
    room_of(data_type, entity_id, attribute)
    return pieces.take(file_id, number)


send.takes_uploads = True  # type: ignore[attr-defined]


@bp.post("/<uuid:file_id>/complete")
def finish(data_type: str, entity_id: UUID, attribute: str, file_id: UUID) -> ResponseReturnValue:
    """Join the pieces and attach the whole. Asked twice, it answers the same."""
    room_of(data_type, entity_id, attribute)
    file = attachments.finish_in_pieces(current_actor(), entity_id, attribute, file_id)
    return answer_to_stored(file, entity_id, attribute, None), 201


@bp.delete("/<uuid:file_id>")
def give_up(data_type: str, entity_id: UUID, attribute: str, file_id: UUID) -> ResponseReturnValue:
    """Forget the upload and every piece of it."""
    room_of(data_type, entity_id, attribute)
    attachments.cancel_upload(current_actor(), file_id)
    return "", 204

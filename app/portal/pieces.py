"""A large file in pieces, whatever it is for: what upload.js is told, and a piece as a raw body."""

from __future__ import annotations

from uuid import UUID

from flask import Response, jsonify, request

from app import attachments
from app.errors import Invalid
from app.portal.signed_in import current_actor
from app.portal.upload_body import raw_body
from app.sending import HEARD

_MOST_DIGITS = 15


def size_asked() -> int:
    """The size of the whole file in bytes, as the address says it.

    :raises Invalid: it does not
    """
    size = request.args.get("size", "")
    if not (size.isascii() and size.isdigit() and len(size) <= _MOST_DIGITS and int(size)):
        raise Invalid("The size of the file is missing.")
    return int(size)


def begun(file_id: UUID, pieces: int, notice: str | None = None) -> Response:
    """What the script hears of a file that may come."""
    return jsonify(id=str(file_id), piece_bytes=attachments.PIECE_BYTES, pieces=pieces, notice=notice)


def received(file_id: UUID) -> Response:
    """Which pieces have come."""
    file, numbers = attachments.received_pieces(current_actor(), file_id)
    return jsonify(state=file.state, received=numbers)


def take(file_id: UUID, number: int) -> Response:
    """Take in one piece; sent again, it takes the place of the one that came before."""
    request.environ[HEARD] = True
    with raw_body(attachments.PIECE_BYTES):
        etag = attachments.receive_piece(
            current_actor(), file_id, number, request.stream, request.content_length, names=True
        )
    return jsonify(number=number, etag=etag)

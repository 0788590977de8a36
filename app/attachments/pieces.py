"""Files that come in parts: taken one by one, named by their tags, joined in the order of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select

from app import clock
from app.actor import Actor
from app.attachments.announced import (
    LARGEST_PIECE,
    MOST_PIECES,
    arrival_key,
    drop,
    get_expected,
    most_bytes,
)
from app.attachments.holding import too_large
from app.attachments.intake import Readable
from app.attachments.settling import Taken, copied_from, keep, take
from app.errors import Invalid, TooLarge
from app.extensions import db
from app.models import FilePiece, StoredFile, begin_writing, writing
from app.storage import StoredObject, storage

LEAST_PIECE = 5 * 1024**2
"""Every part but the last has at least so many bytes: the rule of the object stores that clients were written for."""


def list_pieces(actor: Actor, file_id: UUID) -> list[FilePiece]:
    """The parts of an expected file that are known, by number.

    :raises NotFound: unknown, somebody else's, or swept
    :raises AlreadyStored: it is complete
    :raises Invalid: it does not come in parts
    """
    file = get_expected(actor, file_id, in_parts=True)
    return list(db.session.scalars(select(FilePiece).where(FilePiece.file_id == file.id).order_by(FilePiece.number)))


def receive_piece(
    actor: Actor, file_id: UUID, number: int, stream: Readable, declared: int | None, *, names: bool = False
) -> str:
    """Take one part; answers its entity tag. Sent again, it takes the place of the one that came before.

    :param names: count it among those to be joined, without its sender's naming it later
    :raises NotFound: unknown, somebody else's, or swept
    :raises AlreadyStored: the file is complete
    :raises TooLarge: more bytes than are accepted, of this part or of all so far
    :raises Invalid: a number out of bounds, the part broke off or is empty
    """
    if not 1 <= number <= MOST_PIECES:
        raise Invalid(f"A part's number is 1 to {MOST_PIECES}.")
    get_expected(actor, file_id, in_parts=True)
    limit = _room_for(file_id, number)
    db.session.rollback()
    if declared is not None and declared > limit:
        raise TooLarge(too_large(most_bytes()))
    taken = take(stream, "pieces", limit=limit, declared=declared)
    try:
        former = _note_piece(actor, file_id, number, taken, names)
    except BaseException:
        db.session.rollback()
        drop([taken.key])
        raise
    drop([former] if former else [])
    return taken.etag


def _room_for(file_id: UUID, number: int) -> int:
    others = select(func.coalesce(func.sum(FilePiece.byte_count), 0))
    held = db.session.scalar(others.where(FilePiece.file_id == file_id, FilePiece.number != number)) or 0
    return min(LARGEST_PIECE, max(0, most_bytes() - int(held)))


def _note_piece(actor: Actor, file_id: UUID, number: int, taken: Taken, names: bool) -> str | None:
    begin_writing()
    get_expected(actor, file_id, in_parts=True, locked=True)
    if taken.size > _room_for(file_id, number):
        raise TooLarge(too_large(most_bytes()))
    piece = db.session.get(FilePiece, (file_id, number))
    if piece is None:
        piece = FilePiece(file_id=file_id, number=number, created_at=clock.now())
        db.session.add(piece)
    former, piece.storage_key = piece.storage_key, taken.key
    piece.byte_count, piece.etag = taken.size, taken.etag
    # Named before, and other bytes now: it has to be named anew.
    piece.told = taken.etag if names or piece.told == taken.etag else None
    db.session.commit()
    return former


def name_pieces(actor: Actor, file_id: UUID, named: Mapping[int, str | None]) -> None:
    """Remember which parts are to be joined, by the tags that their sender got for them; None takes one out.

    :raises NotFound: unknown, somebody else's, or swept
    :raises AlreadyStored: it is complete
    :raises Invalid: ``fields`` says which part never came, or came with another tag
    """
    get_expected(actor, file_id, in_parts=True)
    db.session.rollback()
    # Asked before the transaction: a store may take its time.
    direct = _arrived_directly(file_id)
    with writing():
        get_expected(actor, file_id, in_parts=True, locked=True)
        known = {piece.number: piece for piece in list_pieces(actor, file_id)}
        faults = {
            f"parts[{number}]": words
            for number, tag in named.items()
            if (words := _name(file_id, number, tag, known.get(number), direct.get(number)))
        }
        if faults:
            raise Invalid(fields=faults)
        db.session.commit()


def _arrived_directly(file_id: UUID) -> dict[int, StoredObject]:
    """The parts that the object store took itself."""
    if not storage.joins:
        return {}
    before = f"{arrival_key(file_id)}-"
    return {int(found.key.removeprefix(before)): found for found in storage.list_(before)}


def _name(
    file_id: UUID, number: int, tag: str | None, piece: FilePiece | None, found: StoredObject | None
) -> str | None:
    """What is wrong with a tag, if anything is; else it is put down."""
    told = (tag or "").strip().strip('"').lower() or None
    if piece is None and found is None:
        return None if told is None else f"part {number} has not come"
    if piece is None:
        piece = FilePiece(file_id=file_id, number=number, created_at=clock.now())
        db.session.add(piece)
    if piece.storage_key is None and found is not None:
        piece.byte_count, piece.etag = found.size, (found.etag or "").lower()
    if told is not None and told != piece.etag:
        return f"part {number} came with another ETag"
    piece.told = told
    return None


def join_pieces(actor: Actor, file_id: UUID, named: Mapping[int, str | None] | None = None) -> StoredFile:
    """Make the file of the parts that were named, in the order of their numbers, and look at it.

    :param named: tags to remember first, as :func:`name_pieces` does
    :raises NotFound: unknown, somebody else's, or swept
    :raises AlreadyStored: it is complete
    :raises TooLarge: more bytes than are accepted
    :raises Invalid: no part was named, one before the last is too small, or the whole is not what its name says
    """
    if named:
        name_pieces(actor, file_id, named)
    file = get_expected(actor, file_id, in_parts=True)
    name = file.name
    pieces = [piece for piece in list_pieces(actor, file_id) if piece.told]
    _check(pieces)
    direct = {arrival_key(file_id, piece.number): piece.etag for piece in pieces if piece.storage_key is None}
    keys = [piece.storage_key or arrival_key(file_id, piece.number) for piece in pieces]
    db.session.rollback()
    for key, etag in direct.items():
        if storage.stat(key).etag != etag:
            raise Invalid("A part was sent again after it was named. Name it anew.")
    kept = keep(actor, file_id, name, copied_from(keys), in_parts=True)
    drop([found.key for found in storage.list_(f"arrivals/{file_id}-")])
    return kept


def _check(pieces: Sequence[FilePiece]) -> None:
    if not pieces:
        raise Invalid("No part of this file was named by its ETag, so there is nothing to join.")
    small = next((piece.number for piece in pieces[:-1] if (piece.byte_count or 0) < LEAST_PIECE), None)
    if small is not None:
        raise Invalid(f"Part {small} is too small: every part but the last has at least {LEAST_PIECE} bytes.")

"""Files that were announced and are not attached yet: who may touch them, how large they may be, cancelling them."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import select

from app import clock
from app.access import Permission, allows, require
from app.actor import Actor
from app.attachments.intake import intake
from app.attachments.names import clean_name
from app.errors import Invalid, NotFound, Refusal
from app.extensions import db
from app.models import FilePiece, StoredFile, begin_writing, writing
from app.record import note
from app.storage import storage

LONGEST_MEDIA_TYPE = 100
MOST_PIECES = 10_000
LARGEST_PIECE = 5 * 1024**3
MOST_EXPECTED = 1_000
"""Announced files of one person whose bytes have not come."""


class AlreadyStored(Invalid):
    """The file's bytes came before: they are never replaced."""

    def __init__(self) -> None:
        super().__init__("The bytes of this file have come already. To replace them, upload a new file.")


def expect_file(actor: Actor, name: str, media_type: str, *, parts: int | None = None) -> StoredFile:
    """Announce a file. Its bytes come later, in one or in parts, and then it can be attached.

    What nobody attaches within a day is swept.

    :param media_type: what the client takes it for; once the bytes are there, what they are counts
    :param parts: how many parts are to come at first, 1 to 10,000; None: the bytes come in one
    :raises Forbidden: the actor may not attach files anywhere
    :raises Invalid: nothing is left of the name, or too many files are expected already
    """
    require(actor, Permission.ATTACH)
    kept = clean_name(name)
    begin_writing()
    expected = select(StoredFile.id).where(
        StoredFile.tenant_id == actor.tenant_id,
        StoredFile.state == "expected",
        StoredFile.uploaded_by == actor.user_id,
    )
    if len(list(db.session.scalars(expected.limit(MOST_EXPECTED)))) >= MOST_EXPECTED:
        db.session.rollback()
        raise Invalid("Too many files were announced and never sent. Send or cancel some of them first.")
    file = StoredFile(
        id=uuid4(),
        tenant_id=actor.tenant_id,
        organization_id=_home_of(actor),
        name=kept.name,
        media_type=media_type[:LONGEST_MEDIA_TYPE],
        state="expected",
        storage_key=f"files/{uuid4()}",
        parts=parts,
        uploaded_by=actor.user_id,
        created_at=clock.now(),
    )
    db.session.add(file)
    note(actor, "file.announce", "file", file.id)
    db.session.commit()
    return file


def _home_of(actor: Actor) -> UUID:
    """Where a file lives until it is attached: the first organization in which its sender may attach."""
    homes = (one for one in actor.organization_ids if allows(actor, Permission.ATTACH, one))
    return next(homes)


def get_announced(actor: Actor, file_id: UUID, *, locked: bool = False) -> StoredFile:
    """A file that the actor announced and that is not attached.

    :param locked: as :func:`find_own`

    :raises NotFound: unknown, somebody else's, attached or swept
    :raises Forbidden: the actor may not attach files any more
    """
    file = find_own(actor, file_id, locked=locked)
    if file is None or file.state not in ("expected", "stored", "refused"):
        raise NotFound("There is no such upload.")
    require(actor, Permission.ATTACH)
    return file


def find_own(actor: Actor, file_id: UUID, *, locked: bool = False) -> StoredFile | None:
    """A file that the actor sent, attached or not.

    :param locked: nobody else changes it before this writing transaction ends
    """
    own = select(StoredFile).where(
        StoredFile.id == file_id, StoredFile.tenant_id == actor.tenant_id, StoredFile.uploaded_by == actor.user_id
    )
    return db.session.scalar(own.with_for_update() if locked else own)


def get_expected(actor: Actor, file_id: UUID, *, in_parts: bool, locked: bool = False) -> StoredFile:
    """A file of the actor's whose bytes may come now.

    :param locked: as :func:`find_own`

    :raises NotFound: as :func:`get_announced`
    :raises AlreadyStored: they came
    :raises Invalid: it was announced to come the other way
    """
    file = get_announced(actor, file_id, locked=locked)
    if (file.parts is not None) != in_parts:
        raise Invalid(
            "This file was not announced to come in parts." if in_parts else "This file was announced to come in parts."
        )
    if file.state != "expected":
        raise AlreadyStored
    return file


def most_bytes() -> int:
    """Most bytes of one file here, whatever a template allows."""
    return intake.max_bytes


def arrival_key(file_id: UUID, number: int | None = None) -> str:
    """Where an object store puts bytes that are sent to it directly; only a copy of them is ever trusted."""
    return f"arrivals/{file_id}" if number is None else f"arrivals/{file_id}-{number}"


def upload_address(file_id: UUID, number: int | None = None, *, seconds: int) -> str | None:
    """An address at the object store to which a file's, or a part's, bytes may be sent; None: take them yourself.

    What is sent there is looked at by :func:`~app.attachments.settling.settle` and when parts are joined.
    """
    return storage.signed_put(arrival_key(file_id, number), seconds=seconds)


def cancel_upload(actor: Actor, file_id: UUID) -> None:
    """Forget an announced file and every part of it that came.

    :raises NotFound: as :func:`get_announced`
    :raises AlreadyStored: it is complete
    """
    with writing():
        file = get_announced(actor, file_id, locked=True)
        if file.state == "stored":
            raise AlreadyStored
        keys = [*keys_of_pieces([file_id])]
        db.session.delete(file)
        note(actor, "file.cancel", "file", file_id)
        db.session.commit()
    drop([*keys, *(found.key for found in storage.list_(f"arrivals/{file_id}"))])


def keys_of_pieces(file_ids: list[UUID]) -> list[str]:
    """Where the parts of these files lie."""
    held = select(FilePiece.storage_key).where(FilePiece.file_id.in_(file_ids), FilePiece.storage_key.is_not(None))
    return [key for key in db.session.scalars(held) if key]


def drop(keys: list[str]) -> None:
    """Delete objects that no row names any more. What cannot be deleted now, the sweep finds."""
    for key in keys:
        try:
            storage.delete(key)
        except Refusal:
            return

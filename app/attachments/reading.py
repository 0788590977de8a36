"""List and open the files of entities."""

from __future__ import annotations

from typing import BinaryIO
from uuid import UUID

from app import clock, record
from app.actor import Actor
from app.attachments.announced import find_own
from app.attachments.holding import visible_files
from app.attachments.kinds import kind_of
from app.catalog.seeing import SEEN_FOR
from app.errors import Gone, NotFound, NotReady, Unavailable
from app.extensions import db
from app.models import Entity, StoredFile, begin_writing
from app.storage import storage


def list_files(actor: Actor, entity: Entity, attribute: str | None = None) -> list[StoredFile]:
    """The files attached to an entity, oldest first; of one attribute when it is named.

    Empty for an entity that the actor may not see.
    """
    files = visible_files(actor).where(StoredFile.entity_id == entity.id, StoredFile.state == "attached")
    if attribute is not None:
        files = files.where(StoredFile.attribute == attribute)
    return list(db.session.scalars(files.order_by(StoredFile.created_at, StoredFile.id)))


def get_file(actor: Actor, file_id: UUID) -> StoredFile:
    """A file's facts, seen only together with its entity.

    :raises NotFound: unknown, never attached, or of an entity that the actor may not see
    :raises Gone: it was removed from its entity
    """
    file = db.session.scalar(visible_files(actor).where(StoredFile.id == file_id))
    if file is None or file.state not in {"attached", "removed"}:
        raise NotFound("There is no such file.")
    if file.state == "removed":
        raise Gone("This file was removed.")
    return file


def open_file(
    actor: Actor, file_id: UUID, *, note: bool = True, continues: bool = False
) -> tuple[StoredFile, BinaryIO]:
    """A file and its bytes, seekable; the caller closes them. Each opening is in the audit log as a download.

    :param note: False leaves the log alone: only the file's facts are wanted (a HEAD)
    :param continues: the client says that it goes on with a download; believed, and so not logged once more,
        when the log has one of this file in the same sign-in
    :raises NotFound: as :func:`get_file`
    :raises Gone: as :func:`get_file`
    :raises Unavailable: its bytes cannot be read just now
    """
    file = get_file_or_own(actor, file_id)
    stream = _open(file.storage_key)
    if not note or (continues and record.is_noted(actor, "file.download", "file", file_id)):
        return file, stream
    try:
        return _log_download(actor, file_id), stream
    except BaseException:
        stream.close()
        db.session.rollback()
        raise


def _log_download(actor: Actor, file_id: UUID) -> StoredFile:
    begin_writing()
    file = get_file_or_own(actor, file_id)
    record.note(
        actor,
        "file.download",
        "file",
        file.id,
        details=_about(file),
        byte_count=file.byte_count,
    )
    db.session.commit()
    return file


def _about(file: StoredFile) -> dict[str, str | None]:
    """Whose file it is; nobody's yet when it is not attached."""
    return {"entity": str(file.entity_id), "attribute": file.attribute} if file.entity_id else {}


def get_file_or_own(actor: Actor, file_id: UUID) -> StoredFile:
    """As :func:`get_file`, and also a file of the actor's own whose bytes came and that is not attached yet.

    :raises NotFound: as :func:`get_file`
    :raises NotReady: the actor announced it, and its bytes have not come
    :raises Gone: it was removed from its entity
    """
    own = find_own(actor, file_id)
    if own is not None and own.state == "stored":
        return own
    if own is not None and own.state == "expected":
        raise NotReady("The bytes of this file have not come yet.")
    return get_file(actor, file_id)


def file_address(actor: Actor, file_id: UUID, *, inline: bool, seconds: int) -> str | None:
    """An address at the object store for a file's bytes, kept in the record as given away; None: serve it yourself.

    Refusals as :func:`get_file_or_own`.
    """
    file = get_file_or_own(actor, file_id)
    about, size = _about(file), file.byte_count
    url = storage.signed_url(
        file.storage_key,
        file_name=file.name,
        media_type=served_type(file),
        seconds=seconds,
        disposition="inline" if inline and may_show(file) else "attachment",
    )
    if url is not None:
        begin_writing()
        record.note(actor, "file.download", "file", file_id, details={**about, "by": "address"}, byte_count=size)
        db.session.commit()
    return url


def may_show(file: StoredFile) -> bool:
    """Whether a browser may show it in place: pictures and PDF, which a decoder has really read. All else is saved."""
    kind = kind_of(file.name)
    return kind is not None and kind.draws


def served_type(file: StoredFile) -> str:
    """Its media type, as far as we know it ourselves."""
    return file.media_type if kind_of(file.name) is not None else "application/octet-stream"


def open_preview(actor: Actor, file_id: UUID) -> tuple[StoredFile, BinaryIO]:
    """A file's small WebP picture (:data:`app.attachments.previews.MEDIA_TYPE`); the caller closes it.

    :raises NotFound: as :func:`get_file`, or it has no preview
    :raises Gone: as :func:`get_file`
    """
    file = get_file(actor, file_id)
    if file.preview_key is None:
        raise NotFound("This file has no preview.")
    _log_preview(actor, file)
    file = get_file(actor, file_id)
    return file, _open(file.preview_key or "")


def _log_preview(actor: Actor, file: StoredFile) -> None:
    """Not once more when the page of its holder was just seen, which shows it."""
    known = file.id, _about(file)
    if file.entity_id is None or record.has_seen(actor, file.entity_id, clock.now() - SEEN_FOR):
        return
    begin_writing()
    record.note(actor, "file.preview", "file", known[0], details=known[1])
    db.session.commit()


def _open(key: str) -> BinaryIO:
    try:
        return storage.open(key)
    except NotFound:  # the row is right to be there, so this is our fault and not an unknown address
        raise Unavailable("The bytes of this file cannot be found. Please tell your administrator.") from None

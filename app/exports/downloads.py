"""Taking an archive away: whole, or one file of it straight from its member."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

import orjson

from app import clock, record
from app.actor import Actor
from app.archive import Member, gzip_framed, gzip_length, inflated
from app.errors import Forbidden, Gone, NotFound, NotReady
from app.exports.kinds import KINDS
from app.exports.requests import get_export
from app.extensions import db
from app.models import Export, ExportFile, begin_writing
from app.storage import storage

NOT_READY = {
    "queued": "The archive is not ready yet.",
    "building": "The archive is not ready yet.",
    "failed": "This export failed, so there is no archive. You can ask for it again.",
    "cancelled": "This export was cancelled, so there is no archive. You can ask for it again.",
}
ADDRESS_SECONDS = 300
LARGEST_ORDINAL = 2**31 - 1
EXPIRED = "This archive has expired and was removed. You can ask for the export again."


@dataclass(frozen=True, slots=True)
class Download:
    """A whole archive; ``stream`` is seekable and the caller closes it. ``etag`` is strong, without quotes."""

    name: str
    media_type: str
    size: int
    etag: str
    sha256_hex: str
    modified_at: datetime
    stream: BinaryIO


@dataclass(frozen=True, slots=True)
class FileDownload:
    """One file; ``encoding`` is ``gzip`` when its bytes are gzip-framed, and has an ``etag`` of its own then."""

    name: str
    media_type: str
    size: int
    etag: str
    encoding: str | None
    chunks: Iterator[bytes]
    sha256_hex: str | None = None
    """Of the bytes as sent; unknown for gzip-framed ones."""


def open_archive(actor: Actor, export_id: UUID, *, note: bool = True, continues: bool = False) -> Download:
    """Open a ready archive, and keep in the record who took it.

    :param note: ``False`` leaves the record alone: only the archive's facts are wanted (a HEAD)
    :param continues: the client says that it goes on with a download; believed, and so not kept once more, when the
        record has one of this export in the same sign-in
    :raises NotFound: no such export, or somebody else's
    :raises Forbidden: the actor may not, or may no longer, export everything that it holds
    :raises NotReady: it is not ready, or failed
    :raises Gone: it has expired
    """
    export = _ready(actor, export_id)
    key, size, sha256 = export.archive_key or "", export.archive_bytes or 0, export.archive_sha256 or ""
    name, finished = export.name, export.finished_at or export.requested_at
    stream = _open(key)
    if note and not (continues and record.is_noted(actor, "export.download", "export", export_id)):
        _note(actor, export_id, {"file": name}, size)
    return Download(name, "application/zip", size, sha256, sha256, finished, stream)


def archive_address(actor: Actor, export_id: UUID) -> str | None:
    """An address at the object store from which the archive may be downloaded for a while; refusals as
    :func:`open_archive`.

    The record keeps that it was given away: whoever has it needs no sign-in. None when storage has no such addresses:
    then :func:`open_archive` is the way.
    """
    export = _ready(actor, export_id)
    key, name, size = export.archive_key or "", export.name, export.archive_bytes or 0
    url = storage.signed_url(key, file_name=name, media_type="application/zip", seconds=ADDRESS_SECONDS)
    if url is None:
        return None
    db.session.rollback()
    if not storage.exists(key):
        raise Gone(EXPIRED)
    _note(actor, export_id, {"file": name, "by": "address"}, size)
    return url


def open_file(actor: Actor, export_id: UUID, ordinal: int, *, gzip_ok: bool = False, note: bool = True) -> FileDownload:
    """Open one file of a ready archive; refusals as :func:`open_archive`."""
    export = _ready(actor, export_id)
    # Beyond that the database would take the number for a fault, not for one that nobody has.
    file = db.session.get(ExportFile, (export_id, ordinal)) if 0 <= ordinal <= LARGEST_ORDINAL else None
    if file is None or file.data_offset is None:
        raise NotFound("The archive has no such file.")
    member = _member(file)
    name, media_type, sha256 = file.name.rpartition("/")[2], file.media_type, member.raw_sha256
    tag = sha256 or f"{export.archive_sha256}-{ordinal}"
    stream = _open(export.archive_key or "")
    if note:
        _note(actor, export_id, {"ordinal": ordinal}, member.raw_length)
    if gzip_ok and not member.stored:
        chunks: Iterator[bytes] = _Closing(stream, gzip_framed(stream, member))
        return FileDownload(name, media_type, gzip_length(member), f"{tag}-gzip", "gzip", chunks)
    chunks = _Closing(stream, inflated(stream, member))
    return FileDownload(name, media_type, member.raw_length, tag, None, chunks, sha256)


def why_not_taken(actor: Actor, export: Export) -> str | None:
    """Why the actor may not take a ready archive away, in words; ``None`` when nothing stands in the way."""
    try:
        _ask_rights(actor, export)
    except Forbidden as refusal:
        return refusal.message
    return None


def _ask_rights(actor: Actor, export: Export) -> None:
    """Rights are asked again: they may have ended since the archive was made, and a manager may have fewer."""
    frozen = orjson.loads(export.frozen or "{}")
    KINDS[export.kind].may_take(actor, frozen.get("facts", {}), export.params)


def _ready(actor: Actor, export_id: UUID) -> Export:
    export = get_export(actor, export_id)
    if export.state == "expired" or (export.expires_at is not None and export.expires_at <= clock.now()):
        raise Gone(EXPIRED)
    if export.state != "ready":
        raise NotReady(NOT_READY[export.state])
    try:
        _ask_rights(actor, export)
    except Forbidden:
        _note(actor, export_id, {"why": "rights"}, 0, outcome="refused")
        raise
    return export


def _open(key: str) -> BinaryIO:
    # A store may take its time; no transaction waits for it.
    db.session.rollback()
    try:
        return storage.open(key)
    except NotFound:
        raise Gone(EXPIRED) from None


def _member(file: ExportFile) -> Member:
    return Member(
        name=file.name,
        data_offset=file.data_offset or 0,
        compressed_length=file.compressed_bytes or 0,
        raw_length=file.raw_bytes or 0,
        crc32=file.crc32 or 0,
        rows=file.rows or 0,
        raw_sha256=file.sha256,
        stored=file.stored,
    )


def _note(actor: Actor, export_id: UUID, details: dict[str, str | int], size: int, *, outcome: str = "done") -> None:
    begin_writing()
    record.note(actor, "export.download", "export", export_id, details=details, byte_count=size, outcome=outcome)
    db.session.commit()


class _Closing:
    """Chunks whose stream is closed when they end, break, or are given up before the first was taken."""

    def __init__(self, stream: BinaryIO, chunks: Iterator[bytes]) -> None:
        self._stream, self._chunks = stream, chunks

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._stream.close()

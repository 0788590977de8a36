"""Bytes that came become a file: looked at, kept under a key of their own, and remembered in one transaction."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from app.actor import Actor
from app.attachments.announced import arrival_key, drop, get_expected, keys_of_pieces, most_bytes
from app.attachments.holding import too_large
from app.attachments.inspection import Inspection, inspect_file
from app.attachments.intake import CHUNK, Readable, intake, take_body
from app.attachments.kinds import kind_of
from app.errors import Invalid, NotFound, TooLarge
from app.extensions import db
from app.models import FilePiece, StoredFile, begin_writing
from app.record import note
from app.storage import Publication, storage
from app.storage.errors import faults_in_words


@dataclass(frozen=True, slots=True)
class Taken:
    """Bytes under a key. ``etag`` is their MD5 in hex, as object stores name them."""

    key: str
    size: int
    sha256: str
    etag: str


class Sink:
    """Writes on and digests what it writes, in the one way that clients of object stores expect."""

    def __init__(self, beneath: Publication) -> None:
        self._beneath = beneath
        self.md5 = hashlib.md5(usedforsecurity=False)

    def write(self, data: bytes, /) -> int:
        self.md5.update(data)
        return self._beneath.write(data)

    def flush(self) -> None:
        self._beneath.flush()


def take(stream: Readable, room: str, *, limit: int, declared: int | None) -> Taken:
    """Stream a body into storage under a new key; whatever goes wrong, nothing of it stays.

    :param room: the beginning of the key: ``files`` or ``pieces``
    :raises TooLarge: more bytes come than are accepted
    :raises Invalid: it broke off, or is empty
    :raises StorageFault: no room, or storage cannot be reached
    """
    key = f"{room}/{uuid4()}"
    with storage.publishing(key) as publication:
        sink = Sink(publication)
        size, sha256 = take_body(stream, sink, limit=limit, declared=declared, too_large=too_large(most_bytes()))
    return Taken(key, size, sha256, sink.md5.hexdigest())


def receive_announced(actor: Actor, file_id: UUID, stream: Readable, declared: int | None) -> str:
    """Take the bytes of an announced file in one, look at them and keep them; answers their entity tag.

    No transaction is open while bytes come. Whatever goes wrong, nothing stays, and the file may be sent again.

    :param declared: the announced length, when there is one
    :raises NotFound: unknown, somebody else's, or swept
    :raises AlreadyStored: its bytes came before
    :raises TooLarge: more bytes than are accepted
    :raises Invalid: it broke off, is empty, or is not what its name says
    """
    file = get_expected(actor, file_id, in_parts=False)
    name = file.name
    db.session.rollback()
    limit = most_bytes()
    if declared is not None and declared > limit:
        raise TooLarge(too_large(limit))
    taken = take(stream, "files", limit=limit, declared=declared)
    keep(actor, file_id, name, taken)
    return taken.etag


def keep(actor: Actor, file_id: UUID, name: str, taken: Taken, *, in_parts: bool = False) -> StoredFile:
    """Look at bytes that lie under a key already and let the file have them, once; else they are dropped.

    :raises AlreadyStored: it has others already
    :raises TooLarge: more bytes than are accepted
    :raises Invalid: none, or not what the file's name says
    """
    preview_key: str | None = None
    try:
        if taken.size > most_bytes():
            raise TooLarge(too_large(most_bytes()))
        if taken.size == 0:
            raise Invalid("This file is empty (0 bytes).")
        found = look_at(taken.key, name)
        if found is not None and found.preview:
            preview_key = taken.key.replace("files/", "previews/", 1)
            with storage.publishing(preview_key) as sink:
                sink.write(found.preview)
        begin_writing()
        # Asked again: of two sendings at once the first counts.
        file = get_expected(actor, file_id, in_parts=in_parts, locked=True)
        pieces = _remember(actor, file, taken, found, preview_key)
    except BaseException:
        _undo(file_id, taken.key, preview_key)
        raise
    drop(pieces)
    return file


def _undo(file_id: UUID, key: str, preview_key: str | None) -> None:
    """Drop the bytes, unless the commit came through although it was reported as failed; then the row names them.

    What cannot be dropped or asked now is for the sweep.
    """
    with suppress(Exception):
        db.session.rollback()
        named = db.session.scalar(select(StoredFile.storage_key).where(StoredFile.id == file_id))
        db.session.rollback()
        if named != key:
            drop([one for one in (key, preview_key) if one])


def _remember(
    actor: Actor, file: StoredFile, taken: Taken, found: Inspection | None, preview_key: str | None
) -> list[str]:
    """Answers the keys of the parts that nobody names any more."""
    pieces = keys_of_pieces([file.id])
    file.state = "stored"
    file.storage_key, file.preview_key = taken.key, preview_key
    file.byte_count, file.sha256 = taken.size, taken.sha256
    if found is not None:
        file.media_type, file.modality, file.page_count = found.media_type, found.modality, found.pages
    db.session.execute(delete(FilePiece).where(FilePiece.file_id == file.id))
    note(actor, "file.upload", "file", file.id, byte_count=taken.size)
    db.session.commit()
    return pieces


def look_at(key: str, name: str) -> Inspection | None:
    """What stored bytes are; None when the name's ending is none that we know: such a file is never looked into.

    :raises Invalid: name, content and decode do not agree
    """
    if kind_of(name) is None:
        return None
    with on_local_disk(key) as path:
        return inspect_file(path, name)


@contextmanager
def on_local_disk(key: str) -> Iterator[Path]:
    """A stored object as a file that a decoder can open; from an object store it is fetched, without a name."""
    with storage.open(key) as stream:
        if (descriptor := _descriptor(stream)) is not None:
            yield Path(f"/proc/self/fd/{descriptor}")
            return
        with intake.private_file() as body:
            while chunk := stream.read(CHUNK):
                with faults_in_words():
                    body.write(chunk)
            with faults_in_words():
                body.flush()
            yield Path(f"/proc/self/fd/{body.fileno()}")


def _descriptor(stream: BinaryIO) -> int | None:
    try:
        return stream.fileno()
    except io.UnsupportedOperation:
        return None


def digest(stream: BinaryIO) -> tuple[int, str, str]:
    """The length, SHA-256 and MD5 of the rest of a stream."""
    size, sha256, md5 = 0, hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        sha256.update(chunk)
        md5.update(chunk)
    return size, sha256.hexdigest(), md5.hexdigest()


def settle(actor: Actor, file_id: UUID) -> None:
    """If the file is expected and its bytes were sent to the object store directly, look at them and keep a copy.

    Nothing happens to any other file. To be called before a use case that needs the bytes, outside of a transaction.

    :raises TooLarge: more bytes came than are accepted
    :raises Invalid: they are not what the file's name says
    """
    try:
        file = get_expected(actor, file_id, in_parts=False)
    except (NotFound, Invalid):
        db.session.rollback()
        return
    name, key = file.name, arrival_key(file_id)
    db.session.rollback()
    if not storage.joins or not storage.exists(key):
        return
    try:
        keep(actor, file_id, name, copied_from([key]))
    except Invalid:
        # What was refused may be sent again.
        drop([key])
        raise
    drop([key])


def copied_from(keys: list[str]) -> Taken:
    """Objects, one after the other, as one new object that nobody else can write to.

    :raises TooLarge: more bytes than are accepted; nothing is copied
    """
    key = f"files/{uuid4()}"
    sizes = [storage.size(one) for one in keys]
    if sum(sizes) > most_bytes():
        raise TooLarge(too_large(most_bytes()))
    with storage.publishing(key) as publication:
        for one, length in zip(keys, sizes, strict=True):
            publication.copy(one, 0, length)
    try:
        with storage.open(key) as stream:
            size, sha256, md5 = digest(stream)
    except BaseException:
        drop([key])
        raise
    return Taken(key, size, sha256, md5)

"""The last step: join the staged fragments into the archive, make it appear, and only then say READY."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from sqlalchemy import select, update

from app import callbacks, clock, record
from app.accounts import actor_for_user
from app.archive import (
    AlteredFragment,
    Archive,
    Fragment,
    Staged,
    ZipWriter,
    data_package_bytes,
    readme_text,
)
from app.errors import NotFound
from app.exports import failpoints
from app.exports.claims import Claim, Lost, commit_part, is_done, one_row
from app.exports.heart import Heart
from app.exports.kinds import KINDS, BuiltFile
from app.exports.orders import load_order
from app.extensions import db
from app.models import Export, ExportFile, ExportPart, Tenant, begin_writing
from app.storage import Publication, storage

JOINED_FROM = 64 << 20
"""Smaller archives are assembled here and put as they are."""


class BrokenPromise(Exception):
    """The records written are not those promised: the archive must not be published."""


@dataclass(slots=True)
class _FileParts:
    name: str
    subject: str
    media_type: str
    layout: dict[str, Any]
    promised_rows: int
    staged: list[Staged] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    raw_sha256: str | None = None

    @property
    def length(self) -> int:
        return sum(one.fragment.length for one in self.staged)


class _Watched:
    """A sink that asks between writes whether the part is still held."""

    def __init__(self, sink: Any, heart: Heart) -> None:
        self._sink, self._heart = sink, heart

    def write(self, data: bytes, /) -> object:
        self._heart.check()
        return self._sink.write(data)


def publish_export(claim: Claim, heart: Heart) -> None:
    """Assemble and publish under a claim.

    :raises Lost: somebody else publishes it now, or it was cancelled
    :raises AlteredFragment: a staged fragment is not what its builder wrote
    :raises BrokenPromise: the counts differ from the plan's
    """
    kind, order = load_order(claim.export_id)
    _say(claim, "Assembling the archive")
    _check_counts(claim.export_id)
    with closing(_Reader()) as reader, storage.publishing(claim.archive_key) as sink:
        parts = _parts(claim.export_id, reader)
        if storage.joins and sum(one.length for one in parts) >= JOINED_FROM:
            _join_there(parts, sink)
        writer = ZipWriter(_Watched(sink, heart), order.at)
        built = [_add(writer, one, fingerprint=KINDS[kind].fingerprinted) for one in parts]
        description = KINDS[kind].describe(order, built)
        if description is not None:
            writer.add_bytes("datapackage.json", data_package_bytes(description))
            writer.add_bytes("README.txt", readme_text(description).encode())
        archive = writer.finish()
        sink.settle()
        failpoints.reach(failpoints.BEFORE_RENAME)
        heart.check()
        sink.commit()
    failpoints.reach(failpoints.AFTER_RENAME)
    try:
        failpoints.reach(failpoints.BEFORE_COMMIT)
        _commit(claim, archive, built, lasts=KINDS[kind].shared)
    except Lost:
        if not is_done(claim):
            storage.delete(claim.archive_key)
        raise
    failpoints.reach(failpoints.AFTER_COMMIT)
    _drop_staging(claim.export_id)


def _say(claim: Claim, phase: str) -> None:
    begin_writing()
    db.session.execute(
        update(Export)
        .where(Export.id == claim.export_id, Export.state == "building")
        .values(phase=phase, version=Export.version + 1),
        execution_options={"synchronize_session": False},
    )
    db.session.commit()


def _parts(export_id: UUID, reader: _Reader) -> list[_FileParts]:
    """The files in order, each with its staged fragments in order."""
    files = db.session.execute(
        select(
            ExportFile.name,
            ExportFile.subject,
            ExportFile.media_type,
            ExportFile.layout,
            ExportFile.promised_rows,
        )
        .where(ExportFile.export_id == export_id)
        .order_by(ExportFile.ordinal)
    ).all()
    rows = db.session.execute(
        select(ExportPart.staged_key, ExportPart.fragments)
        .where(ExportPart.export_id == export_id, ExportPart.step == "build")
        .order_by(ExportPart.ordinal)
    ).all()
    db.session.rollback()
    found = [
        _FileParts(file.name, file.subject, file.media_type, orjson.loads(file.layout), file.promised_rows or 0)
        for file in files
    ]
    for key, text in rows:
        if key is None or text is None:
            raise BrokenPromise("a part was not built")
        begin = 0
        for ordinal, fragments, whole in orjson.loads(text):
            found[ordinal].raw_sha256 = whole
            for plain in fragments:
                fragment = Fragment.from_json(plain)
                found[ordinal].staged.append(Staged(fragment, partial(reader.at, key, begin)))
                found[ordinal].places.append((key, begin))
                begin += fragment.length
    return found


def _join_there(parts: list[_FileParts], sink: Publication) -> None:
    """Have large archives joined by the object store: what was checked is copied there, not sent a second time."""
    for part in parts:
        part.staged = [
            replace(one, join=partial(sink.copy, key, begin, one.fragment.length))
            for one, (key, begin) in zip(part.staged, part.places, strict=True)
        ]


class _StagedBytes(io.RawIOBase):
    """A look into a part's staged bytes that does not close them: the next fragment goes on where this one ends."""

    def __init__(self, beneath: BinaryIO) -> None:
        super().__init__()
        self._beneath = beneath

    def read(self, size: int = -1) -> bytes:
        return self._beneath.read(size)


class _Reader:
    """Opens each part's staged bytes once, however many fragments they are: they are read from front to back."""

    def __init__(self) -> None:
        self._key = ""
        self._stream: BinaryIO | None = None

    def at(self, key: str, begin: int) -> BinaryIO:
        if self._stream is None or self._key != key:
            self.close()
            self._stream, self._key = _opened(key), key
        if self._stream.tell() != begin:
            self._stream.seek(begin, io.SEEK_SET)
        return _StagedBytes(self._stream)  # type: ignore[return-value]  # it is read, nothing more

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _opened(key: str) -> BinaryIO:
    try:
        return storage.open(key)
    except NotFound as gone:
        raise AlteredFragment(f"{key} is gone") from gone


def _check_counts(export_id: UUID) -> None:
    export = db.session.get_one(Export, export_id, populate_existing=True)
    promised, done = export.promised_rows, export.done_rows
    db.session.rollback()
    if promised != done:
        raise BrokenPromise(f"{promised} records were promised and {done} were written")


def _add(writer: ZipWriter, one: _FileParts, *, fingerprint: bool) -> BuiltFile:
    member = writer.add(one.name, one.staged, fingerprint=fingerprint, raw_sha256=one.raw_sha256)
    if one.promised_rows != member.rows:
        raise BrokenPromise(f"{one.name}: {one.promised_rows} records were promised, {member.rows} written")
    return BuiltFile(one.subject, one.media_type, one.layout, member)


def _commit(claim: Claim, archive: Archive, built: list[BuiltFile], *, lasts: bool) -> None:
    def rest() -> None:
        now = clock.now()
        days = db.session.execute(select(Tenant.retention_days).where(Tenant.id == claim.tenant_id)).scalar_one()
        one_row(
            update(Export)
            .where(Export.id == claim.export_id, Export.state == "building")
            .values(
                state="ready",
                phase="Ready",
                finished_at=now,
                expires_at=None if lasts else now + timedelta(days=days),
                archive_key=claim.archive_key,
                archive_bytes=archive.length,
                archive_sha256=archive.sha256,
                version=Export.version + 1,
            )
        )
        for number, one in enumerate(built):
            one_row(update(ExportFile).where(*_file(claim, number)).values(**_facts(one)))
        rows = sum(one.member.rows for one in built)
        owner = replace(actor_for_user(claim.owner_id), via="job")
        record.note(owner, "export.ready", "export", claim.export_id, row_count=rows, byte_count=archive.length)
        callbacks.announce(claim.export_id, "ready")

    commit_part(claim, {"rows": sum(one.member.rows for one in built)}, rest)


def _file(claim: Claim, number: int) -> tuple[Any, Any]:
    return ExportFile.export_id == claim.export_id, ExportFile.ordinal == number


def _facts(one: BuiltFile) -> dict[str, Any]:
    member = one.member
    return {
        "rows": member.rows,
        "raw_bytes": member.raw_length,
        "crc32": member.crc32,
        "sha256": member.raw_sha256,
        "compressed_bytes": member.compressed_length,
        "data_offset": member.data_offset,
    }


def _drop_staging(export_id: UUID) -> None:
    """Staged bytes are garbage once the archive is published; what a crash leaves here, the sweep finds."""
    for staged in list(storage.list_(f"staging/{export_id}/")):
        storage.delete(staged.key)

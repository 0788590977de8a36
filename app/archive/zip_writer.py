"""A zip archive joined from staged fragments, front to back, in one pass and without compressing anything
twice."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import Queue
from threading import Thread
from typing import BinaryIO, Final, Self

from app.archive.crc import crc32_of_pieces
from app.archive.fragments import ByteSink, Fragment, FragmentWriter
from app.archive.member import DamagedMember, Inflater, Member
from app.archive.names import check_name, folded
from app.archive.zip_records import Entry, Zip64From, central_record, dos_moment, end_records, local_header

_CHUNK_BYTES: Final = 1 << 19
_CHUNKS_WAITING: Final = 8


class AlteredFragment(Exception):
    """A staged fragment is not, byte for byte, what its builder put down. The archive must not be
    published."""


class DuplicateName(ValueError):
    """Two members whose names a common file system takes for one."""


@dataclass(frozen=True)
class Staged:
    """A fragment and how to read it.

    ``open`` gives a stream that stands at the fragment's first compressed byte; it is called when the
    fragment's turn comes, exactly ``fragment.length`` bytes are read, and the stream is closed. It may raise
    what it likes.
    """

    fragment: Fragment
    open: Callable[[], BinaryIO]
    join: Callable[[], None] | None = None
    """Puts the fragment's bytes into the writer's sink without sending them through here, once they were checked."""


@dataclass(frozen=True)
class Archive:
    """A finished archive: its length in bytes, SHA-256 (hex), and its members in order."""

    length: int
    sha256: str
    members: tuple[Member, ...]


class ZipWriter:
    """Writes an archive into ``sink`` from its first byte on; never seeks, never reads back, never closes the
    sink.

    After an exception from any method the archive is torn and the writer refuses to go on.

    :param sink: takes the archive's bytes
    :param moment: the time written for each member, with a time zone (the snapshot's, never the clock's)
    :param zip64_from: for tests of the zip64 forms
    """

    def __init__(self, sink: ByteSink, moment: datetime, *, zip64_from: Zip64From | None = None) -> None:
        self._sink = sink
        self._moment = dos_moment(moment)
        self._limits = zip64_from or Zip64From()
        self._sha256 = hashlib.sha256()
        self._offset = 0
        self._entries: list[Entry] = []
        self._members: list[Member] = []
        self._names: set[str] = set()
        self._usable = True

    def add(
        self, name: str, staged: Sequence[Staged], *, fingerprint: bool = True, raw_sha256: str | None = None
    ) -> Member:
        """Join fragments, in order, into the member ``name``. No fragments at all make an empty file.

        :param raw_sha256: the file's own SHA-256, when whoever wrote it took it
        :param fingerprint: when it is not known, inflate while copying to learn it (``Member.raw_sha256``)
        :raises UnsafeName: the name could climb, or is not portable
        :raises DuplicateName: a member of that name exists, letter case aside
        :raises AlteredFragment: a fragment's bytes are not those that were staged
        :raises ValueError: the last fragment is not a final one, or one before it is
        """
        with self._all_or_torn():
            if not staged:
                return self.add_bytes(name, b"", rows=0)
            self._claim(name)
            fragments = [one.fragment for one in staged]
            if [one.final for one in fragments] != [False] * (len(fragments) - 1) + [True]:
                raise ValueError(f"the fragments of {name!r} must end with their one final fragment")
            stored = fragments[0].stored
            entry = Entry(
                name=name.encode("utf-8"),
                moment=self._moment,
                crc32=crc32_of_pieces((one.crc32, one.raw_length) for one in fragments),
                compressed_length=sum(one.length for one in fragments),
                raw_length=sum(one.raw_length for one in fragments),
                header_offset=self._offset,
                stored=stored,
            )
            self._emit(local_header(entry, self._limits))
            data_offset = self._offset
            known = fragments[0].sha256 if stored else raw_sha256
            found = self._copy(name, staged, entry, fingerprint and known is None)
            member = Member(
                name=name,
                data_offset=data_offset,
                compressed_length=entry.compressed_length,
                raw_length=entry.raw_length,
                crc32=entry.crc32,
                rows=sum(one.rows for one in fragments),
                raw_sha256=known or found,
                stored=stored,
            )
            self._entries.append(entry)
            self._members.append(member)
            return member

    def add_bytes(self, name: str, content: bytes, *, rows: int = 0) -> Member:
        """Add a small file that is at hand, such as the data package or the read-me.

        :raises UnsafeName: the name could climb, or is not portable
        :raises DuplicateName: a member of that name exists, letter case aside
        """
        compressed = io.BytesIO()
        writer = FragmentWriter(compressed, final=True)
        writer.write(content)
        fragment = writer.finish(rows)
        return self.add(name, [Staged(fragment, lambda: io.BytesIO(compressed.getvalue()))])

    def finish(self) -> Archive:
        """Write the directory. Nothing may be added afterwards."""
        with self._all_or_torn():
            directory_offset = self._offset
            for entry in self._entries:
                self._emit(central_record(entry, self._limits))
            length = self._offset - directory_offset
            self._emit(end_records(len(self._entries), directory_offset, length, self._limits))
        self._usable = False
        return Archive(self._offset, self._sha256.hexdigest(), tuple(self._members))

    def _all_or_torn(self) -> _Torn:
        if not self._usable:
            raise ValueError("the archive is finished, or was torn by an earlier error")
        return _Torn(self)

    def _claim(self, name: str) -> None:
        check_name(name)
        key = folded(name)
        if key in self._names:
            raise DuplicateName(f"the archive has a member {name!r} already")
        self._names.add(key)

    def _copy(self, name: str, staged: Sequence[Staged], entry: Entry, fingerprint: bool) -> str | None:
        if not fingerprint:
            self._copy_fragments(name, staged, None)
            return None
        with _RawFile() as file:
            self._copy_fragments(name, staged, file)
            return file.sha256(entry.raw_length, name)

    def _copy_fragments(self, name: str, staged: Sequence[Staged], file: _RawFile | None) -> None:
        for number, one in enumerate(staged, start=1):
            try:
                self._copy_fragment(one, file)
            except (AlteredFragment, DamagedMember) as error:
                raise AlteredFragment(f"fragment {number} of {name!r}: {error}") from error

    def _copy_fragment(self, one: Staged, file: _RawFile | None) -> None:
        found = hashlib.sha256()
        with one.open() as stream:
            for chunk in _exactly(stream, one.fragment.length):
                found.update(chunk)
                if one.join is None:
                    self._emit(chunk)
                else:
                    self._count(chunk)
                if file:
                    file.take(chunk)
        if found.hexdigest() != one.fragment.sha256:
            raise AlteredFragment("its bytes are not those that were staged")
        if one.join is not None:
            one.join()

    def _emit(self, data: bytes) -> None:
        self._sink.write(data)
        self._count(data)

    def _count(self, data: bytes) -> None:
        self._sha256.update(data)
        self._offset += len(data)


class _Torn:
    """Marks the writer unusable when its block is left by an exception."""

    def __init__(self, writer: ZipWriter) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._writer._usable = False


class _RawFile:
    """Learns a file's own SHA-256 from its compressed bytes as they pass, in two threads beside the copying.

    Inflating and hashing let other threads run, so that a large file costs the longest of the three, not their sum.
    """

    def __init__(self) -> None:
        self._inflater = Inflater()
        self._sha256 = hashlib.sha256()
        self._length = 0
        self._chunks: Queue[bytes | None] = Queue(_CHUNKS_WAITING)
        self._pieces: Queue[bytes | None] = Queue(_CHUNKS_WAITING)
        self._fault: DamagedMember | None = None
        self._threads = [
            Thread(target=work, name=f"fingerprint-{name}", daemon=True)
            for name, work in (("inflate", self._inflate), ("hash", self._hash))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads[0].is_alive():
            self._chunks.put(None)
        for thread in self._threads:
            thread.join()

    def take(self, chunk: bytes) -> None:
        """Let a chunk be looked at.

        :raises DamagedMember: one before it was not deflate
        """
        if self._fault is not None:
            raise self._fault
        self._chunks.put(chunk)

    def sha256(self, promised_length: int, name: str) -> str:
        """The fingerprint, when all chunks were taken."""
        self._chunks.put(None)
        for thread in self._threads:
            thread.join()
        if self._fault is not None or not self._inflater.complete or self._length != promised_length:
            raise AlteredFragment(f"{name!r} inflates to another length than its fragments say") from self._fault
        return self._sha256.hexdigest()

    def _inflate(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            if self._fault is not None:
                continue  # whoever puts chunks must not wait for ever
            try:
                for piece in self._inflater.feed(chunk):
                    self._pieces.put(piece)
            except DamagedMember as fault:
                self._fault = fault
        self._pieces.put(None)

    def _hash(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._sha256.update(piece)
            self._length += len(piece)


def _exactly(stream: BinaryIO, length: int) -> Iterator[bytes]:
    while length:
        chunk = stream.read(min(_CHUNK_BYTES, length))
        if not chunk:
            raise AlteredFragment("it is shorter than what was staged")
        length -= len(chunk)
        yield chunk

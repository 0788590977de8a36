"""Single files out of a finished archive, without unpacking it: as they are, or framed as gzip."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final, cast

from isal import isal_zlib

_CHUNK_BYTES: Final = 1 << 18
_PIECE_BYTES: Final = 1 << 20
# isal's type stub declares its exception class as an instance.
_NOT_DEFLATE: Final = cast(type[Exception], isal_zlib.IsalError)
# No name, no time, unknown system: nothing in the frame says when or where it was made.
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_GZIP_TRAILER: Final = struct.Struct("<LL")


class DamagedMember(Exception):
    """The archive's bytes do not give back what was put in: cut short, altered, or not this member's
    place."""


@dataclass(frozen=True)
class Member:
    """Where one file lies in an archive, and what it is once inflated.

    ``data_offset`` counts from the archive's first byte to the member's first compressed byte;
    ``raw_sha256`` is of the inflated file, None when the archive was written without asking for it. A ``stored`` member
    is kept as it is, so its compressed length is its own.
    """

    name: str
    data_offset: int
    compressed_length: int
    raw_length: int
    crc32: int
    rows: int
    raw_sha256: str | None
    stored: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON column; ``Member(**values)`` reads them back."""
        return asdict(self)


class Inflater:
    """Inflates one raw deflate stream fed in chunks, in pieces of at most 1 MiB however well they were
    compressed."""

    def __init__(self) -> None:
        self._stream = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)

    @property
    def complete(self) -> bool:
        """Whether the stream's final block was met."""
        return self._stream.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces that ``data`` inflates to.

        :raises DamagedMember: not deflate, or bytes after its end
        """
        while True:
            if self._stream.eof:
                if data:
                    raise DamagedMember("bytes follow the end of the stream")
                return
            piece = self._inflate(data)
            if piece:
                yield piece
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            # A full piece may have left inflated bytes inside, even when all input is taken.
            if not data and len(piece) < _PIECE_BYTES:
                return

    def _inflate(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data, _PIECE_BYTES)
        except _NOT_DEFLATE as error:
            raise DamagedMember(f"not a deflate stream: {error}") from error


def inflated(archive: BinaryIO, member: Member) -> Iterator[bytes]:
    """The file itself, in pieces of at most 1 MiB.

    :param archive: an open, seekable archive; left open, its position moved
    :raises DamagedMember: length or CRC-32 is not the member's. Known for sure only at the end, so after the
        last piece was given: whoever sends the pieces on must let this break the response, not swallow it.
    """
    if member.stored:
        yield from _as_stored(archive, member)
        return
    inflater = Inflater()
    crc, length = 0, 0
    for chunk in _compressed(archive, member):
        for piece in inflater.feed(chunk):
            crc = isal_zlib.crc32(piece, crc)
            length += len(piece)
            if length > member.raw_length:
                raise DamagedMember(f"{member.name} inflates to more than it should")
            yield piece
    if not inflater.complete or length != member.raw_length or crc != member.crc32:
        raise DamagedMember(f"{member.name} does not inflate to what was put in")


def _as_stored(archive: BinaryIO, member: Member) -> Iterator[bytes]:
    crc = 0
    for chunk in _compressed(archive, member):
        crc = isal_zlib.crc32(chunk, crc)
        yield chunk
    if crc != member.crc32:
        raise DamagedMember(f"{member.name} is not what was put in")


def gzip_framed(archive: BinaryIO, member: Member) -> Iterator[bytes]:
    """The file as ``Content-Encoding: gzip`` (or as a ``.gz``), from the stored bytes, without compressing
    again.

    Exactly :func:`gzip_length` bytes; the receiver's gunzip checks the CRC-32.

    :param archive: an open, seekable archive; left open, its position moved
    :raises DamagedMember: the archive is cut short
    :raises ValueError: the member is stored: there is no deflate stream to frame
    """
    if member.stored:
        raise ValueError(f"{member.name} is not deflated")
    yield _GZIP_HEADER
    yield from _compressed(archive, member)
    yield _GZIP_TRAILER.pack(member.crc32, member.raw_length & 0xFFFFFFFF)


def gzip_length(member: Member) -> int:
    """Bytes of :func:`gzip_framed`, for ``Content-Length``."""
    return len(_GZIP_HEADER) + member.compressed_length + _GZIP_TRAILER.size


def _compressed(archive: BinaryIO, member: Member) -> Iterator[bytes]:
    archive.seek(member.data_offset)
    left = member.compressed_length
    while left:
        chunk = archive.read(min(_CHUNK_BYTES, left))
        if not chunk:
            raise DamagedMember(f"the archive ends inside {member.name}")
        left -= len(chunk)
        yield chunk

"""Fragments: a file's bytes compressed in runs that join into one deflate stream.

A fragment knows nothing of its neighbours (its compressor starts empty), so fragments of one file may be made
in any order, by any number of workers; laid end to end they are one valid raw deflate stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from isal import isal_zlib

# ISA-L ends its blocks by what it has been given so far, so the size of the slices is part of the bytes.
# Changing it (or the level, or the library) changes every archive's checksum.
SLICE_BYTES: Final = 1 << 20
LEVEL: Final = 1
RAW_DEFLATE: Final = -isal_zlib.MAX_WBITS
# ISA-L's fast loop takes the hash of a stream's third byte from a register that it never set, which holds a part of the
# stream's address: the same bytes compressed now and then into others. It does so where nothing came before only, so
# that a stream's beginning goes through alone, by another loop. It costs about eight bytes.
_BEGINNING_BYTES: Final = 8


class ByteSink(Protocol):
    """What bytes are written into: an open file, a publication of the storage room, a buffer."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class Fragment:
    """What must be known of a staged fragment to join it without reading it twice.

    ``length`` and ``sha256`` are of the compressed bytes; ``raw_length`` and ``crc32`` of what went in.
    ``final`` says that it closes its file's deflate stream. A ``stored`` fragment is a whole file kept as it is.
    """

    length: int
    crc32: int
    raw_length: int
    rows: int
    sha256: str
    final: bool
    stored: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fragment:
        """The fragment that :meth:`to_json` wrote.

        :raises ValueError: a value is missing, of another type or out of bounds
        """
        try:
            fragment = cls(**values)
        except TypeError as error:
            raise ValueError(f"not a fragment: {error}") from error
        fragment._check()
        return fragment

    def _check(self) -> None:
        for name in ("length", "crc32", "raw_length", "rows"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise ValueError(f"not a fragment: {name} is {value!r}")
        if self.crc32 > 0xFFFFFFFF:
            raise ValueError(f"not a fragment: crc32 is {self.crc32!r}")
        if type(self.sha256) is not str or len(self.sha256) != 64:
            raise ValueError(f"not a fragment: sha256 is {self.sha256!r}")
        if type(self.final) is not bool or type(self.stored) is not bool:
            raise ValueError(f"not a fragment: final is {self.final!r}, stored is {self.stored!r}")
        if self.stored and (not self.final or self.length != self.raw_length):
            raise ValueError("not a fragment: a stored one is a whole file, as long as it is")


class FragmentWriter:
    """Compresses what is written to it into ``sink``; :meth:`finish` tells what became of it.

    The same bytes give the same fragment however the writes were cut, and wherever in memory. Holds at most one slice
    (1 MiB).

    :param sink: where compressed bytes go; the writer never closes it
    :param final: whether this fragment is the last of its file, and so ends the deflate stream
    """

    def __init__(self, sink: ByteSink, *, final: bool) -> None:
        self._sink = sink
        self._final = final
        self._compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, RAW_DEFLATE)
        self._sha256 = hashlib.sha256()
        self._waiting = bytearray()
        self._length = 0
        self._raw_length = 0
        self._crc32 = 0
        self._finished = False

    @property
    def raw_length(self) -> int:
        """Uncompressed bytes taken so far."""
        return self._raw_length + len(self._waiting)

    def writable(self) -> bool:
        """Asked by libraries that write to files."""
        return not self._finished

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take bytes in; all of them are taken.

        :raises ValueError: the fragment is finished
        """
        self._refuse_when_finished()
        with memoryview(data) as given, given.cast("B") as view:
            taken = self._fill_waiting(view)
            while len(view) - taken >= SLICE_BYTES:
                self._compress(view[taken : taken + SLICE_BYTES])
                taken += SLICE_BYTES
            self._waiting += view[taken:]
            return len(view)

    def finish(self, rows: int) -> Fragment:
        """Write what is left and the closing flush (or final block).

        :param rows: how many records the fragment holds, as its maker counted them
        :raises ValueError: finished before
        """
        self._refuse_when_finished()
        self._finished = True
        if self._waiting:
            self._compress(bytes(self._waiting))
            self._waiting.clear()
        self._emit(self._compressor.flush(isal_zlib.Z_FINISH if self._final else isal_zlib.Z_FULL_FLUSH))
        return Fragment(
            length=self._length,
            crc32=self._crc32,
            raw_length=self._raw_length,
            rows=rows,
            sha256=self._sha256.hexdigest(),
            final=self._final,
        )

    def _refuse_when_finished(self) -> None:
        if self._finished:
            raise ValueError("the fragment is finished")

    def _fill_waiting(self, view: memoryview) -> int:
        """Top up a slice that has begun; compress it once full. Returns how many bytes that took."""
        if not self._waiting:
            return 0
        taken = min(SLICE_BYTES - len(self._waiting), len(view))
        self._waiting += view[:taken]
        if len(self._waiting) == SLICE_BYTES:
            self._compress(bytes(self._waiting))
            self._waiting.clear()
        return taken

    def _compress(self, data: bytes | memoryview) -> None:
        self._crc32 = isal_zlib.crc32(data, self._crc32)
        begun = self._raw_length
        self._raw_length += len(data)
        if not begun:
            self._emit(self._compressor.compress(data[:_BEGINNING_BYTES]))
            self._emit(self._compressor.flush(isal_zlib.Z_SYNC_FLUSH))
            data = data[_BEGINNING_BYTES:]
        self._emit(self._compressor.compress(data))

    def _emit(self, compressed: bytes) -> None:
        if compressed:
            self._sha256.update(compressed)
            self._length += len(compressed)
            self._sink.write(compressed)


class StoredWriter:
    """Takes a whole file that is compressed in itself, as it is; otherwise like :class:`FragmentWriter`."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._sha256 = hashlib.sha256()
        self._length = 0
        self._crc32 = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take bytes in; all of them are taken."""
        piece = bytes(data)
        self._sha256.update(piece)
        self._crc32 = isal_zlib.crc32(piece, self._crc32)
        self._length += len(piece)
        self._sink.write(piece)
        return len(piece)

    def finish(self, rows: int) -> Fragment:
        """What became of it.

        :param rows: how many records the file holds, as its maker counted them
        """
        return Fragment(
            length=self._length,
            crc32=self._crc32,
            raw_length=self._length,
            rows=rows,
            sha256=self._sha256.hexdigest(),
            final=True,
            stored=True,
        )

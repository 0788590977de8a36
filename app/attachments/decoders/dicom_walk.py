"""Whether a DICOM file is whole: every element inside its container, down to the last byte.

pydicom reads a file that was cut off without a word (a sequence simply ends early), and to ask it for
everything would hold a whole study in memory. This walk reads headers only and seeks over values, so it is
quick and flat.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from .finding import Refused

CUT_OFF = "This DICOM file is cut off or damaged: it ends in the middle of its data."

_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_TRANSFER_SYNTAX = 0x00020010
_EXPLICIT_BIG = "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_MAX_DEPTH = 32
_MAX_ELEMENTS = 2_000_000
_MAX_INFLATED = 256 * 1024 * 1024


def check_whole(path: Path) -> None:
    """Walk through the file from its preamble to its end.

    :raises Refused: it ends too early, or its lengths contradict each other
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        file.seek(132)
        syntax, start = _meta(file, end)
        file.seek(start)
        if syntax == _DEFLATED:
            data = _inflate(file)
            _Walk(io.BytesIO(data), explicit=_names_types(data[:6]), order="<").dataset(len(data))
            return
        order = ">" if syntax == _EXPLICIT_BIG else "<"
        first = file.read(6)
        file.seek(start)
        _Walk(file, explicit=_names_types(first), order=order).dataset(end)


def _names_types(first: bytes) -> bool:
    """Whether elements carry a VR: the data says so itself, some writers announce it wrongly."""
    return first[4:6].isalpha() and first[4:6].isupper()


def _meta(file: BinaryIO, end: int) -> tuple[str, int]:
    """The transfer syntax, and where the data set after group 2 begins."""
    walk = _Walk(file, explicit=True, order="<")
    syntax = ""
    while (at := file.tell()) < end:
        group = file.read(2)
        file.seek(at)
        if group != b"\x02\x00":
            break
        tag, _, length = walk.header(end)
        if length == _UNDEFINED or file.tell() + length > end:
            raise Refused(CUT_OFF)
        if tag == _TRANSFER_SYNTAX:
            syntax = file.read(length).rstrip(b"\0 ").decode("ascii", "replace")
        else:
            file.seek(length, io.SEEK_CUR)
    if not syntax:
        raise Refused("This DICOM file does not say how it is written (it has no transfer syntax).")
    if file.tell() >= end:
        raise Refused(CUT_OFF)
    return syntax, file.tell()


def _inflate(file: BinaryIO) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(file.read(), _MAX_INFLATED)
    except zlib.error:
        raise Refused(CUT_OFF) from None
    if inflater.unconsumed_tail:
        raise Refused("This DICOM file unpacks to more data than is accepted.")
    if not inflater.eof:
        raise Refused(CUT_OFF)
    return data


class _Walk:
    def __init__(self, file: BinaryIO, *, explicit: bool, order: str) -> None:
        self.file = file
        self.explicit = explicit
        self.order = order
        self.seen = 0

    def dataset(self, end: int, depth: int = 0, *, until_item_end: bool = False) -> None:
        """Elements up to ``end``, or up to an item delimiter where the item's length is undefined."""
        if depth > _MAX_DEPTH:
            raise Refused("This DICOM file is nested too deeply.")
        while self.file.tell() < end:
            tag, vr, length = self.header(end)
            if tag == _ITEM_END and until_item_end:
                return
            if length == _UNDEFINED:
                self._undefined(vr, tag, end, depth)
            elif vr == b"SQ":
                self._items(self._within(length, end), depth, delimited=False)
            else:
                self.file.seek(self._within(length, end))
        if until_item_end or self.file.tell() != end:
            raise Refused(CUT_OFF)

    def header(self, end: int) -> tuple[int, bytes, int]:
        """An element's tag, VR (empty when implicit) and length, the file left at its value."""
        self.seen += 1
        if self.seen > _MAX_ELEMENTS:
            raise Refused("This DICOM file has too many elements.")
        group, element = self._unpack("HH", 4, end)
        tag = group << 16 | element
        if not self.explicit or group == 0xFFFE:
            return tag, b"", self._unpack("L", 4, end)[0]
        vr = self._read(2, end)
        if vr in _LONG_VRS:
            self._read(2, end)
            return tag, vr, self._unpack("L", 4, end)[0]
        return tag, vr, self._unpack("H", 2, end)[0]

    def _undefined(self, vr: bytes, tag: int, end: int, depth: int) -> None:
        if tag >> 16 == 0x7FE0:  # encapsulated pixels: fragments, whose items hold no elements
            self._fragments(end)
        elif vr == b"UN":  # such a value is written as implicit little endian, whatever the file is
            inner = _Walk(self.file, explicit=False, order="<")
            inner.seen = self.seen
            inner._items(end, depth, delimited=True)
            self.seen = inner.seen
        else:
            self._items(end, depth, delimited=True)

    def _items(self, end: int, depth: int, *, delimited: bool) -> None:
        while self.file.tell() < end:
            tag, _, length = self.header(end)
            if tag == _SEQUENCE_END and delimited:
                return
            if tag != _ITEM:
                raise Refused(CUT_OFF)
            if length == _UNDEFINED:
                self.dataset(end, depth + 1, until_item_end=True)
            else:
                self.dataset(self._within(length, end), depth + 1)
        if delimited or self.file.tell() != end:
            raise Refused(CUT_OFF)

    def _fragments(self, end: int) -> None:
        while True:
            tag, _, length = self.header(end)
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM or length == _UNDEFINED:
                raise Refused(CUT_OFF)
            self.file.seek(self._within(length, end))

    def _within(self, length: int, end: int) -> int:
        after = self.file.tell() + length
        if after > end:
            raise Refused(CUT_OFF)
        return after

    def _unpack(self, form: str, size: int, end: int) -> tuple[int, ...]:
        return struct.unpack(self.order + form, self._read(size, end))

    def _read(self, size: int, end: int) -> bytes:
        data = self.file.read(size) if self.file.tell() + size <= end else b""
        if len(data) != size:
            raise Refused(CUT_OFF)
        return data

"""A file's bytes as blocks of whole lines in UTF-8, whatever they were written in; what is no text is told by line.

Nothing is ever unpacked, and no more than a block is held: a file may be larger than memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.errors import Invalid

BLOCK = 4 * 1024 * 1024
LONGEST_LINE = 256 * 1024
BOMS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "windows-1252": b""}
"""The encodings that are read, and what may stand before the text of each."""

_REPLACEMENT = "�".encode()
_LONGEST_BOM = 4
_NEWLINE, _QUOTE = 0x0A, 0x22

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines of a file: those that are text, and the numbers of those that are not.

    ``text`` holds whole lines in UTF-8, ``numbers`` the number of each in the file, counted from 1. ``broken`` has the
    numbers of lines to refuse by the code of the reason. ``end`` is how many bytes of the file were read so far.
    """

    text: bytes
    numbers: Places
    broken: dict[str, Places]
    end: int


def blocks_of(stream: BinaryIO, encoding: str, *, block: int = BLOCK) -> Iterator[Block]:
    """The file's lines, empty ones left out.

    The same bytes always give the same blocks.

    :param encoding: a key of :data:`BOMS`
    :raises Invalid: a line is longer than lines of measurements are
    """
    # More of a line than this is kept waiting for its end only until it is too long.
    carry, number, end = b"", 1, 0
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding.startswith("utf-16") else None
    first = True
    while True:
        # What stands before the text comes whole with the first read.
        read = _read(stream, max(block, _LONGEST_BOM) if first else block)
        end += len(read)
        if first:
            read, first = read.removeprefix(BOMS[encoding]), False
        is_last = len(read) == 0
        text = decoder.decode(read, is_last).encode("utf-8", "replace") if decoder else read
        whole, carry = _cut(carry + text, is_last)
        _refuse_long(carry, number + whole.count(b"\n"))
        if whole:
            made = _block(whole, number, encoding, end)
            yield made
            number += whole.count(b"\n")
        if is_last:
            return


def _read(stream: BinaryIO, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _cut(text: bytes, is_last: bool) -> tuple[bytes, bytes]:
    """Whole lines, and what begins the next one. Lines may also end as those of old Macs did."""
    if is_last:
        whole, rest = text + (b"" if text.endswith((b"\n", b"\r")) or not text else b"\n"), b""
    else:
        at = text.rfind(b"\n") + 1
        # A carriage return at the very end may have its line feed in the next block.
        at = at or text.rfind(b"\r", 0, -1) + 1
        whole, rest = text[:at], text[at:]
    if whole and b"\n" not in whole:
        whole = whole.replace(b"\r", b"\n")
    return whole, rest


def _refuse_long(part: bytes, number: int) -> None:
    if len(part) > LONGEST_LINE:
        raise Invalid(
            f"Line {number:,} is longer than {LONGEST_LINE // 1024} kB, so this is no table of measurements. "
            "Each row must stand on a line of its own."
        )


def _block(whole: bytes, first: int, encoding: str, end: int) -> Block:
    if encoding == "windows-1252":
        mixed = _places(_utf8_in(whole))
        whole = whole.decode("cp1252", "replace").encode()
    else:
        mixed = np.empty(0, dtype=np.int64)
    data = np.frombuffer(whole, dtype=np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    lengths = np.diff(ends, prepend=-1)
    if int(lengths.max(initial=0)) > LONGEST_LINE:
        _refuse_long(b" " * int(lengths.max()), first + int(lengths.argmax()))
    broken = _broken(whole, data, ends, encoding, mixed)
    bad = np.zeros(len(ends), dtype=np.bool_)
    for lines in broken.values():
        bad[lines] = True
    keep = ~bad & ~_empty(data, ends, lengths)
    text = whole if keep.all() else data[np.repeat(keep, lengths)].tobytes()
    numbers = first + np.flatnonzero(keep).astype(np.int64)
    return Block(text, numbers, {code: lines + first for code, lines in broken.items()}, end)


def _empty(data: NDArray[np.uint8], ends: Places, lengths: Places) -> NDArray[np.bool_]:
    before = data[np.maximum(ends - 1, 0)]
    empty: NDArray[np.bool_] = (lengths == 1) | ((lengths == 2) & (before == 0x0D))
    return empty


def _broken(whole: bytes, data: NDArray[np.uint8], ends: Places, encoding: str, mixed: Places) -> dict[str, Places]:
    """The places of the lines that are no text, by the reason; each line once, the worst reason first."""
    found: dict[str, Places] = {}
    if b"\0" in whole:
        found["NUL"] = _lines_at(np.flatnonzero(data == 0), ends)
    if encoding == "utf-8":
        wrong = _lines_at(_places(_not_utf8(whole)), ends)
    else:
        signs = _lines_at(_occurrences(whole, _REPLACEMENT), ends)
        # In lines as they were before: a line is a line in either encoding.
        wrong = np.union1d(signs, mixed)
    if len(wrong):
        found["ENCODING"] = wrong
    if b'"' in whole:
        quotes = np.searchsorted(np.flatnonzero(data == _QUOTE), ends)
        odd = np.flatnonzero(np.diff(quotes, prepend=0) % 2)
        if len(odd):
            found["QUOTES"] = odd
    told: Places = np.empty(0, dtype=np.int64)
    for code, lines in found.items():
        found[code] = np.setdiff1d(lines, told)
        told = np.union1d(told, lines)
    return {code: lines for code, lines in found.items() if len(lines)}


def _lines_at(places: Places, ends: Places) -> Places:
    return np.unique(np.searchsorted(ends, places)).astype(np.int64)


def _places(found: list[int]) -> Places:
    return np.array(found, dtype=np.int64)


def _not_utf8(whole: bytes) -> list[int]:
    """Where lines hold bytes that are no UTF-8; one place of each."""
    found: list[int] = []
    view, start = memoryview(whole), 0
    while start < len(whole):
        try:
            codecs.utf_8_decode(view[start:], "strict", True)
            break
        except UnicodeDecodeError as fault:
            found.append(start + fault.start)
            start = whole.find(b"\n", found[-1]) + 1 or len(whole)
    return found


def _utf8_in(whole: bytes) -> list[int]:
    """The places of lines that are UTF-8 beyond plain letters, where one byte should be one letter."""
    data = np.frombuffer(whole, dtype=np.uint8)
    if not (data >= 0x80).any():
        return []
    ends = np.flatnonzero(data == _NEWLINE)
    # First a cheap look: a leading byte with a following one behind it.
    likely = (data[:-1] >= 0xC2) & (data[:-1] <= 0xF4) & (data[1:] >= 0x80) & (data[1:] <= 0xBF)
    found = []
    for line in _lines_at(np.flatnonzero(likely), ends).tolist():
        begin = int(ends[line - 1]) + 1 if line else 0
        try:
            whole[begin : int(ends[line])].decode()
        except UnicodeDecodeError:
            continue
        found.append(line)
    return found


def _occurrences(whole: bytes, sign: bytes) -> Places:
    found, at = [], whole.find(sign)
    while at >= 0:
        found.append(at)
        at = whole.find(sign, whole.find(b"\n", at))
    return _places(found)

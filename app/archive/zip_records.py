"""The records of a zip file (PKWARE APPNOTE 6.3, sections 4.3 and 4.5), as bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_PLAIN_VERSION: Final = 20
_ZIP64_VERSION: Final = 45
_MADE_ON_UNIX: Final = 3 << 8
_REGULAR_FILE_644: Final = 0o100644 << 16
_NAME_IS_UTF8: Final = 0x0800
_DEFLATED: Final = 8
_STORED: Final = 0
_ZIP64_EXTRA: Final = 1
_FULL_32: Final = 0xFFFFFFFF
_FULL_16: Final = 0xFFFF

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64: Final = struct.Struct("<4sLQL")


@dataclass(frozen=True)
class Zip64From:
    """From which value on a number is written in zip64 form. Only a test has a reason to lower it."""

    length: int = _FULL_32
    members: int = _FULL_16


@dataclass(frozen=True)
class Entry:
    """What a local header and a central directory record say of one member."""

    name: bytes
    moment: tuple[int, int]
    crc32: int
    compressed_length: int
    raw_length: int
    header_offset: int
    stored: bool = False

    @property
    def method(self) -> int:
        return _STORED if self.stored else _DEFLATED


def dos_moment(moment: datetime) -> tuple[int, int]:
    """``(date, time)`` as zip keeps them, in UTC, to two seconds, clamped to the years 1980 to 2107.

    :raises ValueError: a moment without a time zone, which would be another moment on another host
    """
    if moment.utcoffset() is None:
        raise ValueError("the archive's time needs a time zone")
    earliest, latest = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)
    # Clamped first: converting a moment near year 1 or 9999 to UTC would overflow.
    utc = min(max(moment, earliest), latest).astimezone(UTC)
    date = (utc.year - 1980) << 9 | utc.month << 5 | utc.day
    return date, utc.hour << 11 | utc.minute << 5 | utc.second // 2


def local_header(entry: Entry, limits: Zip64From) -> bytes:
    """What stands before a member's data: complete, so that a streaming reader needs nothing else."""
    date, time = entry.moment
    large = _is_large(entry, limits)
    extra = _zip64_extra([entry.raw_length, entry.compressed_length]) if large else b""
    return (
        _LOCAL.pack(
            b"PK\x03\x04",
            _ZIP64_VERSION if large else _PLAIN_VERSION,
            _NAME_IS_UTF8,
            entry.method,
            time,
            date,
            entry.crc32,
            _FULL_32 if large else entry.compressed_length,
            _FULL_32 if large else entry.raw_length,
            len(entry.name),
            len(extra),
        )
        + entry.name
        + extra
    )


def central_record(entry: Entry, limits: Zip64From) -> bytes:
    """The member's record in the directory at the archive's end."""
    date, time = entry.moment
    large = _is_large(entry, limits)
    far = entry.header_offset >= limits.length
    numbers = [entry.raw_length, entry.compressed_length] if large else []
    if far:
        numbers.append(entry.header_offset)
    extra = _zip64_extra(numbers) if numbers else b""
    version = _ZIP64_VERSION if numbers else _PLAIN_VERSION
    return (
        _CENTRAL.pack(
            b"PK\x01\x02",
            _MADE_ON_UNIX | version,
            version,
            _NAME_IS_UTF8,
            entry.method,
            time,
            date,
            entry.crc32,
            _FULL_32 if large else entry.compressed_length,
            _FULL_32 if large else entry.raw_length,
            len(entry.name),
            len(extra),
            0,  # comment
            0,  # disk
            0,  # internal attributes
            _REGULAR_FILE_644,
            _FULL_32 if far else entry.header_offset,
        )
        + entry.name
        + extra
    )


def end_records(members: int, directory_offset: int, directory_length: int, limits: Zip64From) -> bytes:
    """What closes the archive: the zip64 end record and its locator when a number needs them, then the plain
    end."""
    large = members >= limits.members or max(directory_offset, directory_length) >= limits.length
    end = _END.pack(
        b"PK\x05\x06",
        0,
        0,
        _FULL_16 if large else members,
        _FULL_16 if large else members,
        _FULL_32 if large else directory_length,
        _FULL_32 if large else directory_offset,
        0,
    )
    if not large:
        return end
    end_64 = _END_64.pack(
        b"PK\x06\x06",
        _END_64.size - 12,
        _MADE_ON_UNIX | _ZIP64_VERSION,
        _ZIP64_VERSION,
        0,
        0,
        members,
        members,
        directory_length,
        directory_offset,
    )
    return end_64 + _LOCATOR_64.pack(b"PK\x06\x07", 0, directory_offset + directory_length, 1) + end


def _is_large(entry: Entry, limits: Zip64From) -> bool:
    return max(entry.raw_length, entry.compressed_length) >= limits.length


def _zip64_extra(numbers: list[int]) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", _ZIP64_EXTRA, 8 * len(numbers), *numbers)

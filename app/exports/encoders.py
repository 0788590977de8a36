"""How a file is written: JSON array, NDJSON or CSV, in pieces that join into one valid file.

An encoder is decided by its inputs alone: the same records give the same bytes on any worker.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

Row = Mapping[str, Any]
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A spreadsheet takes a cell for a formula when it begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Encoder(Protocol):
    """Writes one file. The file is ``head``, its records, ``tail``; ``record`` says whether it is the file's first."""

    def head(self) -> bytes: ...
    def record(self, row: Row, *, first: bool) -> bytes: ...
    def tail(self, *, empty: bool) -> bytes: ...


class JsonEncoder:
    """One JSON array, a record on each line."""

    def head(self) -> bytes:
        return b"["

    def record(self, row: Row, *, first: bool) -> bytes:
        return (b"\n" if first else b",\n") + orjson.dumps(row)

    def tail(self, *, empty: bool) -> bytes:
        return b"]\n" if empty else b"\n]\n"


class NdjsonEncoder:
    """A JSON object on each line."""

    def head(self) -> bytes:
        return b""

    def record(self, row: Row, *, first: bool) -> bytes:
        return orjson.dumps(row) + b"\n"

    def tail(self, *, empty: bool) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class CsvColumn:
    """``path`` leads to the value in a row; ``textual`` cells are guarded in files for spreadsheets, others never."""

    header: str
    path: tuple[str, ...]
    textual: bool = True


class CsvEncoder:
    """RFC 4180, UTF-8. ``for_spreadsheets`` adds a byte-order mark and a ``'`` before text that would run."""

    def __init__(self, columns: Sequence[CsvColumn], *, for_spreadsheets: bool) -> None:
        self._columns = columns
        self._guarded = for_spreadsheets

    def head(self) -> bytes:
        mark = BYTE_ORDER_MARK if self._guarded else b""
        return mark + _line(self._cell(column.header, textual=True) for column in self._columns)

    def record(self, row: Row, *, first: bool) -> bytes:
        return _line(self._cell(_value(row, column.path), textual=column.textual) for column in self._columns)

    def tail(self, *, empty: bool) -> bytes:
        return b""

    def _cell(self, value: Any, *, textual: bool) -> str:
        text = _text(value)
        if self._guarded and textual and text.startswith(_FORMULA):
            return f"'{text}"
        return text


def _value(row: Row, path: tuple[str, ...]) -> Any:
    value: Any = row
    for step in path:
        if isinstance(value, list):
            value = [one.get(step) for one in value if isinstance(one, Mapping)]
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return orjson.dumps(value).decode()
    if isinstance(value, list):
        return ";".join(_text(one) for one in value)
    return str(value)


def _line(cells: Iterable[str]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(list(cells))
    return buffer.getvalue().encode()

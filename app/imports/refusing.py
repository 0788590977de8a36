"""What is refused of a file: line, column, text and reason; counted by reason, the first kept, all put in a list."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.arrow import pa, pacsv, pc

FIRST = 100
_LONGEST_TEXT = 80

WORDS = {
    "ENCODING": "The line is not written in the encoding of the rest of the file. Save the file in one encoding.",
    "NUL": "The line holds a NUL byte, so it is no text.",
    "QUOTES": "A quotation mark is opened and not closed on the line.",
    "COLUMNS": "The line has more or fewer columns than the heading.",
    "NO_TIME": "The time is missing.",
    "TIME": "The time cannot be read in the way that was chosen.",
    "ZONE": "The time does not say in which zone it is, and none was chosen.",
    "TIME_RANGE": "The time lies outside the years 1900 to 2199.",
    "TIME_TWICE": "The clocks were turned back then, so this time was shown twice. Write it with its zone.",
    "TIME_NEVER": "The clocks were turned forward then, so this time was never shown.",
    "NO_DEVICE": "The device is missing.",
    "DEVICE": "There is no such device, or you may not see it.",
    "DEVICE_RIGHTS": "Your role does not let you change this device's records.",
    "NO_METRIC": "The metric is missing.",
    "METRIC": "Nothing of that name is measured by this device.",
    "NUMBER": "The value is not a number as they are written in this file. No sign may stand between its thousands.",
    "NOT_FINITE": "The value is not a finite number.",
    "TOO_LARGE": "The value is too large to be a measurement.",
    "BOOLEAN": "The value must be true or false (or 1 or 0).",
    "CONTRADICTION": "Another line before says something else for the same time and metric.",
}
"""Each reason in words, in the order in which they are told."""

_HEADING = b'"line","column","text","reason"\r\n'


@dataclass(frozen=True, slots=True)
class Refused:
    """Cells, or whole lines, refused for one reason. ``column`` is empty for whole lines."""

    code: str
    lines: NDArray[np.int64]
    column: str = ""
    texts: pa.StringArray | None = None


class Writable(Protocol):
    """Where the list of all goes."""

    def write(self, data: bytes, /) -> int: ...


@dataclass(slots=True)
class Told:
    """What was refused so far. ``first``: ``[line, column, text, code]`` of the first ones."""

    reasons: Counter[str] = field(default_factory=Counter)
    first: list[list[Any]] = field(default_factory=list)
    written: int = 0

    @property
    def count(self) -> int:
        return self.reasons.total()

    def tell(self, refused: list[Refused], into: Writable) -> None:
        """Count a block's refusals and write them to the list, by line."""
        refused = [one for one in refused if len(one.lines)]
        if not self.written:
            self.written = into.write(_HEADING)
        if not refused:
            return
        for one in refused:
            self.reasons[one.code] += len(one.lines)
        table = pa.concat_tables([_table(one) for one in refused]).sort_by([("line", "ascending")])
        if len(self.first) < FIRST:
            head = table.slice(0, FIRST - len(self.first))
            self.first += [list(row.values()) for row in head.to_pylist()]
        self.written += into.write(_csv(table))


def _table(one: Refused) -> pa.Table:
    count = len(one.lines)
    texts = pa.array([""] * count) if one.texts is None else pc.utf8_slice_codeunits(one.texts, 0, _LONGEST_TEXT)
    return pa.table(
        {
            "line": pa.array(one.lines),
            "column": pa.repeat(pa.scalar(one.column), count),
            "text": texts,
            "code": pa.repeat(pa.scalar(one.code), count),
        }
    )


def _csv(table: pa.Table) -> bytes:
    """As people open it in a spreadsheet: what begins like a formula is made a text."""
    codes = pc.dictionary_encode(table["code"].combine_chunks())
    words = pa.array([WORDS[code] for code in codes.dictionary.to_pylist()])
    table = table.set_column(3, "reason", words.take(codes.indices))
    for place in (1, 2):
        name = table.column_names[place]
        table = table.set_column(place, name, pc.replace_substring_regex(table[name], r"^([=+@\t\r-])", r"'\1"))
    sink = pa.BufferOutputStream()
    pacsv.write_csv(table, sink, pacsv.WriteOptions(include_header=False))
    written: bytes = sink.getvalue().to_pybytes().replace(b"\n", b"\r\n")
    return written

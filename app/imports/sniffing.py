"""What a file is, by its beginning: text or not, its encoding, what parts its columns, where its heading stands."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass

from app.errors import Invalid
from app.imports.lines import BOMS, LONGEST_LINE, blocks_of
from app.imports.mapping import DELIMITERS, Writing

SAMPLE = 1024 * 1024
MOST_COLUMNS = 500
_LINES_COUNTED = 60
_ROWS_SHOWN = 1000
_NO_TEXT = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"PK\x05\x06": "a ZIP archive",
    b"\x1f\x8b": "packed with gzip",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with Zstandard",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a database",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file's beginning. ``rows`` are its first ones below the heading, each with its line's number."""

    writing: Writing
    names: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def column(self, place: int) -> list[str]:
        """What stands in a column of the first rows, trimmed; empty cells left out."""
        texts = (row[place].strip() for _, row in self.rows if place < len(row))
        return [text for text in texts if text]


def look_at(head: bytes, size: int, wanted: Writing | None = None) -> Found:
    """Read the beginning of a file.

    :param head: its first :data:`SAMPLE` bytes, or all of it
    :param size: how many bytes it has
    :param wanted: how it is written as somebody chose it, instead of what it looks like
    :raises Invalid: it is no text, has no rows, or more columns than measurements have
    """
    encoding = wanted.encoding if wanted else encoding_of(head)
    _refuse_packed(head)
    lines = _lines(head, size, encoding)
    if not lines:
        raise Invalid("This file holds no text.")
    if wanted:
        delimiter, heading = wanted.delimiter, wanted.heading
    else:
        delimiter = delimiter_of(lines)
        heading = heading_of(lines, delimiter)
    rows = [(number, tuple(_cells(text, delimiter))) for number, text in lines]
    titles = next((cells for number, cells in rows if number == heading), ())
    below = [(number, cells) for number, cells in rows if number > heading][:_ROWS_SHOWN]
    if heading and not titles:
        raise Invalid(fields={"heading": f"Line {heading} is empty or not there."})
    if not below:
        raise Invalid("This file holds a heading and no rows, so there is nothing to take in.")
    width = len(titles) if heading else max(len(cells) for _, cells in below)
    _refuse_width(width)
    names = tuple((titles[place].strip() if heading else "")[:100] or f"Column {place + 1}" for place in range(width))
    return Found(Writing(encoding, delimiter, heading), names, tuple(below))


def encoding_of(head: bytes) -> str:
    """The encoding that a beginning looks like.

    :raises Invalid: it is no text
    """
    _refuse_packed(head)
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise Invalid("This file is written in UTF-32. Save it as UTF-8 and try again.")
    for name in ("utf-8", "utf-16-le", "utf-16-be"):
        if BOMS[name] and head.startswith(BOMS[name]):
            return name
    if b"\0" in head:
        return _wide(head)
    lines = head.split(b"\n")[:-1] or [head]
    foreign = [line for line in lines if not line.isascii()]
    is_utf8 = [_is_utf8(line) for line in foreign]
    # Letters of several bytes do not come about by chance: then other lines are the strange ones.
    return "utf-8" if not foreign or any(is_utf8) else "windows-1252"


def _wide(head: bytes) -> str:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 4
    if odd > half and not even:
        return "utf-16-le"
    if even > half and not odd:
        return "utf-16-be"
    raise Invalid("This file holds NUL bytes, so it is no text. Save it as CSV in UTF-8 and try again.")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_packed(head: bytes) -> None:
    for magic, words in _NO_TEXT.items():
        if head.startswith(magic):
            raise Invalid(f"This is no CSV file but {words}, whatever its name says. Save the table as CSV first.")


def whole_lines(head: bytes, size: int, encoding: str) -> bytes:
    """The beginning of a file up to the end of its last whole line.

    :raises Invalid: there is none: the first line is longer than lines of measurements are
    """
    if size <= len(head):
        return head
    cut = max(head.rfind(b"\n"), head.rfind(b"\r"))
    if cut < 0:
        raise Invalid(
            f"The first line is longer than {LONGEST_LINE // 1024} kB, so this is no table of measurements. "
            "Each row must stand on a line of its own."
        )
    return head[: cut + (2 if encoding == "utf-16-le" else 1)]


def _lines(head: bytes, size: int, encoding: str) -> list[tuple[int, str]]:
    """The whole lines of the beginning with their numbers."""
    found: list[tuple[int, str]] = []
    for block in blocks_of(io.BytesIO(whole_lines(head, size, encoding)), encoding):
        texts = block.text.decode("utf-8", "replace").split("\n")[:-1]
        found += zip(block.numbers.tolist(), (text.rstrip("\r") for text in texts), strict=True)
    return found


def delimiter_of(lines: list[tuple[int, str]]) -> str:
    """What parts the columns: the sign that most lines have equally often."""
    texts = [text for _, text in lines[:_LINES_COUNTED]]
    if texts[0].lower().startswith("sep=") and texts[0][4:5] in DELIMITERS:
        return texts[0][4:5]
    best, best_score = ",", (0.0, 0)
    for sign in ("\t", ";", ",", "|"):
        counts = Counter(len(_cells(text, sign)) for text in texts)
        counts.pop(1, None)
        if not counts:
            continue
        width, often = counts.most_common(1)[0]
        score = (round(often / len(texts), 2), width if sign != "," else 0)
        if score > best_score:
            best, best_score = sign, score
    return best


def heading_of(lines: list[tuple[int, str]], delimiter: str) -> int:
    """The number of the line with the columns' names: the first of the usual width; 0 when that one holds values."""
    told = (line for line in lines[:_LINES_COUNTED] if not line[1].lower().startswith("sep="))
    counted = [(number, _cells(text, delimiter)) for number, text in told]
    if not counted:
        return lines[0][0]
    width, _ = Counter(len(cells) for _, cells in counted).most_common(1)[0]
    number, cells = next((number, cells) for number, cells in counted if len(cells) == width)
    return 0 if any(_is_value(cell.strip()) for cell in cells) else number


def _is_value(cell: str) -> bool:
    signs = sum(sign.isdigit() for sign in cell)
    return signs > 0 and all(sign.isdigit() or sign in " .,:-+/TZeE" for sign in cell)


def _cells(text: str, delimiter: str) -> list[str]:
    if text.count(delimiter) >= MOST_COLUMNS:
        _refuse_width(text.count(delimiter) + 1)
    try:
        return next(csv.reader([text], delimiter=delimiter), [""])
    except csv.Error:
        return [text]


def _refuse_width(width: int) -> None:
    if width > MOST_COLUMNS:
        raise Invalid(
            f"This file has {width:,} columns; at most {MOST_COLUMNS} are read. "
            "Leave out the columns that are no measurements, or put each value on a row of its own."
        )

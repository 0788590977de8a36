"""CSV by RFC 4180: whole columns at once, lines ended by CR LF, no quotes unless a text needs them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from app.builder.formulas import guarded
from app.rows.arrow_text import text_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What app.builder.formulas says, for whole columns.
_FORMULA_PATTERN = "^[=+\\-@\t\r\n＝＋－＠]"
_NEEDS_QUOTES = '[",\r\n]'
_PLAIN = arrow_csv.WriteOptions(include_header=False, quoting_style="none", batch_size=16_384)


def header(names: Sequence[str], for_spreadsheets: bool) -> bytes:
    """The first line. For spreadsheets: after a byte-order mark, and harmless."""
    mark = BYTE_ORDER_MARK if for_spreadsheets else b""
    return mark + cells(names, for_spreadsheets).encode() + b"\r\n"


def cells(texts: Sequence[str], for_spreadsheets: bool) -> str:
    """A few cells with commas between them, quoted where they must be."""
    line = io.StringIO(newline="")
    # Python quotes a line end inside a text only when its own lines end so.
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow([guarded(text) if for_spreadsheets else text for text in texts])
    return line.getvalue().removesuffix("\r\n")


def numbers(columns: Sequence[Any]) -> bytes:
    """Lines of columns whose texts need no quotes; an absent value is an empty cell, numbers are as short as exact."""
    if not len(columns[0]):
        return b""
    written = io.BytesIO()
    names = [str(number) for number in range(len(columns))]
    arrow_csv.write_csv(pa.RecordBatch.from_arrays(list(columns), names=names), written, _PLAIN)
    return written.getvalue().replace(b"\n", b"\r\n")


def lines(columns: Sequence[Any]) -> memoryview:
    """Lines of ready cells (:func:`cells_of`), joined."""
    last = pc.binary_join_element_wise(columns[-1], "\r\n", "")
    joined = pc.binary_join_element_wise(*columns[:-1], last, ",") if len(columns) > 1 else last
    return text_of(joined)


def cells_of(column: Any, for_spreadsheets: bool, textual: bool) -> Any:
    """A column as the texts of its cells: quoted where RFC 4180 asks for it, empty where there is no value.

    :param textual: what a person wrote: only such cells are guarded for spreadsheets
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = pc.cast(column, pa.string())
    if textual and for_spreadsheets:
        runs = pc.match_substring_regex(column, _FORMULA_PATTERN)
        column = pc.if_else(runs, pc.binary_join_element_wise("'", column, ""), column)
    needs = pc.match_substring_regex(column, _NEEDS_QUOTES)
    if pc.any(needs).as_py():
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
        column = pc.if_else(needs, quoted, column)
    return pc.fill_null(column, "")

"""CSV by RFC 4180: whole columns at once, lines ended by CR LF, no quotes unless a text needs them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.builder.formulas import guarded
from app.builder.fragments import Bytes
from app.builder.number_text import number_text
from app.rows.arrow_text import text_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What app.builder.formulas says, for whole columns.
_FORMULA_PATTERN = "^[=+\\-@\t\r\n＝＋－＠]"
_EMPTY: dict[str, Any] = {"null_handling": "replace", "null_replacement": ""}
_NEEDS_QUOTES = '[",\r\n]'


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


def numbers(first: Any, columns: Sequence[NDArray[np.float64]]) -> Bytes:
    """Lines of numbers; an absent value is an empty cell, numbers are as short as exact.

    :param first: the column before them, whose texts need no quotes
    """
    return lines([first, *map(number_text, columns)])


def lines(columns: Sequence[Any]) -> memoryview:
    """Lines of ready cells (:func:`cells_of`), joined; what is null is an empty cell."""
    *others, last = columns
    ended = pc.binary_join_element_wise(last, "\r\n", "", **_EMPTY)
    return text_of(pc.binary_join_element_wise(*others, ended, ",", **_EMPTY) if others else ended)


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

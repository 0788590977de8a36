"""Lines parted into cells: a table of texts, and the lines that cannot be parted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.arrow import pa, pacsv, pc

Integers = NDArray[np.int64]


def table_of(
    text: bytes, lines: Integers, delimiter: str, width: int, used: Sequence[int]
) -> tuple[pa.Table, Integers, dict[str, Integers]]:
    """The cells of the used columns, the numbers of their lines, and the numbers of the lines that are refused.

    :param text: whole lines in UTF-8, none of them empty
    :param lines: the number of each in its file
    :param width: how many columns a line must have
    """
    table, wrong = _parsed(text, delimiter, width, used)
    # A line that is two for the parser could make up for one that a quotation mark swallowed.
    if table.num_rows + len(wrong) == len(lines) and text.count(b"\r") == text.count(b"\r\n"):
        return table, np.delete(lines, wrong), {"COLUMNS": lines[wrong]}
    # A quotation mark in a strange place swallowed lines, or a line holds two: then only plain lines are read.
    texts = text.split(b"\n")[: len(lines)]
    plain = _plain(texts, delimiter)
    quoted = np.array([b'"' in one for one in texts], dtype=np.bool_)
    refused = {"QUOTES": lines[~plain & quoted], "COLUMNS": lines[~plain & ~quoted]}
    kept = b"".join(one + b"\n" for one, is_plain in zip(texts, plain.tolist(), strict=True) if is_plain)
    lines = lines[plain]
    table, wrong = _parsed(kept, delimiter, width, used)
    refused["COLUMNS"] = np.union1d(refused["COLUMNS"], lines[wrong])
    return table, np.delete(lines, wrong), refused


def _parsed(text: bytes, delimiter: str, width: int, used: Sequence[int]) -> tuple[pa.Table, Integers]:
    """The cells, and the places of the lines with more or fewer columns."""
    names, wanted = [f"c{place}" for place in range(width)], [f"c{place}" for place in used]
    wrong: list[int] = []

    def note(row: pacsv.InvalidRow) -> str:
        wrong.append(row.number - 1)
        return "skip"

    if not text:
        return pa.table({name: pa.array([], pa.string()) for name in wanted}), np.zeros(0, dtype=np.int64)
    table = pacsv.read_csv(
        pa.BufferReader(text),
        # Rows are numbered only where one thread reads them.
        read_options=pacsv.ReadOptions(column_names=names, use_threads=False, block_size=len(text) + 1),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, invalid_row_handler=note, ignore_empty_lines=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), include_columns=wanted, strings_can_be_null=False
        ),
    )
    return table, np.array(wrong, dtype=np.int64)


def _plain(texts: Sequence[bytes], delimiter: str) -> NDArray[np.bool_]:
    """Which lines have quotation marks around cells alone, and no end of a line within."""
    sign = {"\t": r"\t", "|": r"\|"}.get(delimiter, delimiter)
    cell = rf'(?:[^"{sign}\r]*|"(?:[^"\r]|"")*")'
    matched = pc.match_substring_regex(pa.array(texts, pa.binary()).cast(pa.string()), rf"^{cell}(?:{sign}{cell})*\r?$")
    return np.asarray(matched.to_numpy(zero_copy_only=False), dtype=np.bool_)

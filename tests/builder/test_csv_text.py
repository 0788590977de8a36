"""CSV as a builder writes it: what Python's reader reads back is what was there, and a spreadsheet runs none of it."""

from __future__ import annotations

import csv
import io
import math
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.builder import csv_text
from app.builder.formulas import FORMULA, guarded
from app.measurements.batch import GREATEST

NASTY = "\",\r\n\t'=+-@＝＋－＠;\\ aü患🫀  \x00"
nasty_texts = st.text(st.one_of(st.sampled_from(NASTY), st.characters(exclude_categories=["Cs"])), max_size=12)
doubles = st.floats(-GREATEST, GREATEST, allow_nan=False, allow_infinity=False)


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(bytes(data).decode(), newline=""), strict=True))


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a b", "a b"),
        ("a,b", '"a,b"'),
        ('say "no"', '"say ""no"""'),
        ("two\nlines", '"two\nlines"'),
        ("two\r\nlines", '"two\r\nlines"'),
        ("\r", '"\r"'),
        ("tab\there", "tab\there"),
        ("=1+1", "=1+1"),
        ("患者,🫀", '"患者,🫀"'),
    ],
)
def test_a_text_is_quoted_only_where_rfc_4180_asks_for_it(text: str, cell: str) -> None:
    assert csv_text.cells_of(pa.array([text]), False, True).to_pylist() == [cell]


def test_an_absent_text_is_an_empty_cell() -> None:
    assert csv_text.cells_of(pa.array([None, "a,", None], pa.string()), True, True).to_pylist() == ["", '"a,"', ""]


@given(st.lists(st.tuples(nasty_texts, nasty_texts, nasty_texts), min_size=1, max_size=20))
def test_pythons_reader_reads_back_the_texts_that_were_written(rows: list[tuple[str, str, str]]) -> None:
    columns = [csv_text.cells_of(pa.array(column, pa.string()), False, True) for column in zip(*rows, strict=True)]
    assert read(bytes(csv_text.lines(columns))) == [list(row) for row in rows]


@given(st.lists(st.tuples(nasty_texts, nasty_texts), min_size=1, max_size=20))
def test_for_spreadsheets_every_text_that_would_run_has_an_apostrophe_and_no_other_has(
    rows: list[tuple[str, str]],
) -> None:
    columns = [csv_text.cells_of(pa.array(column, pa.string()), True, True) for column in zip(*rows, strict=True)]
    found = read(bytes(csv_text.lines(columns)))
    for row, cells in zip(rows, found, strict=True):
        assert cells == [f"'{text}" if text.startswith(FORMULA) else text for text in row]


@given(st.lists(nasty_texts, min_size=1, max_size=6), st.booleans())
def test_few_cells_and_whole_columns_are_written_alike(texts: list[str], guarded: bool) -> None:
    one_row = [csv_text.cells_of(pa.array([text], pa.string()), guarded, True) for text in texts]
    alone = len(texts) == 1 and texts[0] == ""
    expected = b'""' if alone else bytes(csv_text.lines(one_row)).removesuffix(b"\r\n")
    assert csv_text.cells(texts, guarded).encode() == expected


@pytest.mark.parametrize("sign", FORMULA)
def test_each_sign_that_begins_a_formula_is_known_to_both_ways_of_writing(sign: str) -> None:
    text = f"{sign}1+1"
    (written,) = csv_text.cells_of(pa.array([text]), True, True).to_pylist()
    assert next(csv.reader(io.StringIO(written, newline=""))) == [guarded(text)] == [f"'{text}"]


def test_what_no_person_wrote_is_not_guarded() -> None:
    assert csv_text.cells_of(pa.array([-1.5, 2.0]), True, False).to_pylist() == ["-1.5", "2"]
    assert csv_text.cells_of(pa.array(["-x"]), True, False).to_pylist() == ["-x"]


def test_a_header_for_spreadsheets_has_a_mark_and_does_not_run() -> None:
    assert csv_text.header(["timestamp", "=A", 'a "b", c'], False) == b'timestamp,=A,"a ""b"", c"\r\n'
    marked = csv_text.header(["timestamp", "=A", 'a "b", c'], True)
    assert marked == b"\xef\xbb\xbf" + b'timestamp,\'=A,"a ""b"", c"\r\n'


@given(st.lists(st.one_of(doubles, st.none()), min_size=1, max_size=50))
@example([-0.0, 0.0, 5e-324, -5e-324, 2.2250738585072014e-308, GREATEST, -GREATEST, 0.1, 1 / 3, 12345678901234567.0])
@example([1e15, 1e16, 1e17, 1e21, 1e22, 1e23, 1e-5, 1e-6, 1e-7, 9007199254740993.0])
def test_a_number_reads_back_as_the_same_number_to_the_last_bit(values: list[float | None]) -> None:
    places = pa.array([str(place) for place in range(len(values))])
    measured = np.array([math.nan if one is None else one for one in values])
    lines = read(csv_text.numbers(places, [measured]))
    assert [line[0] for line in lines] == [str(one) for one in range(len(values))]
    found = [float(line[1]) if line[1] else None for line in lines]
    assert [None if one is None else bits(one) for one in found] == [
        None if one is None else bits(one) for one in values
    ]


@given(doubles)
@example(0.1 + 0.2)
@example(-1.7976931348623157e200)
def test_a_number_is_as_short_as_it_can_be(value: float) -> None:
    def digits(text: str) -> str:
        return text.lower().partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")

    (line,) = read(csv_text.numbers(pa.array([""]), [np.array([value])]))
    assert digits(line[1]) == digits(repr(value))
    assert len(digits(line[1])) <= 17


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 83.0, -7.0, 2.0**53])
def test_a_whole_number_has_no_point(value: float) -> None:
    ((_, cell),) = read(csv_text.numbers(pa.array([""]), [np.array([value])]))
    assert "." not in cell or "e" in cell
    assert math.copysign(1, float(cell)) == math.copysign(1, value)


def test_lines_of_numbers_end_with_cr_lf_and_empty_columns_are_no_lines() -> None:
    assert bytes(csv_text.numbers(pa.array(["1", "2"]), [np.array([0.5, math.nan])])) == b"1,0.5\r\n2,\r\n"
    assert bytes(csv_text.numbers(pa.array([], pa.string()), [])) == b""
    assert bytes(csv_text.lines([pa.array(["a", ""]), pa.array(["", "b"])])) == b"a,\r\n,b\r\n"
    assert bytes(csv_text.lines([pa.array(["a", "b"])])) == b"a\r\nb\r\n"


def test_the_bytes_of_a_column_are_those_of_its_slice() -> None:
    column = pa.array(["zero", "one", "", None, "four"])
    assert bytes(csv_text.text_of(column)) == b"zeroonefour"
    assert bytes(csv_text.text_of(column[1:3])) == b"one"
    assert bytes(csv_text.text_of(column[:0])) == b""
    assert bytes(csv_text.text_of(pa.chunked_array([column[:2], column[4:]]))) == b"zeroonefour"
    assert bytes(csv_text.text_of(pa.chunked_array([], pa.string()))) == b""
    assert bytes(csv_text.text_of(pa.array(["large", "text"], pa.large_string()))) == b"largetext"
    assert bytes(csv_text.text_of(pa.array([None, None], pa.string()))) == b""

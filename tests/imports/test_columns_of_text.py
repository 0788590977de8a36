"""What stands in a file, column by column: encodings, lines, times, numbers, and what the columns probably are."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import Invalid
from app.imports import instants, numbers
from app.imports.devices import Measured
from app.imports.guessing import guess
from app.imports.lines import LONGEST_LINE, blocks_of
from app.imports.parsing import table_of
from app.imports.repeats import Seen
from app.imports.sniffing import SAMPLE, look_at

METRICS = [
    Measured("cd4", "CD4", "cells/µL", False),
    Measured("hr", "Heart rate", "1/min", False),
    Measured("worn", "Worn", None, True),
]


def lines_of(text: bytes, encoding: str, block: int = 1 << 20) -> tuple[dict[int, str], dict[str, list[int]]]:
    kept: dict[int, str] = {}
    broken: dict[str, list[int]] = {}
    for one in blocks_of(io.BytesIO(text), encoding, block=block):
        kept |= dict(zip(one.numbers.tolist(), one.text.decode().splitlines(), strict=True))
        for code, places in one.broken.items():
            broken.setdefault(code, []).extend(places.tolist())
    return kept, broken


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf-8", "utf-8-sig"), ("utf-16-le", "utf-16"), ("utf-16-be", "utf-16-be"), ("windows-1252", "cp1252")],
)
def test_lines_are_the_same_in_every_encoding_and_wherever_blocks_end(encoding: str, codec: str, block: int) -> None:
    text = "zeit;µ\r\n\r\n1;2\n3;ü"
    assert lines_of(text.encode(codec), encoding, block) == ({1: "zeit;µ", 3: "1;2", 4: "3;ü"}, {})


@pytest.mark.parametrize("block", [11, 1 << 20])
def test_lines_of_another_encoding_are_refused_by_their_numbers(block: int) -> None:
    text = "a,µ\n1,ü\n".encode() + "2,ü\n".encode("cp1252") + "3,µ\n".encode()
    assert lines_of(text, "utf-8", block) == ({1: "a,µ", 2: "1,ü", 4: "3,µ"}, {"ENCODING": [3]})
    kept, broken = lines_of("a,ü\n".encode("cp1252") + "1,ü\n".encode() + b"2,\x81\n3,4\n", "windows-1252", block)
    assert (kept, broken) == ({1: "a,ü", 4: "3,4"}, {"ENCODING": [2, 3]})


def test_a_nul_and_an_open_quotation_mark_cost_their_line_alone() -> None:
    assert lines_of(b'a,b\n1,\x002\n"2,3\n"4",5\n', "utf-8") == ({1: "a,b", 4: '"4",5'}, {"NUL": [2], "QUOTES": [3]})


def test_marks_in_strange_places_and_ends_within_lines_cost_their_line_alone() -> None:
    text = b'a,"b, c"\n1"2,"3\n4,5\n6,7\r8,9\n"x""y",1\n5,6,7\n'
    table, lines, refused = table_of(text, np.arange(1, 7), ",", 2, [0, 1])
    assert lines.tolist() == [1, 3, 5]
    assert table.column(1).to_pylist() == ["b, c", "5", "1"]
    assert {code: numbers_.tolist() for code, numbers_ in refused.items()} == {"QUOTES": [2], "COLUMNS": [4, 6]}


SWALLOWED = 'a"a,"\r\r   ""\n,",\r," \n ,\r,aa'
"""A quotation mark swallows a line here, and another line is two for the parser: together as many as there are."""


@given(text=st.text(alphabet='",\r\n1a ', max_size=30))
@example(text=SWALLOWED)
def test_whatever_stands_in_lines_each_gives_its_own_cells_or_is_refused(text: str) -> None:
    for block in blocks_of(io.BytesIO(text.encode()), "utf-8"):
        said = dict(zip(block.numbers.tolist(), block.text.decode().split("\n"), strict=False))
        table, lines, refused = table_of(block.text, block.numbers, ",", 2, [0, 1])
        told = lines.tolist() + [line for one in refused.values() for line in one.tolist()]
        assert sorted(told) == sorted(said)
        for line, *cells in zip(lines.tolist(), *(table.column(at).to_pylist() for at in (0, 1)), strict=True):
            own = next(csv.reader([said[line].removesuffix("\r")]))
            assert [cell.strip() for cell in cells] == [cell.strip() for cell in own]


def test_a_line_without_end_is_refused_before_it_is_read() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"7" * size

    endless = Endless()
    with pytest.raises(Invalid, match="Line 1 is longer than 256 kB"):
        list(blocks_of(endless, "utf-8", block=LONGEST_LINE))  # type: ignore[arg-type]
    assert endless.given <= 3 * LONGEST_LINE


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04rest", "a ZIP archive or an Excel workbook"),
        (b"\x1f\x8b\x08rest", "packed with gzip"),
        (b"time,a\n\x00\x01\x02", "holds NUL bytes"),
        (b"\xff\xfe\x00\x00t\x00\x00\x00", "UTF-32"),
        (b"", "no text"),
        (b"time,cd4\n", "a heading and no rows"),
        (b"7" * SAMPLE, "longer than 256 kB"),
        (b",".join(b"c%d" % n for n in range(100_000)) + b"\n1\n", "longer than 256 kB"),
        (b"," * 99_999 + b"\n1\n", "has 100,000 columns"),
    ],
)
def test_what_is_no_table_of_measurements_is_refused_with_words(head: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        look_at(head, len(head) if len(head) < SAMPLE else 10**9)


@pytest.mark.parametrize(
    ("text", "encoding", "delimiter", "heading", "kind", "decimal"),
    [
        ("time,CD4\n2024-03-01T08:00:00Z,1.5\n", "utf-8", ",", 1, "iso", "."),
        ("\ufeffZeit;CD4 [cells/µL]\n31.03.2024 14:05;36,5\n", "utf-8", ";", 1, "dmy", ","),
        ("sep=;\ntime;cd4\n1711893906;3\n", "utf-8", ";", 2, "epoch_s", "."),
        ("exported by nobody\n\ntime\tcd4\n1711893906250\t3\n1711893907250\t3\n", "utf-8", "\t", 3, "epoch_ms", "."),
        ("time,cd4\n03/31/2024 2:05 PM,3\n", "utf-8", ",", 1, "mdy", "."),
        ("time,cd4\n31/03/2024 14:05,3\n", "utf-8", ",", 1, "dmy", "."),
    ],
)
def test_how_a_file_is_written_is_seen(
    text: str, encoding: str, delimiter: str, heading: int, kind: str, decimal: str
) -> None:
    found = look_at(text.encode(), len(text.encode()))
    assert (found.writing.encoding, found.writing.delimiter, found.writing.heading) == (encoding, delimiter, heading)
    seen = guess(found, METRICS, several=False)
    assert (seen.columns.time, seen.columns.time_kind, seen.columns.decimal) == (0, kind, decimal)
    assert seen.columns.metrics == {1: "cd4"}


def test_day_and_month_that_could_be_either_are_not_guessed() -> None:
    text = b"time,cd4\n03/04/2024 10:00,3\n05/06/2024 11:00,4\n"
    seen = guess(look_at(text, len(text)), METRICS, several=False)
    assert (seen.ambiguous, seen.zoneless, seen.columns.time, seen.columns.time_kind) == (True, True, 0, None)


def test_a_column_that_names_metrics_makes_a_long_file() -> None:
    text = b"device,when,parameter,value,unit\nG,2024-03-01T08:00Z,Heart Rate,61,bpm\nG,2024-03-01T08:01Z,cd4,3,x\n"
    columns = guess(look_at(text, len(text)), METRICS, several=True).columns
    assert (columns.layout, columns.device, columns.time, columns.metric, columns.value) == ("long", 0, 1, 2, 3)


MOMENTS = st.integers(-2_208_900_000_000, 7_258_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
WRITTEN = {
    "iso": lambda known: known.isoformat(timespec="milliseconds"),
    "dmy": lambda known: known.strftime("%d.%m.%Y %H:%M:%S.") + f"{known.microsecond // 1000:03}",
    "mdy": lambda known: known.strftime("%m/%d/%Y %I:%M:%S.") + f"{known.microsecond // 1000:03} {known:%p}",
    "epoch_s": lambda known: f"{(known - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1):.3f}",
    "epoch_ms": lambda known: str((known - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)),
}


@given(moments=st.lists(MOMENTS, min_size=1, max_size=20), kind=st.sampled_from(list(WRITTEN)))
def test_every_kind_of_time_gives_the_instant_that_was_written(moments: list[datetime], kind: str) -> None:
    read = instants.times_of(pa.array([WRITTEN[kind](one) for one in moments]), kind, "UTC")
    assert read.states.tolist() == [instants.OK] * len(moments)
    assert read.ms.tolist() == [
        (one - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) for one in moments
    ]


@pytest.mark.parametrize(
    ("text", "kind"), [("2024-03-01 08", "iso"), ("2024-03-01T0805Z", "iso"), ("0x10", "epoch_s"), ("0X7b", "epoch_ms")]
)
def test_whether_a_time_is_read_does_not_hang_on_its_neighbours(text: str, kind: str) -> None:
    for column in ([text], [text, "2024-03-01T08:05:00Z"], [text, "1709280000"], [text, "never"]):
        assert instants.times_of(pa.array(column), kind, "UTC").states[0] == instants.UNREAD


def test_times_that_no_clock_showed_or_two_clocks_did_are_not_guessed() -> None:
    texts = ["2024-03-31T02:30", "2024-10-27T02:30", "2024-07-01T12:00", "2024-07-01T12:00+05:30", "2024-02-30T00:00"]
    read = instants.times_of(pa.array(texts), "iso", "Europe/Berlin")
    codes = [instants.CODES[state] for state in read.states.tolist()]
    assert codes == ["TIME_NEVER", "TIME_TWICE", "", "", "TIME"]
    assert read.ms[2:4].tolist() == [1719828000000, 1719815400000]
    alone = instants.times_of(pa.array(["2024-07-01T12:00", "", "9999-01-01T00:00Z", "2024-13-01T00:00Z"]), "iso", None)
    assert [instants.CODES[state] for state in alone.states.tolist()] == ["ZONE", "NO_TIME", "TIME_RANGE", "TIME"]


def test_numbers_are_read_as_they_are_written_in_that_file_and_no_other_way() -> None:
    point = ["1.5", "+2", "-.5", "1e3", "", "n/a", "1,5", "1 000", "NaN", "inf", "1e300", "abc", "0x10", "1e9999"]
    values, states = numbers.values_of(pa.array(point), ".")
    codes = [numbers.CODES[state] for state in states.tolist()]
    assert values[:4].tolist() == [1.5, 2, -0.5, 1000]
    assert codes[6:] == ["NUMBER", "NUMBER", "NOT_FINITE", "NOT_FINITE", "TOO_LARGE", "NUMBER", "NUMBER", "NOT_FINITE"]
    assert codes[:6] == [""] * 6
    values, states = numbers.values_of(pa.array(["1,5", "3", "1.5", "1.234,5", "-"]), ",")
    assert values[:2].tolist() == [1.5, 3]
    assert states.tolist() == [0, 0, numbers.UNREAD, numbers.UNREAD, numbers.EMPTY]
    values, states = numbers.booleans_of(pa.array(["Yes", "0", "false", "2", ""]))
    assert values[:3].tolist() == [1, 0, 0]
    assert states.tolist() == [0, 0, 0, numbers.NO_BOOLEAN, numbers.EMPTY]


@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 2), st.integers(0, 5), st.integers(0, 2)), max_size=40),
    block=st.integers(1, 40),
)
def test_the_first_of_several_values_counts_wherever_blocks_end(
    rows: list[tuple[int, int, int, int]], block: int
) -> None:
    held: dict[tuple[int, int, int], int] = {}
    expected = [0, 0, 0]
    for device, metric, time, value in rows:
        known = held.setdefault((device, metric, time), value)
        expected[2 if known != value else 1] += 1
    expected = [len(held), expected[1] - len(held), expected[2]]
    with tempfile.TemporaryFile() as spill:
        seen, found = Seen(spill), [0, 0, 0]
        for start in range(0, len(rows), block):
            columns = list(zip(*rows[start : start + block], strict=True))
            devices, metrics, times = (pa.array(one, pa.int64()).to_numpy() for one in columns[:3])
            sifted = seen.sift(
                devices, metrics, times, pa.array(columns[3], pa.float64()).to_numpy(zero_copy_only=False)
            )
            found = [found[0] + len(sifted.fresh), found[1] + sifted.repeats, found[2] + len(sifted.contradicts)]
    assert found == expected

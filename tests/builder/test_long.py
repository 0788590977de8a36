"""Measurements of many series as a report holds them: an object for each instant, or a row for each value."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from app.builder.fragments import Made
from app.builder.long import COLUMNS, make_long
from tests.builder.held import Held, Row, written

NOON = 1_700_000_000_000
METRICS = {"3": "cd4", "7": "lab.cd4", "9": '=we"ird,\\name\n患'}
SOURCES = {
    "1": {"sourceEntityId": "GLU-1", "patientId": None, "sessionId": None},
    "2": {"sourceEntityId": '=1+1,"x"', "patientId": "p-2", "sessionId": None},
    "5": {"sourceEntityId": None, "patientId": "p-2", "sessionId": "s-5"},
}


def long(**given: Any) -> dict[str, Any]:
    return {
        "make": "long",
        "slices": [{"series": [1, 2, 5], "from": NOON - 1_000, "to": NOON + 1_000}],
        "sources": SOURCES,
        "metrics": METRICS,
        "revision": 5,
        "descending": False,
        "format": "ndjson",
        "for_spreadsheets": False,
        "first": True,
        "last": True,
        **given,
    }


def made(rows: list[Row], **given: Any) -> tuple[bytes, Made]:
    fragment = make_long(Held(rows), long(**given))
    return written(fragment), fragment


def ordered(rows: list[Row], descending: bool) -> list[Row]:
    return sorted(rows, key=lambda row: (row[0], -row[1] if descending else row[1], row[2]))


def objects(rows: list[Row], descending: bool) -> list[dict[str, Any]]:
    """The plain way: one object after the other."""
    found: list[dict[str, Any]] = []
    last = None
    for series, time, metric, value in ordered(rows, descending):
        if last != (series, time):
            found.append({**SOURCES[str(series)], "timestamp": iso(time), "data": {}})
        found[-1]["data"][METRICS[str(metric)]] = value
        last = (series, time)
    return found


def iso(time: int) -> str:
    return f"2023-11-14T22:13:{20 + (time - NOON) // 1000:02}.{(time - NOON) % 1000:03}Z"


some_rows = st.dictionaries(
    st.tuples(st.sampled_from([1, 2, 5]), st.integers(NOON - 3, NOON + 3), st.sampled_from([3, 7, 9])),
    st.floats(-1e200, 1e200, allow_nan=False),
    max_size=40,
).map(lambda found: [(*key, value) for key, value in found.items()])


@given(some_rows, st.booleans(), st.sampled_from(["json", "ndjson"]))
def test_json_has_an_object_for_each_series_and_instant(rows: list[Row], descending: bool, form: str) -> None:
    data, fragment = made(rows, descending=descending, format=form)
    found = json.loads(data) if form == "json" else [json.loads(line) for line in data.splitlines()]
    assert found == objects(rows, descending)
    assert fragment.rows == len(rows)


@given(some_rows, st.booleans(), st.booleans())
def test_csv_has_a_row_for_each_value(rows: list[Row], descending: bool, guarded: bool) -> None:
    data, fragment = made(rows, descending=descending, format="csv", for_spreadsheets=guarded)
    header, *found = csv.reader(io.StringIO(data.decode("utf-8-sig" if guarded else "utf-8"), newline=""), strict=True)

    def cell(text: str | None) -> str:
        return f"'{text}" if guarded and text and text.startswith("=") else text or ""

    assert tuple(header) == COLUMNS
    assert [(*row[:5], float(row[5])) for row in found] == [
        (iso(time), *(cell(SOURCES[str(series)][name]) for name in COLUMNS[1:4]), cell(METRICS[str(metric)]), value)
        for series, time, metric, value in ordered(rows, descending)
    ]
    assert fragment.rows == len(rows)


@given(some_rows, st.booleans())
def test_parquet_has_a_row_for_each_value(rows: list[Row], descending: bool) -> None:
    data, fragment = made(rows, descending=descending, format="parquet")
    table = parquet.read_table(io.BytesIO(data))
    assert table.schema.field("timestamp").type == pa.timestamp("ms", tz="UTC")
    assert tuple(table.column_names) == COLUMNS
    found = list(zip(table["timestamp"].cast("int64").to_pylist(),
                     *(table[name].to_pylist() for name in COLUMNS[1:]), strict=True))  # fmt: skip
    assert found == [
        (time, *(SOURCES[str(series)][name] for name in COLUMNS[1:4]), METRICS[str(metric)], value)
        for series, time, metric, value in ordered(rows, descending)
    ]
    assert fragment.rows == len(rows)


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_fragments_join_to_the_file_that_is_made_in_one_piece(form: str) -> None:
    rows = [(series, NOON + at, 3, at / 4) for series in (1, 2, 5) for at in range(9)]
    whole, _ = made(rows, format=form)
    slices = [
        {"series": [1, 2], "from": NOON - 1_000, "to": NOON + 1_000},
        {"series": [5], "from": NOON - 1_000, "to": NOON},
        {"series": [5], "from": NOON, "to": NOON + 4},
        {"series": [5], "from": NOON + 4, "to": NOON + 1_000},
    ]
    pieces = [
        made(rows, format=form, slices=[one], first=place == 0, last=place == 3)[0] for place, one in enumerate(slices)
    ]
    assert b"".join(pieces) == whole
    assert made(rows, format=form, slices=slices)[0] == whole


@pytest.mark.parametrize(("form", "empty"), [("json", b"[]\n"), ("ndjson", b""), ("csv", b",".join(
    name.encode() for name in COLUMNS) + b"\r\n")])  # fmt: skip
@pytest.mark.parametrize("without", [{"slices": []}, {"metrics": {}}, {}])
def test_no_measurements_are_a_file_without_any(form: str, empty: bytes, without: dict[str, Any]) -> None:
    data, fragment = made([], format=form, **without)
    assert (data, fragment.rows) == (empty, 0)


def test_two_metrics_of_one_name_are_two_objects_so_that_neither_is_lost() -> None:
    rows = [(1, NOON, 3, 1.0), (1, NOON, 7, 2.0), (1, NOON, 9, 3.0), (1, NOON + 1, 7, 4.0)]
    data, fragment = made(rows, metrics={"3": "cd4", "7": "cd4", "9": "cd8"})
    found = [dict(json.loads(line, object_pairs_hook=list))["data"] for line in data.splitlines()]
    assert found == [[("cd4", 1.0), ("cd8", 3.0)], [("cd4", 2.0)], [("cd4", 4.0)]]
    assert fragment.rows == 4


@given(some_rows, st.booleans())
def test_whatever_metrics_share_a_name_every_value_is_in_some_object(rows: list[Row], descending: bool) -> None:
    data, _ = made(rows, descending=descending, metrics={"3": "cd4", "7": "cd4", "9": "cd4"})
    lines = [json.loads(line) for line in data.splitlines()]
    assert [(one["timestamp"], one["data"]["cd4"]) for one in lines] == [
        (iso(time), value) for _, time, _, value in ordered(rows, descending)
    ]

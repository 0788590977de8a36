"""A device's measurements as a row for each instant and a column for each metric, against a table made by hand."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from app.builder.fragments import Made
from app.builder.wide import make_wide
from tests.builder.held import Held, Row, written

METRICS = (7, 3, 9)
FIELDS = [
    {"name": "timestamp", "type": "instant", "unit": None},
    {"name": "Weight", "type": "number", "unit": "kg", "metric": "weight", "part": ""},
    {"name": "CD4", "type": "number", "unit": "cells/µL", "metric": "cd4", "part": "arm"},
    {"name": "CD8", "type": "number", "unit": None, "metric": "cd8", "part": ""},
]
NOON = 1_700_000_000_000


def wide(**given: Any) -> dict[str, Any]:
    return {
        "make": "wide",
        "series": [1, 2],
        "metrics": list(METRICS),
        "slices": [[NOON - 1_000, NOON + 1_000]],
        "revision": 5,
        "header": None,
        "timestamps": "EPOCH_MILLIS",
        "format": "csv",
        "for_spreadsheets": False,
        "fields": FIELDS,
        **given,
    }


def made(rows: list[Row], **given: Any) -> tuple[bytes, Made]:
    fragment = make_wide(Held(rows), wide(**given))
    return written(fragment), fragment


def table(rows: list[Row], recipe: dict[str, Any]) -> dict[int, list[float | None]]:
    """The plain way: of two series the first one's value, a row for each instant."""
    found: dict[int, list[float | None]] = {}
    for series, time, metric, value in sorted(rows, reverse=True):
        if series in recipe["series"] and metric in METRICS and recipe["slices"][0][0] <= time < recipe["slices"][0][1]:
            found.setdefault(time, [None] * len(METRICS))[METRICS.index(metric)] = value
    return found


rows_of_two_series = st.dictionaries(
    st.tuples(st.integers(1, 3), st.integers(NOON - 3, NOON + 3), st.sampled_from([*METRICS, 4])),
    st.floats(-1e200, 1e200, allow_nan=False),
    max_size=40,
).map(lambda found: [(*key, value) for key, value in found.items()])


@given(rows_of_two_series, st.integers(NOON - 4, NOON + 4), st.integers(1, 8))
def test_the_csv_is_the_table_of_instants_and_metrics(rows: list[Row], start: int, width: int) -> None:
    data, fragment = made(rows, slices=[[start, start + width]])
    expected = table(rows, wide(slices=[[start, start + width]]))
    lines = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert [int(line[0]) for line in lines] == sorted(expected)
    for line in lines:
        assert [float(cell) if cell else None for cell in line[1:]] == expected[int(line[0])]
    assert fragment.rows == sum(value is not None for row in expected.values() for value in row)


@given(rows_of_two_series)
def test_parquet_holds_the_same_table(rows: list[Row]) -> None:
    data, fragment = made(rows, format="parquet")
    found = parquet.read_table(io.BytesIO(data))
    expected = table(rows, wide())
    assert found["timestamp"].cast("int64").to_pylist() == sorted(expected)
    assert [list(row) for row in zip(*(found[name].to_pylist() for name in ("Weight", "CD4", "CD8")), strict=True)] == [
        expected[time] for time in sorted(expected)
    ]
    assert fragment.rows == sum(value is not None for row in expected.values() for value in row)


def test_slices_one_after_the_other_are_one_file() -> None:
    rows = [(1, NOON + at, METRICS[at % 3], float(at)) for at in range(-20, 20)]
    whole, one = made(rows)
    cut, several = made(rows, slices=[[NOON - 1_000, NOON - 5], [NOON - 5, NOON + 6], [NOON + 6, NOON + 1_000]])
    assert cut == whole
    assert one.rows == several.rows == 40


def test_of_two_series_at_one_instant_the_lower_ones_value_is_kept_and_counted_once() -> None:
    rows = [(2, NOON, 7, 20.0), (1, NOON, 7, 10.0), (2, NOON, 3, 30.0), (2, NOON + 1, 7, 40.0)]
    data, fragment = made(rows, series=[2, 1])
    assert data == f"{NOON},10,30,\r\n{NOON + 1},40,,\r\n".encode()
    assert fragment.rows == 3


def test_the_header_comes_first_and_only_where_it_is_asked_for() -> None:
    row = [(1, NOON, 3, -0.0)]
    assert made(row, header=["timestamp", "a,b", "=c", "d"])[0] == f'timestamp,"a,b",=c,d\r\n{NOON},,-0,\r\n'.encode()
    marked = made(row, header=["timestamp", "a", "=c", "d"], for_spreadsheets=True)[0]
    assert marked == f"\ufefftimestamp,a,'=c,d\r\n{NOON},,-0,\r\n".encode()
    assert made([], header=["timestamp"])[0] == b"timestamp\r\n"


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    "without",
    [
        {"series": []},
        {"metrics": [], "fields": FIELDS[:1]},
        {"slices": [[NOON + 999, NOON + 1_000]]},
        {"slices": []},
    ],
)
def test_nothing_to_write_is_an_empty_fragment(form: str, without: dict[str, Any]) -> None:
    data, fragment = made([(1, NOON, 7, 1.0)], format=form, **without)
    assert fragment.rows == 0
    if form == "csv":
        assert data == b""
    else:
        assert parquet.read_table(io.BytesIO(data)).num_rows == 0


def test_a_metric_that_nobody_measured_is_an_empty_column() -> None:
    data, _ = made([(1, NOON, 3, 1.5), (1, NOON + 1, 3, 2.5)], timestamps="ISO_8601")
    assert data == b"2023-11-14T22:13:20.000Z,,1.5,\r\n2023-11-14T22:13:20.001Z,,2.5,\r\n"
    typed = parquet.read_table(io.BytesIO(made([(1, NOON, 3, 1.5)], format="parquet")[0]))
    assert (typed["Weight"].null_count, typed["CD8"].null_count) == (1, 1)


def test_parquet_says_units_and_parts_and_what_instants_are() -> None:
    data, _ = made([(1, NOON, 3, 1.5)], format="parquet")
    schema = parquet.read_schema(io.BytesIO(data))
    assert schema.field("timestamp").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("CD4").metadata[b"unit"] == "cells/µL".encode()
    assert schema.field("CD4").metadata[b"part"] == b"arm"
    assert b"unit" not in (schema.field("CD8").metadata or {})
    in_ms = [{**FIELDS[0], "type": "integer"}, *FIELDS[1:]]
    counted = parquet.read_table(io.BytesIO(made([(1, NOON, 3, 1.5)], format="parquet", fields=in_ms)[0]))
    assert (counted["timestamp"].type, counted["timestamp"].to_pylist()) == (pa.int64(), [NOON])

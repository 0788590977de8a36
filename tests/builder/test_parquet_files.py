"""Parquet as a builder writes it: groups of rows for parallel readers, zstd, words in the fields, flat memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.builder.parquet import ROW_GROUP_ROWS, TYPES, file_of, schema_of, wide_file

FIELDS = [
    {"name": "timestamp", "type": "instant", "unit": None},
    {"name": "Weight", "type": "number", "unit": "kg", "label": 'Weight "net"'},
]


def parts(*lengths: int) -> Iterator[tuple[Any, list[Any]]]:
    start = 0
    for length in lengths:
        times = np.arange(start, start + length, dtype=np.int64)
        yield times, [pa.array(times / 4)]
        start += length


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([0], []),
        ([1], [1]),
        ([10, 0, 20], [30]),
        ([ROW_GROUP_ROWS], [ROW_GROUP_ROWS]),
        ([ROW_GROUP_ROWS - 1, 1, 5], [ROW_GROUP_ROWS, 5]),
        ([60_000] * 5, [180_000, 120_000]),
        ([300_000], [2 * ROW_GROUP_ROWS, 300_000 - 2 * ROW_GROUP_ROWS]),
    ],
)
def test_small_tables_are_gathered_into_groups_of_rows(lengths: list[int], groups: list[int]) -> None:
    file = parquet.ParquetFile(io.BytesIO(b"".join(wide_file(parts(*lengths), FIELDS))))
    found = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert [one for one in found if one] == groups
    assert file.read()["Weight"].to_pylist() == [number / 4 for number in range(sum(lengths))]


def test_a_file_is_given_out_while_it_is_written() -> None:
    taken: list[int] = []

    def watched() -> Iterator[tuple[Any, list[Any]]]:
        for number, part in enumerate(parts(*[ROW_GROUP_ROWS] * 3)):
            taken.append(number)
            yield part

    pieces = wide_file(watched(), FIELDS)
    assert next(pieces).startswith(b"PAR1")
    assert taken == [0]
    rest = list(pieces)
    assert taken == [0, 1, 2]
    assert rest[-1].endswith(b"PAR1")


def test_columns_are_packed_with_zstd_and_say_what_they_are() -> None:
    file = parquet.ParquetFile(io.BytesIO(b"".join(wide_file(parts(100), FIELDS))))
    group = file.metadata.row_group(0)
    assert {group.column(number).compression for number in range(group.num_columns)} == {"ZSTD"}
    assert group.column(0).statistics.has_min_max
    weight = file.schema_arrow.field("Weight")
    assert {key: value for key, value in weight.metadata.items() if not key.startswith(b"PARQUET")} == {
        b"unit": b"kg",
        b"label": b'Weight "net"',
    }
    assert file.schema_arrow.field("timestamp").type == pa.timestamp("ms", tz="UTC")


def test_the_same_rows_are_the_same_bytes() -> None:
    first, second = (b"".join(wide_file(parts(1_000, 7), FIELDS)) for _ in range(2))
    assert first == second


def test_every_type_that_a_column_may_have_is_read_back() -> None:
    values: dict[str, list[Any]] = {
        "string": ["a", None, ""],
        "integer": [1, None, -(2**63)],
        "number": [0.5, None, -0.0],
        "boolean": [True, None, False],
        "instant": [0, None, -2_208_988_800_000],
        "texts": [["a", ""], None, []],
        "category": ["a", None, "b"],
    }
    assert set(values) == set(TYPES)
    schema = schema_of([{"name": kind, "type": kind} for kind in values])
    arrays = [pa.array(values[kind], TYPES[kind]) for kind in values]
    found = parquet.read_table(io.BytesIO(b"".join(file_of(schema, [pa.Table.from_arrays(arrays, schema=schema)]))))
    assert found.schema.equals(schema)
    assert found.equals(pa.Table.from_arrays(arrays, schema=schema))


def test_tables_whose_categories_differ_are_one_column() -> None:
    schema = schema_of([{"name": "metric", "type": "category"}])
    tables = [
        pa.Table.from_arrays([pa.DictionaryArray.from_arrays(pa.array(at, pa.int32()), pa.array(words))], schema=schema)
        for at, words in (([0, 1, 0], ["a", "b"]), ([1, None], ["b", "c"]), ([0, 1], ["d", "d"]))
    ]
    found = parquet.read_table(io.BytesIO(b"".join(file_of(schema, tables))))
    assert found["metric"].to_pylist() == ["a", "b", "a", "c", None, "d", "d"]

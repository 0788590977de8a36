"""Columns out of parsed records: typed ones hold a value exactly or refuse it; cells of CSV never lose one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from app.builder.columns import UnfitValue, column_of, texts_of


def column(kind: str, *path: str, textual: bool = False) -> dict[str, Any]:
    return {"name": "x", "type": kind, "path": list(path or ("x",)), "textual": textual}


def rows(*values: Any) -> list[dict[str, Any]]:
    return [{} if value is ... else {"x": value} for value in values]


FITTING = [
    ("integer", [1, None, ..., -(2**63), 2**63 - 1], pa.int64()),
    ("number", [1, 2.5, None, -0.0, 1e300, 2**53], pa.float64()),
    ("boolean", [True, False, None], pa.bool_()),
    ("string", ["", "a", None, "患"], pa.string()),
    ("texts", [["a", "b"], [], None], pa.list_(pa.string())),
]


@pytest.mark.parametrize(("kind", "values", "arrow"), FITTING)
def test_a_column_holds_what_fits_its_type(kind: str, values: list[Any], arrow: Any) -> None:
    found = column_of(rows(*values), column(kind))
    assert found.type == arrow
    assert found.to_pylist() == [None if value is ... else value for value in values]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", 71.5),
        ("integer", "40"),
        ("integer", True),
        ("integer", 2**63),
        ("integer", [1]),
        ("integer", {"id": 1}),
        ("number", True),
        ("number", "1.5"),
        ("number", 2**53 + 1),
        ("number", [1.5]),
        ("boolean", 1),
        ("boolean", "true"),
        ("instant", "yesterday"),
    ],
)
@pytest.mark.parametrize("others", [[], [None], "fitting"])
def test_a_value_of_another_type_is_refused_in_words_never_bent(kind: str, value: Any, others: Any) -> None:
    fitting = {"integer": [4], "number": [0.5], "boolean": [False], "instant": ["2020-01-07T21:20:00.000Z"]}
    beside = fitting[kind] if others == "fitting" else others
    with pytest.raises(UnfitValue, match="A value of x does not fit the type of its column"):
        column_of(rows(*beside, value), column(kind))


def test_a_whole_number_with_a_point_is_that_integer() -> None:
    assert column_of(rows(5.0, 7, None), column("integer")).to_pylist() == [5, 7, None]


def test_instants_are_milliseconds_in_utc() -> None:
    found = column_of(rows("2020-01-07T21:20:00.001Z", None), column("instant"))
    assert found.type == pa.timestamp("ms", tz="UTC")
    assert found.to_pylist() == [datetime(2020, 1, 7, 21, 20, 0, 1_000, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("kind", "values", "cells"),
    [
        ("integer", [40, None, 41], ["40", "", "41"]),
        ("integer", [40, 71.5], ["40", "71.5"]),
        ("integer", [40, '=forty, and "one"'], ["40", '"=forty, and ""one"""']),
        ("integer", [True, 1], ["true", "1"]),
        ("integer", [2**63], ["9223372036854775808"]),
        ("number", [71.5, -1, None], ["71.5", "-1", ""]),
        ("number", [2**53 + 1], ["9007199254740993"]),
        ("number", [0.5, True], ["0.5", "true"]),
        ("boolean", [True, False, None], ["true", "false", ""]),
        ("boolean", [True, "maybe"], ["true", "maybe"]),
        ("texts", [["a", "b,c"], None, "alone", []], ["a", "", "alone", ""]),
        ("string", [{"id": "x"}, 5, [1, "a"]], ['"{""id"":""x""}"', "5", "1;a"]),
    ],
)
def test_a_cell_holds_its_value_whatever_the_type_of_its_column(kind: str, values: list[Any], cells: list[str]) -> None:
    if kind == "texts":
        cells = ['"a;b,c"', *cells[1:]]
    assert texts_of(rows(*values), column(kind), False).to_pylist() == cells


def test_only_what_people_wrote_is_guarded() -> None:
    assert texts_of(rows("=1", "-1"), column("string", textual=True), True).to_pylist() == ["'=1", "'-1"]
    assert texts_of(rows("=1", "-1"), column("string"), True).to_pylist() == ["=1", "-1"]
    assert texts_of(rows(-1, -2), column("integer"), True).to_pylist() == ["-1", "-2"]


def test_a_path_leads_through_objects_and_lists_of_them() -> None:
    found = [
        {"file": {"id": "a", "name": "A"}},
        {"file": [{"id": "b", "name": "B"}, {"id": "c"}]},
        {"file": "no object"},
        {},
    ]
    assert texts_of(found, column("texts", "file", "name"), False).to_pylist() == ["A", "B;", "", ""]
    assert column_of(found, column("texts", "file", "id")).to_pylist() == [["a"], ["b", "c"], None, None]

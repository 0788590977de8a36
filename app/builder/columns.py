"""Columns out of parsed records, a whole column at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import methodcaller
from typing import Any

import orjson
import pyarrow as pa

from app.builder import csv_text
from app.builder.formulas import guarded
from app.builder.parquet import TYPES

Rows = Sequence[Mapping[str, Any]]
_FITTING: dict[str, frozenset[type]] = {
    "integer": frozenset({int, float}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}
Column = Mapping[str, Any]
"""``{"name", "type", "path", "textual"}``: ``path`` leads to the value in a record; ``textual``: people wrote it."""


class UnfitValue(Exception):
    """A value that its column's type cannot hold."""


def column_of(rows: Rows, column: Column) -> Any:
    """A typed Arrow column.

    :raises UnfitValue: a value does not fit the type
    """
    found = _found(rows, column["path"])
    kind = TYPES[column["type"]]
    try:
        if column["type"] == "texts":
            return pa.array(list(map(_listed, found)), kind)
        if column["type"] == "string":
            return pa.array(list(map(_text, found)), kind)
        if column["type"] == "instant":
            return pa.array(found, pa.string()).cast(pa.timestamp("ms", tz="UTC"))
        return _exact(found, column["type"])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as fault:
        raise UnfitValue(f"A value of {column['name']} does not fit the type of its column.") from fault


def texts_of(rows: Rows, column: Column, for_spreadsheets: bool) -> Any:
    """The cells of a CSV column. A value of another type than its column's is written as it is, never lost."""
    found = _found(rows, column["path"])
    if column["type"] in _FITTING:
        try:
            return csv_text.cells_of(_exact(found, column["type"]), False, False)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            # A text among numbers may be one that a spreadsheet runs; a negative number is not.
            if for_spreadsheets:
                found = [guarded(value) if isinstance(value, str) else value for value in found]
    texts = pa.array(list(map(_text, found)), pa.string())
    return csv_text.cells_of(texts, for_spreadsheets, column["textual"])


def _exact(found: list[Any], name: str) -> Any:
    """The values as that type. Arrow by itself would cut 71.5 down to 71, and take yes for 1."""
    if not set(map(type, found)) - {type(None)} <= _FITTING[name]:
        raise pa.ArrowInvalid(f"not every value is of the type {name}")
    if name == "integer" and float in set(map(type, found)):
        return pa.array(found, pa.float64()).cast(pa.int64())
    return pa.array(found, TYPES[name])


def _found(rows: Rows, path: Sequence[str]) -> list[Any]:
    found: list[Any] = list(map(methodcaller("get", path[0]), rows))
    for step in path[1:]:
        found = [_step(value, step) for value in found]
    return found


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list):
        return [one.get(step) for one in value if isinstance(one, dict)]
    return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ";".join(_text(one) or "" for one in value)
    return orjson.dumps(value).decode()


def _listed(value: Any) -> list[str | None] | None:
    if value is None:
        return None
    return [_text(one) for one in value] if isinstance(value, list) else [_text(value)]

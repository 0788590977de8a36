"""Rows of numbers into a table, as each database takes them fastest: COPY, or executemany on SQLite."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from app.rows.instants import POSTGRESQL_EPOCH_MS

CHUNK = 50_000
Kind = Literal["integer", "instant", "double"]

_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_DTYPES: dict[str, Any] = {"integer": np.int64, "instant": np.int64, "double": np.float64}


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column to fill: 64-bit integers, instants (milliseconds since 1970) or doubles; none of them
    empty.
    """

    name: str
    kind: Kind
    values: NDArray[Any]


def insert_numbers(connection: Connection, table: str, columns: Sequence[NumberColumn]) -> None:
    """Insert the columns' rows in their order, within the connection's transaction.

    :param table: a name of ours, never a user's text
    :param columns: all of the same length; the table's columns are ``bigint``, ``timestamptz`` and ``double
        precision``
    """
    if not len(columns[0].values):
        return
    names = ", ".join(column.name for column in columns)
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)", columns)
        return
    marks = ", ".join("?" for _ in columns)
    for part in _parts(columns):
        rows = list(zip(*(column.values.tolist() for column in part), strict=True))
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608  # our own names


def selected_numbers(connection: Connection, query: str, kinds: Sequence[Kind]) -> list[NDArray[Any]]:
    """The columns of a SELECT as whole arrays; instants in milliseconds since 1970.

    :param query: SQL of ours
    :param kinds: what each column is; none of them may be empty in any row
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "postgresql":
        rows = driver.execute(query).fetchall()
        columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
        return [np.array(own, dtype=_DTYPES[kind]) for own, kind in zip(columns, kinds, strict=True)]
    with driver.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        written = b"".join(copy)
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for place, kind in enumerate(kinds):
        layout += [(f"length{place}", ">i4"), (f"field{place}", ">f8" if kind == "double" else ">i8")]
    records = np.frombuffer(written[len(_HEADER) : -len(_TRAILER)], dtype=layout)
    return [_selected(records[f"field{place}"], kind) for place, kind in enumerate(kinds)]


def _selected(field: NDArray[Any], kind: Kind) -> NDArray[Any]:
    own = field.astype(_DTYPES[kind])
    return own // 1000 + POSTGRESQL_EPOCH_MS if kind == "instant" else own


def _parts(columns: Sequence[NumberColumn]) -> Iterator[list[NumberColumn]]:
    for start in range(0, len(columns[0].values), CHUNK):
        yield [NumberColumn(c.name, c.kind, c.values[start : start + CHUNK]) for c in columns]


def _copy(connection: Connection, statement: str, columns: Sequence[NumberColumn]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for part in _parts(columns):
            copy.write(_binary(part))
        copy.write(_TRAILER)


def _binary(columns: Sequence[NumberColumn]) -> bytes:
    """COPY's binary rows: every field is eight bytes, so a row is a fixed record and an array of them is
    the text.
    """
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for place, column in enumerate(columns):
        layout += [(f"length{place}", ">i4"), (f"field{place}", ">f8" if column.kind == "double" else ">i8")]
    records = np.empty(len(columns[0].values), dtype=layout)
    records["fields"] = len(columns)
    for place, column in enumerate(columns):
        records[f"length{place}"] = 8
        records[f"field{place}"] = _field(column)
    return records.tobytes()


def _field(column: NumberColumn) -> NDArray[Any]:
    if column.kind == "instant":
        return (column.values - POSTGRESQL_EPOCH_MS) * 1000
    return column.values

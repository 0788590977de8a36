"""Rows out of PostgreSQL: COPY taken in blocks, and arrays that the server gathers for whole ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from operator import itemgetter, methodcaller
from typing import Any

import numpy as np
import psycopg
from psycopg.pq import ExecStatus

from app.rows.source import NO_VALUES, Range, SourceFault, Values, among, only, sorted_values

_SETTINGS = (
    "client_encoding = 'UTF8'",
    "standard_conforming_strings = on",
    "default_transaction_read_only = on",
    "TimeZone = 'UTC'",
    "DateStyle = 'ISO'",
    "extra_float_digits = 1",
    # These statements are short, and many: neither pays for itself.
    "jit = off",
    "max_parallel_workers_per_gather = 0",
)
_ROWS_AT_ONCE = 8_192
_COPY_DONE = (-1, b"")
_POSTGRESQL_EPOCH_MS = 946_684_800_000
_HEADER_BYTES = 19
_ARRAY_HEADER_BYTES = 20
_ELEMENT = np.dtype([("length", ">i4"), ("value", ">i8")])
_NONE = np.empty(0, dtype=np.int64)
_DOUBLE = np.dtype([("length", ">i4"), ("value", ">f8")])


class PostgreSQLSource:
    """See :class:`app.rows.source.Source`. Each statement is a transaction of its own."""

    def __init__(self, url: str) -> None:
        try:
            address = url.replace("postgresql+psycopg://", "postgresql://", 1)
            self._connection = psycopg.connect(address, autocommit=True)
            for setting in _SETTINGS:
                self._connection.execute(f"SET {setting}")
        except psycopg.Error as fault:
            raise SourceFault(str(fault)) from fault

    def values(self, wanted: Range) -> Values:
        if not wanted.series or not wanted.metrics:
            return NO_VALUES
        found = b"".join(self._copy(f"COPY ({_values_statement(wanted)}) TO STDOUT (FORMAT BINARY)"))
        times, metrics, values, *series = _arrays(found, 3 if len(wanted.series) == 1 else 4)
        if not series:
            series = [np.full(len(times), wanted.series[0])]
        found_values = sorted_values(series[0], times // 1000 + _POSTGRESQL_EPOCH_MS, metrics, values)
        return only(found_values, wanted.metrics)

    def records(self, statement: str, words: Mapping[str, Any]) -> bytes:
        return spliced(self.cells(statement))

    def cells(self, statement: str) -> bytes:
        found = b"".join(self._copy(f"COPY ({statement}) TO STDOUT"))
        # COPY's text form doubles backslashes; tabs and line ends cannot occur in what is asked for.
        return found.replace(b"\\\\", b"\\") if b"\\" in found else found

    def close(self) -> None:
        self._connection.close()

    def _copy(self, statement: str) -> Iterator[bytes]:
        """The answer in blocks of many rows. libpq gives a row at a time; no Python code runs for each."""
        raw = self._connection.pgconn
        try:
            begun = raw.exec_(statement.encode())
            if begun.status != ExecStatus.COPY_OUT:
                raise SourceFault(begun.error_message.decode(errors="replace"))
            rows = iter(partial(raw.get_copy_data, 0), _COPY_DONE)
            while block := b"".join(map(itemgetter(1), islice(rows, _ROWS_AT_ONCE))):
                yield block
            self._finish(raw)
        except psycopg.Error as fault:
            raise SourceFault(str(fault)) from fault

    def _finish(self, raw: Any) -> None:
        while (result := raw.get_result()) is not None:
            if result.status != ExecStatus.COMMAND_OK:
                raise SourceFault(result.error_message.decode(errors="replace"))


_INSIDE = itemgetter(slice(1, -1))
_IS_EMPTY = methodcaller("startswith", b"{}")


def spliced(page: bytes) -> bytes:
    """Lines of JSON objects with tabs between them, as lines of one object each. JSON holds no raw tab.

    Between two tabs lie the end of one object and the beginning of the next, so every piece loses its first and its
    last sign; no Python code runs for each.
    """
    pieces = page.split(b"\t")
    if len(pieces) == 1:
        return page
    if any(map(_IS_EMPTY, pieces[1:])):
        return page.replace(b"\t{}", b"").replace(b"}\t{", b",")
    inner = b",".join(map(_INSIDE, pieces[1:-1]))
    return b",".join((pieces[0][:-1], inner, pieces[-1][1:]) if len(pieces) > 2 else (pieces[0][:-1], pieces[-1][1:]))


def _values_statement(wanted: Range) -> str:
    """One row of four arrays: a row for each value would cost the most of the reading."""
    columns = "series_id, time, metric_id, value"
    several = "" if len(wanted.series) == 1 else ", array_agg(series_id)"
    of_series = f"= ANY ('{{{_listed(wanted.series)}}}'::bigint[])" if several else f"= {wanted.series[0]:d}"
    chosen = (
        f"series_id {of_series}"
        f" AND {among(wanted.metrics)}"
        f" AND time >= {_instant(wanted.start)} AND time < {_instant(wanted.end)} AND batch <= {wanted.revision:d}"
    )
    return (
        f"SELECT array_agg(time), array_agg(metric_id), array_agg(value){several}"  # noqa: S608  # whole numbers of ours
        f" FROM (SELECT {columns} FROM measurement WHERE {chosen}"
        f" UNION ALL SELECT {columns} FROM measurement_history"
        f" WHERE {chosen} AND superseded_by > {wanted.revision:d}) AS found"
    )


def _instant(milliseconds: int) -> str:
    return f"'{np.datetime64(milliseconds, 'ms')}Z'::timestamptz"


def _listed(numbers: tuple[int, ...]) -> str:
    return ",".join(f"{number:d}" for number in numbers)


def _arrays(found: bytes, how_many: int) -> list[Any]:
    """The arrays of COPY's one binary row; elements are never null and of eight bytes each."""
    place = _HEADER_BYTES + 2
    taken = []
    for number in range(how_many):
        kind = _DOUBLE if number == 2 else _ELEMENT
        length = int.from_bytes(found[place : place + 4], "big", signed=True)
        place += 4
        count = (length - _ARRAY_HEADER_BYTES) // kind.itemsize if length > _ARRAY_HEADER_BYTES else 0
        taken.append(np.frombuffer(found, kind, count, place + _ARRAY_HEADER_BYTES)["value"] if count else _NONE)
        place += max(length, 0)
    return taken

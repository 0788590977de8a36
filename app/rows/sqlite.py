"""Rows out of SQLite through ADBC, as Arrow. Only a builder's process may import this: see :mod:`app.builder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.rows.arrow_text import text_of
from app.rows.record_lines import lines_of
from app.rows.source import NO_VALUES, Range, SourceFault, Values, among, only, sorted_values

BATCH_ROWS = 65_536
BUSY_MS = 15_000
# ADBC takes a column's type from the first batch: a row of each type goes first, and is dropped again.
_SEED = (0, -1, 0.5)


class SQLiteSource:
    """See :class:`app.rows.source.Source`. Opened read-only; no transaction outlives a statement."""

    def __init__(self, url: str) -> None:
        path = url.partition(":///")[2]
        try:
            self._connection = adbc.connect(f"file:{quote(path)}?mode=ro", autocommit=True)
            self._run(f"PRAGMA busy_timeout={BUSY_MS}")
        except adbc_driver_manager.Error as fault:
            raise SourceFault(str(fault)) from fault

    def values(self, wanted: Range) -> Values:
        if not wanted.series or not wanted.metrics:
            return NO_VALUES
        table = self._run(_values_statement(wanted)).combine_chunks()
        times, metrics, values, *series = (column.to_numpy() for column in table.itercolumns())
        # UNION ALL gives the constant first; SQLite does so, SQL does not promise it.
        if (times[0], metrics[0], values[0]) != _SEED:
            raise SourceFault("SQLite did not give the typed row first")
        own = series[0] if series else np.full(len(times), wanted.series[0])
        return only(sorted_values(own[1:], times[1:], metrics[1:], values[1:]), wanted.metrics)

    def records(self, statement: str, words: Mapping[str, Any]) -> bytes:
        table = self._run(statement)
        return lines_of(table, words) if table.num_rows else b""

    def cells(self, statement: str) -> bytes:
        table = self._run(statement)
        if not table.num_rows:
            return b""
        columns = [pc.cast(column, pa.string()) for column in table.itercolumns()]
        last = pc.binary_join_element_wise(columns.pop(), "\n", "")
        lines = pc.binary_join_element_wise(*columns, last, "\t") if columns else last
        return bytes(text_of(lines))

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str) -> Any:
        try:
            with self._connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": BATCH_ROWS})
                cursor.execute(statement)
                return cursor.fetch_arrow_table()
        except adbc_driver_manager.Error as fault:
            raise SourceFault(str(fault)) from fault


def _values_statement(wanted: Range) -> str:
    """Current values and those corrected since, in one statement: between two, a value could move."""
    several = len(wanted.series) > 1
    of_series = f"IN ({', '.join(f'{number:d}' for number in wanted.series)})" if several else f"= {wanted.series[0]:d}"
    chosen = (
        f"series_id {of_series} AND {among(wanted.metrics)} AND time >= {wanted.start:d} AND time < {wanted.end:d}"
        f" AND batch <= {wanted.revision:d}"
    )
    columns = "time, metric_id, value" + (", series_id" if several else "")
    seed = "0 AS t, -1 AS m, 0.5 AS v" + (", -1 AS s" if several else "")
    return (
        f"SELECT {seed} UNION ALL SELECT {columns} FROM measurement WHERE {chosen}"  # noqa: S608  # whole numbers of ours
        f" UNION ALL SELECT {columns} FROM measurement_history"
        f" WHERE {chosen} AND superseded_by > {wanted.revision:d}"
    )

"""Rows out of SQLite through ADBC, as Arrow. Only a builder's process may import this: see :mod:`app.builder`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.rows.arrow_text import text_of
from app.rows.blocks import Grid
from app.rows.measured import COLUMNS, as_number, blocks_statement, rows_of
from app.rows.record_lines import NO_LINES, Lines, joined, lines_of
from app.rows.source import Range, SourceFault, Values, only, sorted_values
from app.rows.stretches import Gap, Sealed, Stretch, as_grids, as_values, stretches_of

BATCH_ROWS = 65_536
BLOCKS_AT_ONCE = 16
BUSY_MS = 15_000
# ADBC takes a column's type from the first batch: a row of each type goes first, and is dropped again.
_SEED = (0, -1, 0.5)
# CROSS JOIN keeps the order: for each stretch its rows, by the key of the table.
_JOIN = (
    f"SELECT {COLUMNS} FROM (SELECT column1 AS series, column2 AS start, column3 AS stop FROM {{gaps}}) AS gap"  # noqa: S608
    " CROSS JOIN {table} WHERE series_id = gap.series AND time >= gap.start AND time < gap.stop AND {chosen}"
)


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
        return as_values(self._stretches(wanted))

    def grids(self, wanted: Range) -> list[Grid]:
        return as_grids(self._stretches(wanted))

    def records(self, statement: str, words: Mapping[str, Any]) -> Lines:
        table = self._run(statement)
        return lines_of(table.columns, words) if table.num_rows else NO_LINES

    def cells(self, statement: str) -> bytes:
        table = self._run(statement)
        if not table.num_rows:
            return b""
        columns = [pc.cast(column, pa.string()) for column in table.itercolumns()]
        last = pc.binary_join_element_wise(columns.pop(), "\n", "")
        lines = pc.binary_join_element_wise(*columns, last, "\t") if columns else last
        return bytes(text_of(lines))

    def documents(self, statement: str) -> Lines:
        table = self._run(statement)
        return joined(table["id"], table["document"]) if table.num_rows else NO_LINES

    def close(self) -> None:
        self._connection.close()

    def _stretches(self, wanted: Range) -> list[Stretch]:
        return stretches_of(wanted, self._blocks, self._rows)

    def _blocks(self, wanted: Range) -> Iterator[Sealed]:
        statement = blocks_statement(wanted, as_number, "{}")
        for batch in self._batches(statement, BLOCKS_AT_ONCE):
            for series, start, stop, body in zip(*batch.columns, strict=True):
                yield Sealed(series.as_py(), start.as_py(), stop.as_py(), memoryview(body.as_buffer()))

    def _rows(self, wanted: Range, gaps: list[Gap]) -> Values:
        alone = len({gap.series for gap in gaps}) == 1
        columns = "time, metric_id, value" if alone else "time, metric_id, value, series_id"
        typed = ", ".join(map(str, _SEED if alone else (*_SEED, -1)))
        union = rows_of(wanted, gaps, as_number, _JOIN)
        statement = f"SELECT {typed} UNION ALL SELECT {columns} FROM ({union})"  # noqa: S608  # whole numbers of ours
        table = self._run(statement).combine_chunks()
        times, metrics, values, *series = (column.to_numpy() for column in table.itercolumns())
        # UNION ALL gives the constant first; SQLite does so, SQL does not promise it.
        if (times[0], metrics[0], values[0]) != _SEED:
            raise SourceFault("SQLite did not give the typed row first")
        own = series[0] if series else np.full(len(times), gaps[0].series)
        return only(sorted_values(own[1:], times[1:], metrics[1:], values[1:]), wanted.metrics)

    def _run(self, statement: str) -> Any:
        try:
            with self._connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": BATCH_ROWS})
                cursor.execute(statement)
                return cursor.fetch_arrow_table()
        except adbc_driver_manager.Error as fault:
            raise SourceFault(str(fault)) from fault

    def _batches(self, statement: str, rows_at_once: int) -> Iterator[Any]:
        try:
            with self._connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": rows_at_once})
                cursor.execute(statement)
                with cursor.fetch_record_batch() as reader:
                    yield from reader
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as fault:
            raise SourceFault(str(fault)) from fault

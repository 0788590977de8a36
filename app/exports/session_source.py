"""Rows for previews: a builder's source over this process's own connection, for a few records only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, bindparam, select

from app.measurements.times import epoch_ms
from app.models import Measurement
from app.models.types import from_milliseconds, to_milliseconds
from app.rows.blocks import Grid
from app.rows.record_lines import NO_LINES, Lines, lines_of
from app.rows.source import Range, Values, grids_of, sorted_values


class SessionSource:
    """See :class:`app.rows.source.Source`. Reads the newest state, inside the caller's transaction.

    :param most_values: of a range only so many values are read, the earliest
    """

    def __init__(self, connection: Connection, most_values: int) -> None:
        self._connection, self._most = connection, most_values

    def values(self, wanted: Range) -> Values:
        held = Measurement
        rows = self._connection.execute(
            select(held.series_id, epoch_ms(held.time), held.metric_id, held.value)
            .where(
                held.series_id.in_(wanted.series),
                # Written into the statement: a tenant may have more metrics than a statement has parameters.
                held.metric_id.in_(bindparam(None, list(wanted.metrics), expanding=True, literal_execute=True)),
                held.time >= from_milliseconds(wanted.start),
                held.time < from_milliseconds(wanted.end),
            )
            .order_by(held.series_id, held.time, held.metric_id)
            .limit(self._most)
        ).all()
        columns: Any = list(zip(*rows, strict=True)) or [()] * 4
        return sorted_values(*(np.array(column) for column in columns))

    def grids(self, wanted: Range) -> list[Grid]:
        return grids_of(self.values(wanted))

    def records(self, statement: str, words: Mapping[str, Any]) -> Lines:
        rows = self._rows(statement)
        if not rows:
            return NO_LINES
        *texts, created, updated = (list(column) for column in zip(*rows, strict=True))
        return lines_of([*map(_texts, texts), _instants(created), _instants(updated)], words)

    def cells(self, statement: str) -> bytes:
        return _lines(self._rows(statement))

    def documents(self, statement: str) -> Lines:
        rows = sorted(map(tuple, self._rows(statement)))
        return Lines(len(rows), ",\n".join(document for _, document in rows).encode())

    def _rows(self, statement: str) -> list[Sequence[Any]]:
        # Past SQLAlchemy and its parameters: a percent sign in the text is a percent sign.
        driver: Any = self._connection.connection.driver_connection
        cursor = driver.cursor()
        try:
            cursor.execute(statement)
            return list(cursor)
        finally:
            cursor.close()

    def close(self) -> None:
        """The connection is its owner's to close."""


def _texts(column: Sequence[Any]) -> Any:
    """Texts, and ids as texts, whichever way the driver tells them."""
    return pa.array([one.decode() if isinstance(one, bytes) else str(one) for one in column], pa.string())


def _instants(column: Sequence[Any]) -> Any:
    """Milliseconds, whichever way the driver tells an instant."""
    return pa.array([one if isinstance(one, int) else to_milliseconds(one) for one in column], pa.int64())


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()

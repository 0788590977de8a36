"""Where a builder's rows come from: one function, and behind it a module for each database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.rows.blocks import Grid, grid_of
from app.rows.record_lines import Lines

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]


class SourceFault(Exception):
    """The database did not give the rows; asking again may help. Its words are the driver's, for the log only."""


@dataclass(frozen=True, slots=True)
class Values:
    """Measurements as parallel arrays: series, milliseconds since 1970 (UTC), metric, value."""

    series: Integers
    times: Integers
    metrics: Integers
    values: Doubles

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Range:
    """Which measurements: of these series and metrics, in ``[start, end)`` ms, as they were at the revision."""

    series: tuple[int, ...]
    metrics: tuple[int, ...]
    start: int
    end: int
    revision: int


_NONE = np.empty(0, dtype=np.int64)
NO_VALUES = Values(_NONE, _NONE, _NONE, np.empty(0))


class Source(Protocol):
    """A read-only connection, for one thread."""

    def values(self, wanted: Range) -> Values:
        """The measurements of a range, sorted by series, time and metric.

        :raises SourceFault: the database did not answer
        """
        ...

    def grids(self, wanted: Range) -> list[Grid]:
        """The measurements of a range of a single series, as grids one after the other in time, none of them empty.

        :raises SourceFault: the database did not answer
        """
        ...

    def records(self, statement: str, words: Mapping[str, Any]) -> Lines:
        """Records as lines of JSON, in the order that the words say.

        :param statement: of :class:`app.rows.documents.PageStatements`
        :param words: of :func:`app.rows.documents.plain_words`
        :raises SourceFault: the database did not answer
        """
        ...

    def cells(self, statement: str) -> bytes:
        """Texts of a SELECT, as lines of cells with a tab between them. No cell holds a raw tab or line end.

        :param statement: SQL of ours, in the database's own words
        :raises SourceFault: the database did not answer
        """
        ...

    def documents(self, statement: str) -> Lines:
        """Ready documents in the order of their ids, with a comma and a line end between them, none at the end.

        :param statement: a SELECT of ``id`` and ``document``; of :mod:`app.rows.terms`
        :raises SourceFault: the database did not answer
        """
        ...

    def close(self) -> None: ...


def open_source(url: str) -> Source:
    """Connect for reading.

    :param url: a SQLAlchemy address: ``sqlite:////path`` or ``postgresql+psycopg://…``
    :raises SourceFault: the database does not answer
    """
    if url.startswith("sqlite"):
        from app.rows.sqlite import SQLiteSource

        return SQLiteSource(url)
    from app.rows.postgresql import PostgreSQLSource

    return PostgreSQLSource(url)


def among(metrics: tuple[int, ...]) -> str:
    """The condition that a metric is one of those, or at least near them: see :func:`only`.

    A stretch of numbers is a third quicker to ask for than a list, and a template's metrics mostly are one.
    """
    if metrics and max(metrics) - min(metrics) < 2 * len(metrics):
        return f"metric_id BETWEEN {min(metrics):d} AND {max(metrics):d}"
    return f"metric_id IN ({', '.join(f'{number:d}' for number in metrics) or 'NULL'})"


def only(found: Values, metrics: tuple[int, ...]) -> Values:
    """The values of those metrics alone; for what :func:`among` let in besides."""
    if max(metrics, default=0) - min(metrics, default=0) + 1 == len(set(metrics)):
        return found
    own = np.isin(found.metrics, metrics)
    if own.all():
        return found
    return Values(found.series[own], found.times[own], found.metrics[own], found.values[own])


def sorted_values(series: Any, times: Any, metrics: Any, values: Any) -> Values:
    """Values in the order of their keys; sorted only when they are not already."""
    found = Values(
        np.asarray(series, dtype=np.int64),
        np.asarray(times, dtype=np.int64),
        np.asarray(metrics, dtype=np.int64),
        np.asarray(values, dtype=np.float64),
    )
    if _rises(found):
        return found
    order = np.lexsort((found.metrics, found.times, found.series))
    return Values(found.series[order], found.times[order], found.metrics[order], found.values[order])


def grids_of(found: Values) -> list[Grid]:
    """The values of a single series as one grid, or none. Of several series: each (time, metric) once."""
    return [grid_of(found.times, found.metrics, found.values)] if len(found) else []


def _rises(found: Values) -> bool:
    series, times, metrics = found.series, found.times, found.metrics
    within = times[1:] > times[:-1]
    within |= (times[1:] == times[:-1]) & (metrics[1:] >= metrics[:-1])
    if not len(series) or series.min() == series.max():
        return bool(within.all())
    within &= series[1:] == series[:-1]
    return bool((within | (series[1:] > series[:-1])).all())

"""Time series of one device: a row for each instant, a column for each metric."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.builder import csv_text, parquet
from app.builder.fragments import Bytes, Made, Recipe
from app.rows.instants import iso_text
from app.rows.source import Range, Source, Values

_CELLS_AT_ONCE = 4_000_000
"""Where each value has an instant of its own, a table is nearly empty, and its size is instants times metrics."""


def make_wide(source: Source, recipe: Recipe) -> Made:
    """A fragment of a device's file.

    ``series``, ``metrics`` (in the order of the columns) and ``revision`` choose the values, in the ``slices``
    ``[[from, to), …]`` of time (ms) one after the other; ``header`` is given with the first fragment of a CSV;
    ``timestamps`` is ``ISO_8601`` or ``EPOCH_MILLIS``; ``fields`` describe the columns of Parquet. Rows count values.
    Of two series that hold a value of one metric at one instant the first one's is kept: a file has one row for an
    instant.
    """
    made = Made()
    slices = _slices(source, recipe, made)
    made.pieces = parquet.wide_file(slices, recipe["fields"]) if recipe["format"] == "parquet" else _csv(slices, recipe)
    return made


def _csv(slices: Iterator[tuple[NDArray[np.int64], list[Any]]], recipe: Recipe) -> Iterator[Bytes]:
    if recipe.get("header"):
        yield csv_text.header(recipe["header"], recipe["for_spreadsheets"])
    for times, columns in slices:
        first = iso_text(times) if recipe["timestamps"] == "ISO_8601" else pa.array(times)
        yield csv_text.numbers([first, *columns])


def _slices(source: Source, recipe: Recipe, made: Made) -> Iterator[tuple[NDArray[np.int64], list[Any]]]:
    series, metrics = tuple(recipe["series"]), tuple(recipe["metrics"])
    for start, end in recipe["slices"] if series and metrics else ():
        found = _of_instants(source.values(Range(series, metrics, start, end, recipe["revision"])))
        made.rows += len(found)
        yield from (_pivoted(some, metrics) for some in _in_runs(found, max(1, _CELLS_AT_ONCE // len(metrics))))


def _in_runs(found: Values, most: int) -> Iterator[Values]:
    """The values in runs of at most so many instants."""
    begins = np.flatnonzero(np.append(True, found.times[1:] != found.times[:-1]) if len(found) else [])[most::most]
    for start, end in pairwise([0, *begins.tolist(), len(found)]):
        own = slice(start, end)
        yield Values(found.series[own], found.times[own], found.metrics[own], found.values[own])


def _of_instants(found: Values) -> Values:
    """In the order of instants, whichever series they are of; each (instant, metric) once."""
    if not len(found) or found.series[0] == found.series[-1]:
        return found
    order = np.lexsort((found.series, found.metrics, found.times))
    times, metrics = found.times[order], found.metrics[order]
    keep = np.ones(len(order), dtype=np.bool_)
    keep[1:] = (times[1:] != times[:-1]) | (metrics[1:] != metrics[:-1])
    kept = order[keep]
    return Values(found.series[kept], times[keep], metrics[keep], found.values[kept])


def _pivoted(found: Values, metrics: tuple[int, ...]) -> tuple[NDArray[np.int64], list[Any]]:
    """The instants, and for each metric an Arrow column of its values there, null where there is none."""
    begins = np.ones(len(found), dtype=np.bool_)
    begins[1:] = found.times[1:] != found.times[:-1]
    row = np.cumsum(begins) - 1
    times = found.times[begins]
    columns = []
    for metric in metrics:
        own = found.metrics == metric
        at = row[own]
        if len(at) == len(times):
            columns.append(pa.array(found.values[own]))
            continue
        values, absent = np.zeros(len(times)), np.ones(len(times), dtype=np.bool_)
        values[at], absent[at] = found.values[own], False
        columns.append(pa.array(values, mask=absent))
    return times, columns

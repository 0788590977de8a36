"""Time series of one device: a row for each instant, a column for each metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from app.builder import csv_text, parquet
from app.builder.fragments import Bytes, Made, Recipe
from app.rows.blocks import Grid, joined
from app.rows.instants import iso_text
from app.rows.source import Doubles, Integers, Range, Source, Values, grids_of

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
    if recipe["format"] == "parquet":
        # What is not a number was not measured.
        arrays = ((times, [pa.array(own, from_pandas=True) for own in columns]) for times, columns in slices)
        made.pieces = parquet.wide_file(arrays, recipe["fields"])
    else:
        made.pieces = _csv(slices, recipe)
    return made


def _csv(slices: Iterator[tuple[Integers, list[Doubles]]], recipe: Recipe) -> Iterator[Bytes]:
    if recipe.get("header"):
        yield csv_text.header(recipe["header"], recipe["for_spreadsheets"])
    for times, columns in slices:
        first = iso_text(times) if recipe["timestamps"] == "ISO_8601" else pa.array(times).cast(pa.string())
        yield csv_text.numbers(first, columns)


def _slices(source: Source, recipe: Recipe, made: Made) -> Iterator[tuple[Integers, list[Doubles]]]:
    """Instants, and for each metric its values there; NaN where there is none."""
    series, metrics = tuple(recipe["series"]), tuple(recipe["metrics"])
    for start, end in recipe["slices"] if series and metrics else ():
        grids = _grids(source, Range(series, metrics, start, end, recipe["revision"]))
        for run in _in_runs(grids, max(1, _CELLS_AT_ONCE // len(metrics))):
            times, columns = joined(run, metrics)
            made.rows += sum(len(own) - int(np.count_nonzero(np.isnan(own))) for own in columns)
            yield times, columns


def _grids(source: Source, wanted: Range) -> list[Grid]:
    if len(wanted.series) == 1:
        return source.grids(wanted)
    return grids_of(_of_instants(source.values(wanted)))


def _in_runs(grids: Sequence[Grid], most: int) -> Iterator[list[Grid]]:
    """The grids in runs of so many instants, the last of fewer; wherever one grid ends and the next begins."""
    run: list[Grid] = []
    room = most
    for grid in grids:
        place = 0
        while place < len(grid):
            taken = min(room, len(grid) - place)
            run.append(grid.cut(place, place + taken))
            place, room = place + taken, room - taken
            if not room:
                yield run
                run, room = [], most
    if run:
        yield run


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

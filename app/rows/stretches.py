"""A range of measurements put together: sealed blocks where there are any, single rows for the rest.

A block holds the state of its stretch of time at every revision from its own on, for as long as it exists: whoever
changes anything there takes it away in the same transaction. The state at a revision never changes. So blocks may be
looked for in one statement and the rows of what they leave over in the next: each stretch comes from one of the two.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from app.rows.blocks import DamagedBlock, Grid, decoded
from app.rows.source import NO_VALUES, Range, Values, grids_of

log = logging.getLogger(__name__)

_LITTLE = 2


class Sealed(NamedTuple):
    """A block as the database gives it. ``start`` and ``stop`` are milliseconds."""

    series: int
    start: int
    stop: int
    body: bytes | memoryview


class Gap(NamedTuple):
    """A stretch of a series that no block covers: its rows are read."""

    series: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found of a series from ``start`` on: either ready columns or single values."""

    series: int
    start: int
    found: Grid | Values


def stretches_of(
    wanted: Range,
    blocks: Callable[[Range], Iterable[Sealed]],
    rows: Callable[[Range, list[Gap]], Values],
) -> list[Stretch]:
    """A range, by series and time: what blocks hold of it, and the rows of what they leave over.

    :param blocks: those that meet the range, of its revision or an earlier one; by series and start
    :param rows: the values of gaps, sorted by series, time and metric
    """
    if not wanted.series or not wanted.metrics:
        return []
    of_blocks, gaps = _sealed(wanted, blocks(wanted))
    found = rows(wanted, gaps) if gaps else NO_VALUES
    if not of_blocks:
        # Of several series perhaps; whoever asks for grids asks for one.
        return [Stretch(wanted.series[0], wanted.start, found)]
    of_rows = [Stretch(gap.series, gap.start, own) for gap in gaps if len(own := _within(found, gap))]
    return sorted(of_blocks + of_rows, key=attrgetter("series", "start"))


def _sealed(wanted: Range, blocks: Iterable[Sealed]) -> tuple[list[Stretch], list[Gap]]:
    """What blocks hold of a range, and what they leave over. One that is damaged is logged, and left to the rows."""
    stretches, spans = [], []
    for block in blocks:
        try:
            grid = decoded(block.body, block.series, block.start, block.stop)
        except DamagedBlock:
            log.warning("the sealed block of series %d at %d is damaged; rows are read", block.series, block.start)
            continue
        start = max(wanted.start, block.start)
        spans.append(Gap(block.series, start, min(wanted.end, block.stop)))
        own = grid.between(wanted.start, wanted.end).only(wanted.metrics)
        if len(own):
            # A little of a big block must not keep all of it in memory.
            own = own.copied() if own.nbytes * _LITTLE < len(block.body) else own
            stretches.append(Stretch(block.series, start, own))
    return stretches, list(_left_over(wanted, spans))


def as_values(stretches: Iterable[Stretch]) -> Values:
    """Single values, sorted by series, time and metric."""
    own = [_values_of(one) for one in stretches]
    if len(own) < 2:
        return own[0] if own else NO_VALUES
    names = ("series", "times", "metrics", "values")
    return Values(*(np.concatenate([getattr(one, name) for one in own]) for name in names))


def as_grids(stretches: Iterable[Stretch]) -> list[Grid]:
    """Grids one after the other in time, of a single series."""
    return [grid for one in stretches for grid in ([one.found] if isinstance(one.found, Grid) else grids_of(one.found))]


def _values_of(stretch: Stretch) -> Values:
    if isinstance(stretch.found, Values):
        return stretch.found
    times, metrics, values = stretch.found.triples()
    return Values(np.full(len(times), stretch.series, dtype=np.int64), times, metrics, values)


def _left_over(wanted: Range, spans: list[Gap]) -> Iterator[Gap]:
    covered = {series: list(own) for series, own in groupby(spans, attrgetter("series"))}
    for series in sorted(set(wanted.series)):
        place = wanted.start
        for span in covered.get(series, ()):
            if place < span.start:
                yield Gap(series, place, span.start)
            place = max(place, span.stop)
        if place < wanted.end:
            yield Gap(series, place, wanted.end)


def _within(rows: Values, gap: Gap) -> Values:
    first, last = np.searchsorted(rows.series, (gap.series, gap.series + 1))
    begin, end = first + np.searchsorted(rows.times[first:last], (gap.start, gap.stop))
    own = slice(begin, end)
    return Values(rows.series[own], rows.times[own], rows.metrics[own], rows.values[own])

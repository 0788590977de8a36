"""Grids: a stretch of one series' values as columns over shared instants; and the bytes in which they are sealed.

A sealed block's bytes, all numbers little-endian and each array beginning at a multiple of eight bytes::

    head       magic and version, CRC-32 of everything after it, series, start, stop, how many instants and metrics
    directory  for each metric in ascending order: its id, how many values, 1 where it says at which instants
    times      milliseconds since 1970, rising
    for each metric, either a double for every instant, NaN where there is none, or for a metric that is absent from
    most instants the numbers of its instants (32 bits each, padded to eight bytes) and then its values
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]
Places = NDArray[np.uint32]

_HEAD = struct.Struct("<4sIqqqqq")
_SIGN = b"CSB\x01"
"""Three signs and the version: bytes of another version are refused like damaged ones."""
_CHECKED_FROM = 8
_ENTRY = np.dtype([("metric", "<i8"), ("count", "<i8"), ("placed", "<i8")])


class DamagedBlock(Exception):
    """The bytes are not the block that they should be: torn, altered, of another place or another version."""


@dataclass(frozen=True, slots=True)
class Column:
    """Values of a metric: one for each instant, NaN where it is absent; or with ``places``, for those instants alone.

    A measured value is never NaN: none is taken in.
    """

    values: Doubles
    places: Places | None = None

    def between(self, begin: int, end: int) -> Column:
        """The column of the instants from ``begin`` to before ``end``."""
        if self.places is None:
            return Column(self.values[begin:end])
        first, last = np.searchsorted(self.places, (begin, end))
        return Column(self.values[first:last], self.places[first:last] - np.uint32(begin))

    def spread(self, instants: int) -> Doubles:
        """A value for each of so many instants, NaN where there is none."""
        if self.places is None:
            return self.values
        whole = np.full(instants, np.nan)
        whole[self.places] = self.values
        return whole

    def present(self, instants: int) -> NDArray[np.bool_]:
        if self.places is None:
            return ~np.isnan(self.values)
        held = np.zeros(instants, dtype=np.bool_)
        held[self.places] = True
        return held


@dataclass(frozen=True, slots=True)
class Grid:
    """Instants in rising order, and for each metric its values there; at every instant there is one at least."""

    times: Integers
    columns: Mapping[int, Column]

    def __len__(self) -> int:
        return len(self.times)

    def between(self, start: int, end: int) -> Grid:
        """What lies in ``[start, end)`` ms."""
        begin, stop = (int(place) for place in np.searchsorted(self.times, (start, end)))
        return self if stop - begin == len(self) else self.cut(begin, stop)

    def cut(self, begin: int, stop: int) -> Grid:
        """The instants of those numbers, from ``begin`` to before ``stop``."""
        return Grid(self.times[begin:stop], {one: own.between(begin, stop) for one, own in self.columns.items()})

    def only(self, metrics: Collection[int]) -> Grid:
        """The values of those metrics, and the instants at which there is one of them."""
        if self.columns.keys() <= set(metrics):
            return self
        own = {one: column for one, column in self.columns.items() if one in set(metrics)}
        held = np.zeros(len(self), dtype=np.bool_)
        for column in own.values():
            held |= column.present(len(self))
        if held.all():
            return Grid(self.times, own)
        number = (np.cumsum(held) - 1).astype(np.uint32)
        kept = {
            one: Column(column.values[held]) if column.places is None else Column(column.values, number[column.places])
            for one, column in own.items()
        }
        return Grid(self.times[held], kept)

    @property
    def nbytes(self) -> int:
        """How much memory its arrays take."""
        own = [part for column in self.columns.values() for part in (column.values, column.places) if part is not None]
        return self.times.nbytes + sum(part.nbytes for part in own)

    def copied(self) -> Grid:
        """The same in arrays of its own."""
        columns = {
            one: Column(own.values.copy(), None if own.places is None else own.places.copy())
            for one, own in self.columns.items()
        }
        return Grid(self.times.copy(), columns)

    def triples(self) -> tuple[Integers, Integers, Doubles]:
        """Times, metrics and values as parallel arrays, sorted by time and metric."""
        metrics = sorted(self.columns)
        if not metrics:
            return self.times[:0], self.times[:0], np.empty(0)
        if all(self.columns[one].places is None for one in metrics):
            table = np.stack([self.columns[one].values for one in metrics], axis=1)
            held = ~np.isnan(table)
            counts = held.sum(axis=1)
            known = np.broadcast_to(np.array(metrics, dtype=np.int64), table.shape)
            return np.repeat(self.times, counts), known[held], table[held]
        places, values = [], []
        for one in metrics:
            column = self.columns[one]
            places.append(np.flatnonzero(column.present(len(self))) if column.places is None else column.places)
            values.append(column.values[places[-1]] if column.places is None else column.values)
        whose = np.repeat(np.array(metrics, dtype=np.int64), [len(own) for own in values])
        at = np.concatenate([np.asarray(own, dtype=np.int64) for own in places])
        # Stable: the metrics already stand in their order.
        order = np.argsort(at, kind="stable")
        return self.times[at[order]], whose[order], np.concatenate(values)[order]


def grid_of(times: Integers, metrics: Integers, values: Doubles) -> Grid:
    """A grid of values that are sorted by time and metric, each (time, metric) once."""
    begins = np.ones(len(times), dtype=np.bool_)
    begins[1:] = times[1:] != times[:-1]
    number = np.cumsum(begins) - 1
    instants = times[begins]
    columns = {}
    for metric in np.unique(metrics).tolist():
        own = metrics == metric
        column = Column(values[own], number[own].astype(np.uint32))
        # As quick to read and no larger, unless it is absent from most instants.
        columns[metric] = Column(column.spread(len(instants))) if 2 * len(column.values) >= len(instants) else column
    return Grid(instants, columns)


def joined(grids: Iterable[Grid], metrics: Collection[int]) -> tuple[Integers, list[Doubles]]:
    """Grids one after the other in time: their instants, and for each of the metrics its values, NaN where absent."""
    own = list(grids)
    if not own:
        return np.empty(0, dtype=np.int64), [np.empty(0) for _ in metrics]
    if len(own) == 1:
        return own[0].times, [_spread(own[0], metric) for metric in metrics]
    times = np.concatenate([one.times for one in own])
    return times, [np.concatenate([_spread(one, metric) for one in own]) for metric in metrics]


def _spread(grid: Grid, metric: int) -> Doubles:
    column = grid.columns.get(metric)
    return np.full(len(grid), np.nan) if column is None else column.spread(len(grid))


def encoded(grid: Grid, series: int, start: int, stop: int) -> bytes:
    """A grid as a sealed block's bytes: those of the series' values in ``[start, stop)`` ms."""
    directory = np.zeros(len(grid.columns), dtype=_ENTRY)
    pieces: list[bytes] = [grid.times.astype("<i8").tobytes()]
    for place, metric in enumerate(sorted(grid.columns)):
        column = grid.columns[metric]
        directory[place] = (metric, len(column.values), column.places is not None)
        if column.places is not None:
            pieces.append(column.places.astype("<u4").tobytes() + bytes(len(column.values) % 2 * 4))
        pieces.append(column.values.astype("<f8").tobytes())
    rest = directory.tobytes() + b"".join(pieces)
    head = _HEAD.pack(_SIGN, 0, series, start, stop, len(grid), len(grid.columns))
    check = zlib.crc32(rest, zlib.crc32(head[_CHECKED_FROM:]))
    return head[:4] + check.to_bytes(4, "little") + head[_CHECKED_FROM:] + rest


def decoded(body: bytes | memoryview, series: int, start: int, stop: int) -> Grid:
    """The grid of a sealed block; its arrays lie in the bytes given.

    :raises DamagedBlock: they are not the bytes of that series and range, as they were sealed
    """
    if len(body) < _HEAD.size:
        raise DamagedBlock
    sign, check, *place, instants, metrics = _HEAD.unpack_from(body)
    if sign != _SIGN or place != [series, start, stop] or check != zlib.crc32(memoryview(body)[_CHECKED_FROM:]):
        raise DamagedBlock
    directory = np.frombuffer(body, _ENTRY, metrics, _HEAD.size)
    at = _HEAD.size + directory.nbytes
    times = np.frombuffer(body, "<i8", instants, at)
    at += times.nbytes
    columns = {}
    for metric, count, placed in directory.tolist():
        places = np.frombuffer(body, "<u4", count, at) if placed else None
        at += (count + count % 2) * 4 if placed else 0
        columns[metric] = Column(np.frombuffer(body, "<f8", count, at), places)
        at += 8 * count
    return Grid(times, columns)

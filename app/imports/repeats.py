"""Which values of a file say again what a line before said, or contradict it; in memory that does not grow with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from app.errors import Invalid
from app.measurements.batch import EARLIEST_MS

MOST_GROUPS = 2**19
_TIME_BITS = 44
"""Milliseconds of three centuries."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of a block's values: the places of those that are new, by device, metric and time; the others."""

    fresh: Integers
    contradicts: Integers
    repeats: int


class Seen:
    """The values of the blocks so far, sorted block by block in a file; looked at only where a block reaches back."""

    def __init__(self, spill: IO[bytes]) -> None:
        """:param spill: an empty file without a name; the caller closes it"""
        self._spill = spill
        self._runs: list[tuple[int, int]] = []
        self._groups: dict[int, int] = {}
        self._low = np.zeros(0, dtype=np.int64)
        self._high = np.zeros(0, dtype=np.int64)

    def sift(self, devices: Integers, metrics: Integers, times: Integers, values: NDArray[np.float64]) -> Sifted:
        """Sort a block's values out. Of several for one time and metric the first one counts, as it does for programs.

        :raises Invalid: more combinations of device and metric than one file may have
        """
        keys = self._keys(devices, metrics, times)
        order = np.argsort(keys, kind="stable")
        sorted_keys, sorted_values = keys[order], values[order]
        again = np.zeros(len(order), dtype=np.bool_)
        again[1:] = sorted_keys[1:] == sorted_keys[:-1]
        first = np.maximum.accumulate(np.where(again, 0, np.arange(len(order)))) if len(order) else order
        differs = again & (sorted_values != sorted_values[first])
        self._look_back(sorted_keys, sorted_values, again, differs)
        fresh = ~again
        self._keep(sorted_keys[fresh], sorted_values[fresh])
        return Sifted(order[fresh], np.sort(order[differs]), int(np.count_nonzero(again & ~differs)))

    def _keys(self, devices: Integers, metrics: Integers, times: Integers) -> Integers:
        """One number for device, metric and time, in their order."""
        pairs, which = np.unique(devices << 32 | metrics, return_inverse=True)
        for pair in pairs.tolist():
            self._groups.setdefault(pair, len(self._groups))
        if len(self._groups) > MOST_GROUPS:
            raise Invalid("This file has too many devices with too many metrics. Send it in several files.")
        groups = np.array([self._groups[pair] for pair in pairs.tolist()], dtype=np.int64)
        keys: Integers = groups[which] << _TIME_BITS | (times - EARLIEST_MS)
        return keys

    def _look_back(
        self, keys: Integers, values: NDArray[np.float64], again: NDArray[np.bool_], differs: NDArray[np.bool_]
    ) -> None:
        groups = keys >> _TIME_BITS
        known = groups < len(self._low)
        reaches = np.zeros(len(keys), dtype=np.bool_)
        reaches[known] = (keys[known] >= self._low[groups[known]]) & (keys[known] <= self._high[groups[known]])
        asked = np.flatnonzero(reaches)
        if not len(asked):
            return
        for start, count in self._runs:
            held_keys, held_values = self._run(start, count)
            at = np.minimum(np.searchsorted(held_keys, keys[asked]), count - 1)
            met = held_keys[at] == keys[asked]
            again[asked[met]] = True
            differs[asked[met]] = values[asked[met]] != held_values[at[met]]

    def _run(self, start: int, count: int) -> tuple[Integers, NDArray[np.float64]]:
        self._spill.flush()
        where = f"/proc/self/fd/{self._spill.fileno()}"
        keys = np.memmap(where, dtype=np.int64, mode="r", offset=start, shape=(count,))
        values = np.memmap(where, dtype=np.float64, mode="r", offset=start + 8 * count, shape=(count,))
        return np.asarray(keys), np.asarray(values)

    def _keep(self, keys: Integers, values: NDArray[np.float64]) -> None:
        if not len(keys):
            return
        start = self._spill.seek(0, os.SEEK_END)
        self._spill.write(keys.tobytes())
        self._spill.write(values.tobytes())
        self._runs.append((start, len(keys)))
        more = len(self._groups) - len(self._low)
        self._low = np.append(self._low, np.full(more, np.iinfo(np.int64).max))
        self._high = np.append(self._high, np.full(more, np.iinfo(np.int64).min))
        groups = keys >> _TIME_BITS
        begins = np.flatnonzero(np.diff(groups, prepend=-1))
        ends = np.append(begins[1:], len(keys)) - 1
        own = groups[begins]
        self._low[own] = np.minimum(self._low[own], keys[begins])
        self._high[own] = np.maximum(self._high[own], keys[ends])

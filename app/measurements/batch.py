"""A delivery of values: checked as whole arrays, sorted by key, before the database hears of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.errors import Invalid

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]

EARLIEST_MS = -2_208_988_800_000
"""1900-01-01, UTC."""
LATEST_MS = 7_258_118_400_000
"""2200-01-01, UTC."""
GREATEST = 1e200
"""No measured value is larger; the sum over an hour must stay finite too."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Values sorted by (series, time, metric), each key once."""

    series: Integers
    metrics: Integers
    times: Integers
    values: Doubles

    def __len__(self) -> int:
        return len(self.values)


def checked(series_ids: ArrayLike, metric_ids: ArrayLike, times_ms: ArrayLike, values: ArrayLike) -> Batch:
    """Put a delivery in order, or refuse it whole.

    Series and metric may be one number for all values. The same value said twice is taken once; two
    different values for one (series, time, metric) contradict each other, and choosing one would be a guess:
    refused.

    :raises Invalid: arrays of different lengths, a value that is not a finite number, a time outside
        1900–2199, or a contradiction; the message counts the offenders and names the place of the first
    """
    numbers = _doubles(values)
    series, metrics = (_integers(given, len(numbers)) for given in (series_ids, metric_ids))
    times = _integers(times_ms, None)
    if not len(series) == len(metrics) == len(times) == len(numbers):
        raise Invalid("Series, metrics, times and values must be of the same length.")
    _refuse(~np.isfinite(numbers), "not a finite number")
    _refuse(np.abs(numbers) > GREATEST, "too large to be a measurement")
    _refuse((times < EARLIEST_MS) | (times >= LATEST_MS), "outside the years 1900 to 2199")
    return _sorted_once(series, metrics, times, numbers)


def _doubles(values: ArrayLike) -> Doubles:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as fault:
        raise Invalid("Values must be numbers.") from fault
    if numbers.ndim != 1:
        raise Invalid("Values must be a plain list of numbers.")
    return numbers


def _integers(given: ArrayLike, length: int | None) -> Integers:
    try:
        numbers = np.asarray(given)
        if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
            raise Invalid("Series, metrics and times must be whole numbers.")
        whole = numbers.astype(np.int64)
    except (TypeError, ValueError, OverflowError) as fault:
        raise Invalid("Series, metrics and times must be whole numbers.") from fault
    if whole.ndim == 0 and length is not None:
        return np.full(length, whole)
    if whole.ndim != 1:
        raise Invalid("Series, metrics and times must be plain lists of numbers.")
    return whole


def _refuse(offends: NDArray[np.bool_], words: str, places: Integers | None = None) -> None:
    count = int(np.count_nonzero(offends))
    if not count:
        return
    found = np.flatnonzero(offends)
    first = int(found[0] if places is None else np.min(places[found]))
    subject = "1 value is" if count == 1 else f"{count} values are"
    raise Invalid(f"{subject} {words}; the first is number {first} of the delivery (counted from 0).")


def _sorted_once(series: Integers, metrics: Integers, times: Integers, values: Doubles) -> Batch:
    order = np.lexsort((metrics, times, series))
    series, metrics, times, values = series[order], metrics[order], times[order], values[order]
    again = np.zeros(len(values), dtype=np.bool_)
    again[1:] = (series[1:] == series[:-1]) & (times[1:] == times[:-1]) & (metrics[1:] == metrics[:-1])
    differs = np.zeros(len(values), dtype=np.bool_)
    differs[1:] = again[1:] & (values[1:] != values[:-1])
    _refuse(differs, "in contradiction to another value for the same time and metric", places=order)
    if again.any():
        keep = ~again
        series, metrics, times, values = series[keep], metrics[keep], times[keep], values[keep]
    return Batch(series, metrics, times, values)


def runs(*keys: Integers) -> tuple[Integers, ...]:
    """The distinct combinations of parallel arrays, in order."""
    order = np.lexsort(keys[::-1])
    in_order = [key[order] for key in keys]
    if not len(order):
        return tuple(in_order)
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in in_order])
    return tuple(key[begins] for key in in_order)


def bucket_starts(times: Integers, width_ms: int) -> Integers:
    """Where each instant's hour or day begins; before 1970 too."""
    return np.floor_divide(times, width_ms) * width_ms

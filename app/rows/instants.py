"""Instants as text, whole columns at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

DAY_MS = 86_400_000
WIDTH = 24
"""Characters of ``2020-01-07T21:20:00.000Z``; years are of four digits."""

_TWO = np.array([f"{number:02}" for number in range(100)], dtype="S2").view(np.uint16)
_THREE = np.array([f"{number:03}" for number in range(1000)], dtype="S3").view(np.uint8).reshape(-1, 3)
_FORM = np.frombuffer(b"0000-00-00T00:00:00.000Z", dtype=np.uint8)


def iso_text(times: NDArray[np.int64]) -> Any:
    """ISO 8601 in UTC with milliseconds always, as an Arrow array of texts.

    :param times: milliseconds since 1970; of the years 0 to 9999
    """
    days, in_day = np.divmod(times, DAY_MS)
    text = np.empty((len(times), WIDTH), dtype=np.uint8)
    text[:] = _FORM
    text[:, :10] = _dates(days)
    seconds, thousandths = np.divmod(in_day, 1000)
    minutes, seconds = np.divmod(seconds, 60)
    hours, minutes = np.divmod(minutes, 60)
    for place, numbers in ((11, hours), (14, minutes), (17, seconds)):
        text[:, place : place + 2] = _TWO[numbers].view(np.uint8).reshape(-1, 2)
    text[:, 20:23] = _THREE[thousandths]
    offsets = np.arange(0, WIDTH * (len(times) + 1), WIDTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(times), pa.py_buffer(offsets), pa.py_buffer(text))


def _dates(days: NDArray[np.int64]) -> NDArray[np.uint8]:
    """``2020-01-07`` for each day; each of the few days is written once."""
    if not len(days):
        return np.empty((0, 10), dtype=np.uint8)
    first, last = int(days.min()), int(days.max())
    if last - first < len(days):
        known, place = np.arange(first, last + 1), days - first
    else:
        known, place = np.unique(days, return_inverse=True)
    written = np.datetime_as_string(known.astype("datetime64[D]")).astype("S10")
    return written.view(np.uint8).reshape(-1, 10)[place]

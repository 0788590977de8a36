"""Instants as text, whole columns at once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrow import pa

DAY_MS = 86_400_000
POSTGRESQL_EPOCH_MS = 946_684_800_000
"""2000-01-01, from which PostgreSQL counts in its binary form."""
WIDTH = 24
"""Characters of ``2020-01-07T21:20:00.000Z``; years are of four digits."""

_SECONDS_OF_A_DAY = 86_400
_THREE = np.array([f"{number:03}" for number in range(1000)], dtype="S3").view(np.uint8).reshape(-1, 3)
_AFTER_THE_DATE = WIDTH - 10


@cache
def _seconds() -> NDArray[Any]:
    """``T21:20:00.000Z`` for each second of a day."""
    of_day = np.arange(_SECONDS_OF_A_DAY)
    text = np.empty((_SECONDS_OF_A_DAY, _AFTER_THE_DATE), dtype=np.uint8)
    text[:] = np.frombuffer(b"T00:00:00.000Z", dtype=np.uint8)
    for place, number in ((1, of_day // 3600), (4, of_day // 60 % 60), (7, of_day % 60)):
        text[:, place], text[:, place + 1] = number // 10 + ord("0"), number % 10 + ord("0")
    return text.view(f"V{_AFTER_THE_DATE}").reshape(-1)


def iso_text(times: NDArray[np.int64]) -> Any:
    """ISO 8601 in UTC with milliseconds always, as an Arrow array of texts.

    :param times: milliseconds since 1970; of the years 0 to 9999
    """
    days, in_day = np.divmod(times, DAY_MS)
    seconds, thousandths = np.divmod(in_day, 1000)
    text = np.empty((len(times), WIDTH), dtype=np.uint8)
    text[:, :10] = _dates(days)
    text[:, 10:] = _seconds().take(seconds).view(np.uint8).reshape(-1, _AFTER_THE_DATE)
    if thousandths.any():
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

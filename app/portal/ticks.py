"""Where an axis has its marks, and what stands beside them: round numbers, and times that people count in (UTC)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from app.models.types import from_milliseconds, to_milliseconds

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
_STEPS = (
    1, 2, 5, 10, 20, 50, 100, 200, 500,
    *(n * SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7, 14)),
)  # fmt: skip
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
_MONTH_MS = 2_629_800_000
_FIRST_MONDAY = 4 * DAY


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A mark on the axis of time; ``context`` is the day or the year, where a new one begins."""

    at_ms: int
    label: str
    context: str | None


def time_ticks(start_ms: int, end_ms: int, most: int = 8) -> list[TimeTick]:
    """At most so many marks between two instants, at round times of day, days, Mondays, months or years."""
    span = max(1, end_ms - start_ms)
    step = next((one for one in _STEPS if span <= one * most), None)
    if step is not None:
        shift = _FIRST_MONDAY if step >= 7 * DAY else 0
        first = -((start_ms - shift) // -step) * step + shift
        return _labelled(list(range(first, end_ms + 1, step)), step)
    months = next((one for one in _MONTHS if span <= one * _MONTH_MS * most), _MONTHS[-1])
    return _labelled(
        [at for at in _month_starts(start_ms, end_ms, months) if start_ms <= at <= end_ms], months * 30 * DAY
    )


def number_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from below ``low`` to above ``high``, about so many."""
    if not high > low:
        air = abs(low) * 0.1 or 1.0
        low, high = low - air, high + air
    rough = (high - low) / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(number * step, digits) for number in range(first, last + 1)]


def _month_starts(start_ms: int, end_ms: int, months: int) -> Iterator[int]:
    first = from_milliseconds(start_ms)
    number = (first.year * 12 + first.month - 1) // months * months
    while True:
        at = to_milliseconds(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC))
        if at > end_ms:
            return
        yield at
        number += months


def _labelled(instants: list[int], step: int) -> list[TimeTick]:
    ticks, before = [], None
    for at in instants:
        known = from_milliseconds(at)
        label, context = _words(known, step)
        ticks.append(TimeTick(at, label, context if context != before else None))
        before = context
    return ticks


def _words(at: datetime, step: int) -> tuple[str, str | None]:
    if step >= 360 * DAY:
        return str(at.year), None
    if step >= 28 * DAY:
        return f"{at:%b}", str(at.year)
    if step >= DAY:
        return f"{at.day} {at:%b}", str(at.year)
    day = f"{at.day} {at:%b} {at.year}"
    if step >= MINUTE:
        return f"{at:%H:%M}", day
    if step >= SECOND:
        return f"{at:%H:%M:%S}", day
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}", day

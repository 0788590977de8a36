"""What the devices measured: the same numbers in every run, made device by device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from bench.sizes import METRICS, Sizes

SEED = 20_240_131
START = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2025, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000
END_MS = int(END.timestamp()) * 1000
SESSION_READINGS = 60
READING_MS = 60_000
PRESENT = 0.96
"""A metric is missing from so few readings that a wide row is mostly full."""
CORRECTED_EVERY = 1_000
# Name, label, unit, mean, spread, decimals. Few decimals, as instruments give: sqlite3 prints 15 digits and no more.
METRICS_OF_A_MONITOR = (
    ("heart_rate", "Heart rate", "1/min", 74.0, 11.0, 0),
    ("spo2", "Oxygen saturation", "%", 96.5, 1.4, 1),
    ("systolic", "Systolic pressure", "mmHg", 126.0, 14.0, 0),
    ("diastolic", "Diastolic pressure", "mmHg", 79.0, 9.0, 0),
    ("temperature", "Temperature", "°C", 36.8, 0.4, 2),
    ("glucose", "Glucose", "mmol/L", 6.1, 1.3, 2),
)
assert len(METRICS_OF_A_MONITOR) == METRICS  # noqa: S101  two files say it

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Values:
    """Values sorted by series, time and metric, each key once. ``metrics`` counts from 0."""

    series: Integers
    times: Integers
    metrics: Integers
    values: Doubles

    def __len__(self) -> int:
        return len(self.values)


def values_of(device: int, series_id: int, sizes: Sizes) -> Values:
    """Everything that one device measured: readings a minute apart, in sessions of an hour over the year."""
    chance = np.random.default_rng([SEED, device])
    wanted = round(sizes.values * (device + 1) / sizes.devices) - round(sizes.values * device / sizes.devices)
    times = _times(chance, int(wanted / (METRICS * PRESENT) * 1.03) + METRICS)
    grid = np.stack([_walk(chance, metric, len(times)) for metric in range(METRICS)], axis=1)
    present = chance.random(grid.shape) < PRESENT
    rows, metrics = np.nonzero(present)
    rows, metrics = rows[:wanted], metrics[:wanted]
    return Values(
        np.full(len(rows), series_id, dtype=np.int64),
        times[rows],
        metrics.astype(np.int64),
        grid[rows, metrics],
    )


def _times(chance: np.random.Generator, count: int) -> Integers:
    sessions = -(-count // SESSION_READINGS)
    room = (END_MS - START_MS) // sessions
    if room <= SESSION_READINGS * READING_MS:
        raise ValueError("so many values do not fit into a year of sessions: ask for more devices")
    starts = START_MS + room * np.arange(sessions) + chance.integers(0, room - SESSION_READINGS * READING_MS, sessions)
    within = READING_MS * np.arange(SESSION_READINGS) + chance.integers(0, READING_MS // 2, (sessions, 1))
    return (starts[:, None] // READING_MS * READING_MS + within).reshape(-1)[:count].astype(np.int64)


def _walk(chance: np.random.Generator, metric: int, count: int) -> Doubles:
    *_, mean, spread, decimals = METRICS_OF_A_MONITOR[metric]
    slow = np.sin(np.arange(count) / 37.0 + metric) * spread * 0.6
    walked: Doubles = np.round(mean + slow + chance.normal(0.0, spread * 0.4, count), decimals)
    return walked

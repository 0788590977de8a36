"""Instants as a builder writes whole columns of them, against Python's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.measurements.batch import EARLIEST_MS, LATEST_MS
from app.rows.instants import DAY_MS, WIDTH, iso_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def by_the_calendar(milliseconds: int) -> str:
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def texts(times: list[int]) -> list[str]:
    return iso_text(np.array(times, dtype=np.int64)).to_pylist()


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (EARLIEST_MS, "1900-01-01T00:00:00.000Z"),
        (LATEST_MS - 1, "2199-12-31T23:59:59.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_578_432_000_001, "2020-01-07T21:20:00.001Z"),
    ],
)
def test_an_instant_is_written_to_the_millisecond(milliseconds: int, text: str) -> None:
    assert texts([milliseconds]) == [text]


@given(st.lists(st.integers(EARLIEST_MS, LATEST_MS - 1), max_size=60))
def test_scattered_instants_are_those_of_the_calendar(times: list[int]) -> None:
    assert texts(times) == [by_the_calendar(one) for one in times]


@given(st.integers(EARLIEST_MS, LATEST_MS - 1 - 4 * DAY_MS), st.lists(st.integers(0, 3 * DAY_MS), min_size=8))
def test_dense_instants_that_share_days_are_those_of_the_calendar(start: int, steps: list[int]) -> None:
    times = [start + step for step in steps]
    assert texts(times) == [by_the_calendar(one) for one in times]


def test_every_day_of_three_centuries_is_written() -> None:
    times = list(range(EARLIEST_MS, LATEST_MS, DAY_MS))
    assert texts(times) == [by_the_calendar(one) for one in times]


def test_no_instants_are_an_empty_column() -> None:
    column = iso_text(np.array([], dtype=np.int64))
    assert (len(column), column.to_pylist()) == (0, [])


def test_every_text_is_as_wide_as_said() -> None:
    assert {len(text) for text in texts([EARLIEST_MS, 0, LATEST_MS - 1])} == {WIDTH}

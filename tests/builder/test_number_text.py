"""Numbers looked up among texts that were written before are the texts that writing each would give."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.builder import number_text as module
from app.builder.number_text import number_text

MANY = 1_500


def one_by_one(values: list[float]) -> list[str | None]:
    return [None if text == "nan" else text for text in pa.array(values, pa.float64()).cast(pa.string()).to_pylist()]


def repeated(values: list[float]) -> list[float]:
    """So many that a table is worth it."""
    return values * (MANY // len(values) + 1)


@given(
    st.sampled_from([1, 10, 100, 1000, 3]),
    st.integers(-(2**40), 2**40),
    st.lists(st.one_of(st.integers(0, 20_000), st.none()), min_size=1, max_size=30),
)
def test_values_of_few_decimals_are_written_as_each_would_be(step: int, begin: int, numbers: list[int | None]) -> None:
    values = repeated([np.nan if one is None else (begin + one) / step for one in numbers])
    assert number_text(np.array(values)).to_pylist() == one_by_one(values)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0],
        [-0.5, 0.0, -0.0, np.nan],
        [1.1, 1.1000000000000003],
        [0.1 + 0.2, 0.3],
        [1e200, -1e200, 5e-324],
        [np.nan],
        [4_095.5, 4_096.0, 12_287.9],
        [-4_096.0, 8_191.0],
        [2.0**53, 2.0**53 + 2],
        [36.6, 41.25, -0.125],
    ],
    ids=str,
)
def test_whatever_the_values_few_and_many_of_them_are_written_alike(values: list[float]) -> None:
    many = repeated(values)
    assert number_text(np.array(many)).to_pylist() == one_by_one(many)
    assert number_text(np.array(values)).to_pylist() == one_by_one(values)


def test_what_a_thermometer_measures_is_looked_up() -> None:
    module._table.cache_clear()
    values = np.round(np.random.default_rng(3).normal(37, 0.6, MANY), 1)
    for _ in range(2):
        assert number_text(values).to_pylist() == one_by_one(values.tolist())
    assert module._table.cache_info().misses == module._table.cache_info().hits == 1

"""Blocks of ready columns: what goes in comes out bit by bit, cut wherever one likes, and never from torn bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rows.blocks import DamagedBlock, Grid, decoded, encoded, grid_of, joined

Held = dict[tuple[int, int], float]
"""Values by (time, metric)."""

SIDE = 12
held_values = st.dictionaries(
    st.tuples(st.integers(-SIDE, SIDE), st.sampled_from([2, 3, 5, 2**40])),
    st.floats(allow_nan=False, allow_infinity=False),
    max_size=60,
)


def grid(held: Held) -> Grid:
    keys = sorted(held)
    return grid_of(
        np.array([time for time, _ in keys], dtype=np.int64),
        np.array([metric for _, metric in keys], dtype=np.int64),
        np.array([held[key] for key in keys], dtype=np.float64),
    )


def told(found: Grid) -> list[tuple[int, int, str]]:
    times, metrics, values = found.triples()
    return list(zip(times.tolist(), metrics.tolist(), map(float.hex, values.tolist()), strict=True))


def expected(held: Held) -> list[tuple[int, int, str]]:
    return [(*key, held[key].hex()) for key in sorted(held)]


@given(held_values)
def test_a_block_gives_back_every_value_in_order(held: Held) -> None:
    body = encoded(grid(held), 7, -SIDE, SIDE + 1)
    assert told(decoded(body, 7, -SIDE, SIDE + 1)) == expected(held)
    assert encoded(decoded(body, 7, -SIDE, SIDE + 1), 7, -SIDE, SIDE + 1) == body


@given(held_values, st.integers(-SIDE - 1, SIDE + 2), st.integers(0, 3 * SIDE), st.sets(st.sampled_from([2, 3, 5, 9])))
def test_a_part_of_it_is_what_the_part_would_be_by_itself(held: Held, start: int, width: int, only: set[int]) -> None:
    found = decoded(encoded(grid(held), 7, -SIDE, SIDE + 1), 7, -SIDE, SIDE + 1)
    part = found.between(start, start + width).only(only)
    inside = {key: value for key, value in held.items() if start <= key[0] < start + width and key[1] in only}
    assert told(part) == told(part.copied()) == expected(inside)
    assert part.times.tolist() == sorted({time for time, _ in inside})


@given(held_values, st.lists(st.integers(-SIDE, SIDE), max_size=4))
def test_grids_one_after_the_other_are_one_table(held: Held, cuts: Sequence[int]) -> None:
    edges = [-SIDE, *sorted(cuts), SIDE + 1]
    whole = grid(held)
    parts = [whole.between(start, stop) for start, stop in pairwise(edges)]
    times, columns = joined(parts, (5, 2, 4))
    assert times.tolist() == sorted({time for time, _ in held})
    for metric, column in zip((5, 2, 4), columns, strict=True):
        cells = [held.get((time, metric), float("nan")).hex() for time in times.tolist()]
        assert [one.hex() for one in column.tolist()] == cells


def test_bytes_that_are_not_the_blocks_own_are_refused() -> None:
    body = encoded(grid({(time, time % 3): 1.5 for time in range(9)}), 7, 0, 9)
    torn = [body[:length] for length in range(len(body))]
    altered = [body[:at] + bytes([body[at] ^ 4]) + body[at + 1 :] for at in range(len(body))]
    for other in (*torn, *altered, body + b"\0"):
        with pytest.raises(DamagedBlock):
            decoded(other, 7, 0, 9)
    for place in ((8, 0, 9), (7, 1, 9), (7, 0, 8)):
        with pytest.raises(DamagedBlock):
            decoded(body, *place)
    assert len(decoded(body, 7, 0, 9)) == 9

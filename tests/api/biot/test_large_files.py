"""Thirty megabytes into a real server, three ways, cut and gone on with; tests/long does it with two gigabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.biot.large import (
    MOST_GROWN,
    Content,
    Memory,
    Served,
    send_in_one,
    send_in_parts,
    send_through_the_portal,
    serving,
)
from tests.factories import World

CONTENT = Content(30_000_011)


@pytest.fixture(scope="module")
def served(peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("large"), peopled_sqlite, CONTENT.size) as made:
        yield made


def test_a_file_cut_at_random_points_and_sent_again_arrives_whole(served: Served) -> None:
    send_in_one(served, CONTENT)


def test_parts_cut_at_random_points_and_sent_again_arrive_whole(served: Served) -> None:
    send_in_parts(served, CONTENT)


def test_an_upload_at_a_page_goes_on_after_each_break_and_arrives_whole(served: Served) -> None:
    send_through_the_portal(served, CONTENT)


def test_the_measure_sees_a_process_that_grows(served: Served) -> None:
    memory = Memory(served.web)
    memory._before = {pid: before - MOST_GROWN for pid, before in memory._before.items()}
    with pytest.raises(AssertionError):
        memory.assert_flat()

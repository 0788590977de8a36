"""Two gigabytes into a real server, three ways, cut at random points and gone on with; no memory grows with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.biot.large import (
    Content,
    Served,
    send_in_one,
    send_in_parts,
    send_through_the_portal,
    serving,
)
from tests.factories import World

pytestmark = pytest.mark.long

CONTENT = Content(2_000_000_011)


@pytest.fixture
def served(peopled_sqlite: tuple[Path, World], tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, peopled_sqlite, CONTENT.size) as made:
        yield made


@pytest.mark.parametrize("send", [send_in_one, send_in_parts, send_through_the_portal], ids=lambda send: send.__name__)
def test_two_gigabytes_arrive_whole_and_no_process_grows_with_them(
    send: Callable[[Served, Content], None], served: Served
) -> None:
    send(served, CONTENT)

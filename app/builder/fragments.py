"""What a way of making gives: the bytes of one fragment, and how many records or values they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Bytes = bytes | bytearray | memoryview
Recipe = dict[str, Any]


@dataclass(slots=True)
class Made:
    """``pieces`` in order are the fragment, made while they are taken; ``rows`` is right when all of them are."""

    pieces: Iterable[Bytes] = ()
    rows: int = 0

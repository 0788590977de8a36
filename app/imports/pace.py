"""How long and how often: bound once to an application."""

from __future__ import annotations

from dataclasses import dataclass

from app.imports.lines import BLOCK


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations in seconds. ``lease``: how long a worker holds an import without a sign of life; ``attempts``: how
    often one that fell is gone on with; ``backoff``: how long it rests after a fault that may pass.

    ``block_bytes``: so much of a file is held at once; ``step_values``: so many values are one transaction, for others
    must not wait long for theirs.
    """

    lease: float = 120.0
    attempts: int = 8
    backoff: float = 5.0
    block_bytes: int = BLOCK
    step_values: int = 200_000


class _Shared:
    """The pace of this process, replaced when an application is made."""

    def __init__(self) -> None:
        self._pace = Pace()

    def bind(self, pace: Pace) -> None:
        self._pace = pace

    def __call__(self) -> Pace:
        return self._pace


current_pace = _Shared()

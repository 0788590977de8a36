"""How long, how often, how much: the engine's settings, bound once to an application."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations in seconds. Tests run the same ratios with shorter ones.

    ``lease``: how long a claim holds without a beat; ``beat``: how often the builder says that it lives; ``give_up``:
    after how long without a beat of its own a builder stops itself, which must be before others may claim its part;
    ``attempts``: how often a part is tried; ``deadline``: how long an export may take at all.
    """

    lease: float = 60.0
    beat: float = 15.0
    give_up: float = 45.0
    backoff: float = 2.0
    backoff_limit: float = 300.0
    attempts: int = 8
    deadline: float = 6 * 3600.0
    part_rows: int = 40_000
    fragment_rows: int = 5_000

    def __post_init__(self) -> None:
        if not self.beat < self.give_up < self.lease:
            raise ValueError("beat, give-up and lease must rise, or two builders may hold one part")

    def backoff_after(self, attempts: int) -> float:
        """How long to wait after so many failed attempts: doubling, up to the limit."""
        return float(min(self.backoff * 2 ** max(attempts - 1, 0), self.backoff_limit))


class _Shared:
    """The pace of this process, replaced when an application is made."""

    def __init__(self) -> None:
        self._pace = Pace()

    def bind(self, pace: Pace) -> None:
        self._pace = pace

    def __call__(self) -> Pace:
        return self._pace


current_pace = _Shared()

"""How often a page asks again for the part of it that changes: quickly at first, then less and less."""

from __future__ import annotations

from flask import request

FIRST_DELAYS = (0.3, 0.7, 1.0)
"""Most exports are small: the first polls come quickly."""
LATER_DELAYS = ((20, 2.0), (60, 5.0))
LAST_DELAY = 10.0


def poll_when(answers: int) -> str:
    """When the page asks again after so many answers that it got, as htmx writes it.

    A quick first poll goes on steadily when it is not answered: the server may just be starting again.
    """
    if answers < len(FIRST_DELAYS):
        return f"load delay:{round(FIRST_DELAYS[answers] * 1000)}ms, every {LATER_DELAYS[0][1]:g}s"
    return f"every {next((delay for most, delay in LATER_DELAYS if answers < most), LAST_DELAY):g}s"


def answers_so_far() -> int:
    """How many answers the page got before this one, as its address says."""
    return min(max(request.args.get("n", len(FIRST_DELAYS), type=int), 0), 10_000)


def is_shown(version: int, answers: int) -> bool:
    """Whether the page shows this version already. The first answers come anyway: each brings a longer delay along."""
    return answers >= len(FIRST_DELAYS) and request.args.get("seen") == str(version)

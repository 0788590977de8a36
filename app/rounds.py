"""Rounds of upkeep: again and again until told to stop, whatever goes wrong in one of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event

from app.extensions import db

log = logging.getLogger(__name__)


def go_round(stop: Event, what: str, one_round: Callable[[], float], *, after_fault: float) -> None:
    """Do ``one_round`` until told to stop. A fault in it, of any kind, is logged, and the next round tries again.

    :param what: names the rounds in the log
    :param one_round: returns how many seconds to wait for the next one
    :param after_fault: seconds to wait for the next one after a fault
    """
    while not stop.is_set():
        wait = after_fault
        try:
            # Leaving the session may fault, too, when the database went away meanwhile.
            try:
                wait = one_round()
            finally:
                db.session.remove()
        except Exception:
            log.exception("a round failed: %s; the next one tries again", what)
        stop.wait(wait)


class NowAndThen:
    """What is not done in each round: at once, and then when so many seconds have passed since it was last due."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time; if so, the seconds begin anew."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True

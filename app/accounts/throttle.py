"""How often somebody may try to sign in, without a stranger being able to lock the owner out.

Failures are counted in Valkey, so that every web process knows them, and in each one's memory while it is away.
"""

from __future__ import annotations

import hashlib
import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from limits.errors import StorageError
from limits.storage import Storage

from app import clock
from app.accounts.counting import SharedCount
from app.errors import Throttled


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``failures`` within about ``seconds``."""

    name: str
    failures: int
    seconds: int


PAIR = Window("account-and-address", 10, 15 * 60)
"""Somebody at one address who tries one account."""

ADDRESS = Window("address", 60, 15 * 60)
"""Somebody at one address who tries many accounts; generous, for a clinic may share one address. Owners who signed
in from it before are let in, uncounted: a neighbour must not be able to lock them out."""

ACCOUNT = Window("account", 100, 60 * 60)
"""Many addresses that try one account. Those from which the owner signed in before are let in, uncounted."""


CODE = Window("second-step", 10, 15 * 60)
"""Codes tried for one person, from wherever: whoever tries them has the password already."""

RESET_ADDRESS = Window("reset-address", 60, 15 * 60)
RESET_ACCOUNT = Window("reset-account", 5, 60 * 60)
"""Links asked for one account: nobody is to be flooded with mail. The owner has those that were sent."""

ARRIVAL = Window("single-sign-on", 60, 15 * 60)
"""Codes from one address that the provider of single sign-on does not know; generous, as for :data:`ADDRESS`."""


@dataclass(frozen=True, slots=True)
class Count:
    """Failures in the present window and in the one before it; ``passed`` is how much of the present one is over."""

    window: Window
    present: int
    before: int
    passed: float

    @property
    def total(self) -> float:
        return self.present + self.before * (1 - self.passed)

    def seconds_to_wait(self) -> int:
        """How long until one more try would not be too many, if this one is taken back and none is made meanwhile."""
        others, free = self.present - 1, self.window.failures - 1
        if others <= free:
            share = 1 - (free - others) / max(self.before, 1) - self.passed
        else:
            share = 1 - self.passed + 1 - free / others
        return max(1, ceil(share * self.window.seconds))


class FailureCount:
    """Counts in windows that slide: the present one, and of the one before the part that still counts."""

    def __init__(self) -> None:
        self._prefix = ""
        self._counts: SharedCount[Storage] = SharedCount(lambda storage: storage, "sign-in failures")

    def bind(self, redis_url: str, prefix: str) -> None:
        """Count in the Valkey of this address, under keys of our own."""
        self._prefix = prefix
        self._counts.bind(redis_url)

    def add(self, window: Window, subject: str, amount: int = 1) -> Count:
        """Count one more, or take it back with -1; answers how many there are then."""
        return self._counts.ask(lambda storage: self._counted(storage, window, subject, amount))

    def forget(self, window: Window, subject: str) -> None:
        """Begin again at nought."""
        number, _ = self._place(window)
        for storage in self._counts.present():
            # The shared count also fades by itself, so a Valkey that is away is no reason to wait.
            with suppress(StorageError):
                for past in (number, number - 1):
                    storage.clear(self._key(window, subject, past))

    def _place(self, window: Window) -> tuple[int, float]:
        whole, passed = divmod(clock.now().timestamp() / window.seconds, 1)
        return int(whole), passed

    def _counted(self, storage: Storage, window: Window, subject: str, amount: int) -> Count:
        number, passed = self._place(window)
        present = storage.incr(self._key(window, subject, number), window.seconds * 2, amount)
        before = storage.get(self._key(window, subject, number - 1))
        return Count(window, present, before, passed)

    def _key(self, window: Window, subject: str, number: int) -> str:
        # Neither an address nor an e-mail address is readable in Valkey.
        digest = hashlib.sha256(f"{window.name}\0{subject}".encode()).hexdigest()[:32]
        return f"{self._prefix}:sign-in:{digest}:{number}"


failures = FailureCount()
bind = failures.bind


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in, counted as a failure until it turns out well."""

    account: str
    address: str
    known_here: bool

    @classmethod
    def begin(cls, account: str, address: str | None, *, known_here: bool) -> Attempt:
        """Count a try before anything is verified, so that many at once cannot slip through together.

        :param account: the case-folded e-mail address as typed, whether somebody has it or not
        :param known_here: the account's owner signed in from this address before
        :raises Throttled: too many failures; this try counts no further
        """
        attempt = cls(account, _network(address), known_here)
        _count(attempt._windows())
        return attempt

    def succeeded(self) -> None:
        """It was the owner: this try was no failure, and earlier ones from here are forgotten."""
        for window, subject in self._windows():
            if window is PAIR:
                failures.forget(window, subject)
            else:
                failures.add(window, subject, -1)

    def _windows(self) -> list[tuple[Window, str]]:
        pair = (PAIR, f"{self.account}\0{self.address}")
        return [pair] if self.known_here else [pair, (ADDRESS, self.address), (ACCOUNT, self.account)]


def count_code(user_id: UUID) -> None:
    """Count a code before it is looked at.

    :raises Throttled: too many wrong ones
    """
    _count([(CODE, str(user_id))])


def code_was_right(user_id: UUID) -> None:
    """Forget the wrong codes of before."""
    failures.forget(CODE, str(user_id))


def count_arrival(address: str | None) -> None:
    """Count somebody who comes back from the provider, before it is asked about them.

    :raises Throttled: too many whom it did not know
    """
    _count([(ARRIVAL, _network(address))])


def arrival_was_right(address: str | None) -> None:
    """The provider knew them, or did not answer: that was no failure of theirs."""
    failures.add(ARRIVAL, _network(address), -1)


def count_reset(account: str, address: str | None) -> None:
    """Count that a link was asked for, whether somebody has the account or not.

    :raises Throttled: too many
    """
    _count([(RESET_ADDRESS, _network(address)), (RESET_ACCOUNT, account)])


def _count(windows: list[tuple[Window, str]]) -> None:
    """Count one in each window; in none when it is too many in one of them.

    :raises Throttled: it is
    """
    counted: list[tuple[Window, str]] = []
    for window, subject in windows:
        counted.append((window, subject))
        count = failures.add(window, subject)
        if count.total > window.failures:
            for counted_window, counted_subject in counted:
                failures.add(counted_window, counted_subject, -1)
            seconds = count.seconds_to_wait()
            words = f"There were too many tries. Wait {_in_words(seconds)}, then try again."
            raise Throttled(words, retry_after=seconds)


def _network(address: str | None) -> str:
    """The address; of IPv6 the /64 network, for one machine has all of its addresses."""
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    return str(known if known.version == 4 else ipaddress.ip_network(f"{known}/64", strict=False))


def _in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"

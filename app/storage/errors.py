"""What storage says when it cannot, which passes by itself or by an operator's hand, so that trying again makes sense;
and when it will not, which does not pass before somebody corrects a setting."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Misconfigured, Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class StorageFault(Unavailable):
    """Storage did not do what was asked, through no fault of the one who asked. Retryable."""


class StorageFull(StorageFault):
    """No room is left for what was to be written."""

    def __init__(
        self, message: str = "The server's storage is full. An operator has to make room; then it can go on."
    ) -> None:
        super().__init__(message)


class StorageUnavailable(StorageFault):
    """Storage cannot be reached, read or written just now."""

    def __init__(
        self,
        message: str = "The server's storage cannot be used just now. Please try again in a few minutes.",
    ) -> None:
        super().__init__(message)


class StorageRefused(Misconfigured):
    """Storage forbids what was asked, or what it was asked about does not exist. Not retryable."""

    def __init__(
        self,
        message: str = "The server's storage refuses Chartroom's requests. Trying again will not help: an operator has "
        "to correct its settings.",
    ) -> None:
        super().__init__(message)


@contextmanager
def faults_in_words() -> Iterator[None]:
    """Turn an :class:`OSError` into a :class:`StorageFault`; the system's own words stay in ``__cause__``
    only."""
    try:
        yield
    except OSError as error:
        raise (StorageFull() if error.errno in _FULL else StorageUnavailable()) from error

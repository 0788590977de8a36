"""Real processes as a supervisor keeps them, and what /proc says of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tests.services import tied

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90
WORKER = [sys.executable, "worker.py"]
RECONCILER = [sys.executable, "-m", "flask", "reconcile"]

Answer = TypeVar("Answer")


class Kept:
    """A program that is started again whenever it ended, until it is stopped."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.starts = 0
        self._command = ["env", *(f"{key}={value}" for key, value in environment.items()), *command]
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    def revive(self) -> None:
        """Start it unless it runs."""
        if self._child is None or self._child.poll() is not None:
            with self.log.open("ab") as log:
                # setpriv and env become the program itself, so the process id is the program's.
                self._child = tied.start(self._command, log=log, cwd=ROOT)
            self.starts += 1

    def wait(self) -> int:
        """What it ended with."""
        assert self._child is not None, f"{self.name} was not started"
        return self._child.wait(PATIENCE_SECONDS)

    def end(self) -> None:
        """End it at once; whatever it forked goes with it."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(tied.STOP_SECONDS)


def until(met: Callable[[], Answer | None], what: str, meanwhile: Callable[[], None] = lambda: None) -> Answer:
    """Wait until a condition answers something true, and return that answer.

    :param meanwhile: called between two looks
    :raises AssertionError: it does not come
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        if answer := met():
            return answer
        assert time.monotonic() < give_up, f"in vain waited until {what}"
        meanwhile()
        time.sleep(0.02)


def parent_of(pid: int) -> int:
    return int(_status(pid)["PPid"])


def builders_of(pid: int) -> list[int]:
    """The builders of a work horse: one that it started, or else the one that its worker keeps for it."""
    try:
        return _builders_below(pid) or _builders_below(parent_of(pid))
    except (FileNotFoundError, ProcessLookupError):
        return []


def horse_of(builder: int) -> int:
    """The work horse that a builder builds for: who started it, or the one whose worker keeps it."""
    parent = parent_of(builder)
    return next((one for one in _children(parent) if not _is_builder(one)), parent)


def _builders_below(pid: int) -> list[int]:
    return [one for one in _children(pid) if _is_builder(one)]


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_builder(pid: int) -> bool:
    return b"app.builder" in Path(f"/proc/{pid}/cmdline").read_bytes()


def is_gone(pid: int) -> bool:
    """Whether nothing runs under the id; a dead process that nobody has buried yet is gone."""
    try:
        return _status(pid)["State"].startswith(("Z", "X"))
    except (FileNotFoundError, ProcessLookupError):
        return True


def is_frozen(pid: int) -> bool:
    return _status(pid)["State"].startswith("T")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def freeze(pid: int) -> None:
    """Stop every thread of a process, its heart too."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: is_frozen(pid), "the process is frozen")


def thaw(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

"""`make run` as a person at a terminal uses it, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 150
SERVICES = {
    "web": "gunicorn",
    "worker": "worker.py",
    "reconciler": "reconcile",
    "valkey": "valkey-server",
    "supervisor": "supervisor.supervisord",
}


def environment(**settings: str) -> dict[str, str]:
    """A terminal's environment: nothing of the tests' own settings, this virtual environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "VENV": sys.prefix, **settings}


def until(happened: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something happened.

    :raises AssertionError: it did not
    """
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


class Run:
    """One `make run`, in a process group of its own as a terminal gives it."""

    def __init__(self, data_dir: str, port: int, output: Path) -> None:
        self.port = port
        self.output = output
        self.run_dir = "not made yet"
        self._note = Path(ROOT, data_dir, "run-dir")
        # Children carry it in their environment, whatever becomes of their parents.
        self.mark = f"CHARTROOM_TEST_RUN={output}"
        name, _, value = self.mark.partition("=")
        with output.open("wb") as out:
            self.make = subprocess.Popen(
                ["make", "run", f"PORT={port}"],
                cwd=ROOT, env=environment(DATA_DIR=data_dir, **{name: value}), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def is_open(self) -> bool:
        """Whether the address was printed.

        :raises AssertionError: it ended instead
        """
        if "Chartroom is open at" in self.said:
            return True
        assert self.make.poll() is None, self.said
        return False

    def await_open(self) -> Run:
        until(self.is_open, "the portal is open", START_SECONDS)
        self.run_dir = self._note.read_text().strip()
        return self

    def answers(self) -> bool:
        """Whether the health page answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def processes(self) -> dict[int, str]:
        """Every living process of this run, by id, with its command line."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                is_marked = self.mark.encode() in (process / "environ").read_bytes().split(b"\0")
            except OSError:  # it ended while we looked, or is somebody else's
                continue
            # Valkey writes its title over its environment; its title names its socket.
            if is_marked or self.run_dir in command:
                found[int(process.name)] = command
        return found

    def find(self, service: str) -> int | None:
        """The first process of a service, or None."""
        return min((pid for pid, line in self.processes().items() if SERVICES[service] in line), default=None)

    def await_service(self, service: str, other_than: int | None = None) -> int:
        """The process of a service, once there is one."""
        until(lambda: self.find(service) not in (None, other_than), f"{service} is there: {self.processes()}")
        found = self.find(service)
        assert found is not None, f"{service} came and went"
        return found

    def await_end(self) -> str:
        """Wait until nothing of it lives; return all that it said."""
        self.make.wait(60)
        until(lambda: not self.processes(), f"nothing is left running: {self.processes()}")
        return self.said

    def interrupt(self) -> str:
        """Ctrl-C: the terminal signals the whole group."""
        os.killpg(self.make.pid, signal.SIGINT)
        return self.await_end()

    def clear(self) -> None:
        """Kill what a failed test left."""
        if self.make.poll() is None:
            self.make.kill()
            self.make.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

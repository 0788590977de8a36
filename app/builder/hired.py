"""The worker's side of a builder: start it, order parts, hear how it goes, end it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from app.archive.fragments import Fragment
from app.errors import Refusal, Unavailable

_END_SECONDS = 5
# What it must know comes over its pipe; secrets of the worker's own do not lie about in its environment.
KEPT_BACK = (
    "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "SMTP_PASSWORD",
    "METRICS_TOKEN", "OIDC_CLIENT_SECRET",
)  # fmt: skip
_COMMAND = [
    "env",
    *(f"--unset={name}" for name in KEPT_BACK),
    # Arrays of some megabytes come and go: kept by the allocator they cost no page faults each time.
    f"MALLOC_MMAP_THRESHOLD_={64 << 20}",
    f"MALLOC_TRIM_THRESHOLD_={128 << 20}",
    sys.executable,
    "-m",
    "app.builder",
]
_ROOT = Path(__file__).parents[2]


class BuilderFault(Exception):
    """The builder broke, or is gone. Its own words are in the log."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A fragment to be made: of which file, how, and whether it begins (``first``) or ends (``final``) that file.

    A ``stored`` one is kept as it is; otherwise it is deflated.
    """

    file: int
    recipe: Mapping[str, Any]
    first: bool
    final: bool
    stored: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "recipe": self.recipe,
            "first": self.first,
            "final": self.final,
            "stored": self.stored,
        }


@dataclass(frozen=True, slots=True)
class Built:
    """A fragment that was made. ``raw_sha256`` is of its whole file, when the order held all of it and this ends it."""

    file: int
    fragment: Fragment
    raw_sha256: str | None


class _Child:
    """A builder's process, watched by a descriptor: a fork of whoever started it may look after it too."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT
        )
        self.pid = self._process.pid
        self._watch = os.pidfd_open(self.pid)

    @property
    def orders(self) -> IO[bytes]:
        return _there(self._process.stdin)

    @property
    def answers(self) -> IO[bytes]:
        return _there(self._process.stdout)

    @property
    def is_running(self) -> bool:
        return not self._ends_within(0)

    @property
    def held_bytes(self) -> int:
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()
        except OSError:  # it is gone
            return 0
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if len(pages) > 1 else 0

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()
        self._ends_within(_END_SECONDS)
        self._process.poll()
        for pipe in (self.orders, self.answers):
            # What was not sent yet has nobody to go to.
            with suppress(BrokenPipeError):
                pipe.close()
        os.close(self._watch)

    def _ends_within(self, seconds: float) -> bool:
        watching = select.poll()
        watching.register(self._watch, select.POLLIN)
        return bool(watching.poll(seconds * 1000))


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("a builder has pipes on both sides")
    return pipe


class Builder:
    """One builder process, kept for several orders. It dies with the thread that started it, or when told to."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._place: dict[str, Any] = {}
        self._told: dict[str, Any] = {}

    def take_place(self, database: str, storage: Any) -> None:
        """Say where rows come from and bytes go; it is told with the next order.

        :param database: a SQLAlchemy address, password included
        :param storage: plain values of the storage's settings
        """
        self._place = {"database": database, "storage": storage}

    def start(self) -> None:
        """Start it unless it runs, without waiting until it is there."""
        if not self.is_running:
            self.end()
            self._child = _Child()
        if self._place and self._told != self._place:
            self._send({"open": self._place})
            self._told = self._place

    def build(self, key: str, fragments: Sequence[Ordered], about: Mapping[str, str] | None = None) -> Iterator[Built]:
        """Order a part; each fragment is told as it is made. At the end all bytes are safe, but not yet under the key.

        Whoever does not go on to :meth:`commit` must :meth:`end` the builder.

        :param about: ids that the builder's own lines in the log name
        :raises Unavailable: storage or database do not answer; trying again may help
        :raises Refusal: it cannot be made, in words for the person who asked
        :raises BuilderFault: it broke
        """
        self.start()
        ordered = [one.to_json() for one in fragments]
        self._send({"build": {"key": key, "fragments": ordered, "about": dict(about or {})}})
        while "settled" not in (answer := self._hear()):
            yield Built(answer["file"], Fragment.from_json(answer["fragment"]), answer["raw_sha256"])

    def commit(self) -> None:
        """Let the settled bytes appear under their key. Raises like :meth:`build`."""
        self._send({"commit": True})
        self._hear()

    def drop(self) -> None:
        """Let the settled bytes be dropped."""
        self._send({"commit": False})

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running

    @property
    def held_bytes(self) -> int:
        """How much memory it holds now."""
        return 0 if self._child is None else self._child.held_bytes

    def interrupt(self) -> None:
        """Kill it, from any thread. Whoever waits for its answer is told that it is gone, and ends it."""
        child = self._child
        if child is not None:
            child.kill()

    def end(self) -> None:
        """End it at once; what it was making is garbage that the sweep finds."""
        child, self._child = self._child, None
        self._told = {}
        if child is not None:
            child.end()

    def _send(self, order: Mapping[str, Any]) -> None:
        if self._child is None:
            raise BuilderFault("the builder was not started")
        try:
            self._child.orders.write(orjson.dumps(order) + b"\n")
            self._child.orders.flush()
        except OSError as fault:
            self.end()
            raise BuilderFault("the builder is gone") from fault

    def _hear(self) -> dict[str, Any]:
        if self._child is None:
            raise BuilderFault("the builder was not started")
        line = self._child.answers.readline()
        if not line.endswith(b"\n"):
            self.end()
            raise BuilderFault("the builder is gone")
        answer: dict[str, Any] = orjson.loads(line)
        if "fault" in answer:
            raise _fault(answer)
        return answer


def _fault(answer: Mapping[str, str]) -> Exception:
    kinds = {"unavailable": Unavailable, "refused": Refusal}
    return kinds.get(answer["fault"], BuilderFault)(answer["message"])

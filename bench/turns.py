"""Ours and a peer taking turns, and what comes of it."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

TICKS_A_SECOND = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """One run. ``share`` is how much of the rows it made: a sampled peer's seconds stand for that part alone."""

    seconds: float
    cpu: float
    bytes: int
    share: float = 1.0

    @property
    def whole(self) -> float:
        """The seconds that all rows would have taken."""
        return self.seconds / self.share


@dataclass(frozen=True, slots=True)
class Peer:
    """What one would type instead.

    :param matched: same SELECT, same output; otherwise it is a looser comparison, and ``note`` says why
    :param bar: the least ratio that is asked for, if this is the peer that the bar names
    :param run: makes the output in the folder that it is given, and says what that took
    :param differs: reads the output and says how its content differs from ours, or None
    """

    name: str
    matched: bool
    run: Callable[[Path], Turn]
    differs: Callable[[Path], str | None]
    note: str = ""
    bar: float | None = None


@dataclass(slots=True)
class Compared:
    """Turns with one peer. ``refused`` says why there is no ratio."""

    peer: Peer
    ours: list[Turn] = field(default_factory=list)
    theirs: list[Turn] = field(default_factory=list)
    refused: str | None = None

    @property
    def ratios(self) -> list[float]:
        """Of each pair: how many times longer the peer takes.

        :raises ValueError: the contents differ, so there is none
        """
        if self.refused:
            raise ValueError(f"no ratio: {self.refused}")
        return [theirs.whole / ours.whole for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        return median(self.ratios)


@dataclass(slots=True)
class Section:
    """Everything measured of one kind on one database."""

    title: str
    database: str
    rows: int
    raw_bytes: int
    unit: str = "values"
    rate_bar: int | None = None
    """So many of the units are to be made in a second."""
    compared: list[Compared] = field(default_factory=list)


def take_turns(
    ours: Callable[[], Turn], peers: list[Peer], pairs: int, folder: Path, tell: Callable[[str], None]
) -> list[Compared]:
    """First every peer once, its content compared with ours; then A B A B with those that are equal.

    The first turns warm the caches of both and are not counted.
    """
    results = [Compared(peer) for peer in peers]
    ours()
    for result in results:
        result.peer.run(folder)
        result.refused = _refusal(result.peer, folder)
        if result.refused:
            tell(f"  {result.peer.name}: NO RATIO, the contents differ: {result.refused}")
    for _ in range(pairs):
        for result in (one for one in results if not one.refused):
            result.ours.append(ours())
            result.theirs.append(result.peer.run(folder))
            tell(
                f"  {result.peer.name}: ours {result.ours[-1].whole:.2f} s, theirs {result.theirs[-1].whole:.2f} s, "
                f"{result.ratios[-1]:.2f}×"
            )
    return results


def _refusal(peer: Peer, folder: Path) -> str | None:
    try:
        return peer.differs(folder)
    except (ValueError, KeyError) as fault:  # Arrow's faults are such
        return f"it cannot be read: {fault}"


def children_cpu() -> float:
    """CPU seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tree_cpu(*roots: int) -> float:
    """CPU seconds of processes and all below them; those that ended count where their parents waited for them."""
    return sum(_cpu_of(pid, 4) for root in roots for pid in (root, *descendants(root)))


class CpuWatch:
    """CPU seconds of processes and of all that they ever had below them, seen at many looks.

    A worker's child ends without waiting for its own children, whose time nobody counts then.
    """

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = tuple(roots)
        self._before = {pid: _cpu_of(pid, 2) for pid in self._processes()}
        self._seen: dict[int, float] = {}

    def look(self) -> None:
        for pid in self._processes():
            self._seen[pid] = max(self._seen.get(pid, 0.0), _cpu_of(pid, 2) - self._before.get(pid, 0.0))

    @property
    def seconds(self) -> float:
        self.look()
        return sum(self._seen.values())

    def _processes(self) -> Iterator[int]:
        for root in self._roots:
            yield root
            yield from descendants(root)


def descendants(pid: int) -> list[int]:
    """The living processes below one."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        below = [int(one) for task in tasks for one in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in below for found in (child, *descendants(child))]


def is_builder(pid: int) -> bool:
    """Whether it is a builder, which a worker keeps between exports."""
    try:
        return b"app.builder" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _cpu_of(pid: int, fields: int) -> float:
    """Its own time (2 fields), or with that of the children it waited for (4)."""
    try:
        # The name may hold spaces and brackets; what follows it does not.
        known = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(one) for one in known[11 : 11 + fields]) / TICKS_A_SECOND

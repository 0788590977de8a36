"""What a run found, as figures; and each bar with its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from bench.turns import Section, Turn

WORKERS = (1, 2, 4)
SCALING_BAR = 1.4
MEMORY_BAR, PARQUET_MEMORY_BAR = 200.0, 400.0
MEMORY_SPREAD = 0.15
LAUNCH_BAR, WAITING_BAR = 1.0, 0.3


@dataclass(frozen=True, slots=True)
class Peak:
    """A builder's peak in MB beyond its imports, of a smaller and a larger export."""

    what: str
    database: str
    imports: float
    small_rows: int
    small: float
    large_rows: int
    large: float

    @property
    def spread(self) -> float:
        """By how much the larger export's peak is above the smaller one's."""
        return self.large / self.small - 1

    @property
    def bar(self) -> float:
        return PARQUET_MEMORY_BAR if "Parquet" in self.what else MEMORY_BAR


@dataclass(frozen=True, slots=True)
class Launch:
    """Small exports: seconds from the request to the link, and how long each waited for a worker."""

    what: str
    database: str
    seconds: list[float]
    waiting: list[float]


@dataclass(frozen=True, slots=True)
class Took:
    """A use case in this process: the seconds of each run, and how many are allowed."""

    what: str
    database: str
    seconds: list[float]
    bar: float


@dataclass(frozen=True, slots=True)
class Scaling:
    """One kind by so many workers."""

    what: str
    database: str
    turns: dict[int, list[Turn]]

    def seconds(self, workers: int) -> float:
        return median(turn.seconds for turn in self.turns[workers])


@dataclass(slots=True)
class Results:
    sections: list[Section] = field(default_factory=list)
    scalings: list[Scaling] = field(default_factory=list)
    peaks: list[Peak] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    tooks: list[Took] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar: what was asked, what came out. ``met`` is None where contents differ, so that there is no figure."""

    what: str
    asked: str
    found: str
    met: bool | None


def verdicts(results: Results) -> list[Verdict]:
    """Every bar that this run measured."""
    found = [
        Verdict(
            f"{section.title}, {section.database}, against {one.peer.name}",
            f"≥ {one.peer.bar:g}×",
            "contents differ" if one.refused else f"{one.ratio:.2f}×",
            None if one.refused else one.ratio >= one.peer.bar,
        )
        for section in results.sections
        for one in section.compared
        if one.peer.bar is not None
    ]
    for section in results.sections:
        took = [turn.seconds for one in section.compared for turn in one.ours]
        if section.rate_bar is not None and took:
            rate = section.rows / median(took)
            asked = f"≥ {section.rate_bar:,} {section.unit} a second"
            found.append(
                Verdict(f"{section.title}, {section.database}", asked, f"{rate:,.0f}", rate >= section.rate_bar)
            )
    for scaling in (one for one in results.scalings if one.database == "postgresql"):
        gain = scaling.seconds(1) / scaling.seconds(2)
        found.append(
            Verdict(f"two workers against one, {scaling.what}, {scaling.database}", f"≥ {SCALING_BAR}×",
                    f"{gain:.2f}×", gain >= SCALING_BAR)
        )  # fmt: skip
    for peak in results.peaks:
        worst = max(peak.small, peak.large)
        met = worst <= peak.bar and abs(peak.spread) <= MEMORY_SPREAD
        found.append(
            Verdict(f"builder's memory, {peak.what}, {peak.database}",
                    f"≤ {peak.bar:.0f} MB beyond imports, 1× and 10× within {MEMORY_SPREAD:.0%}",
                    f"{peak.small:.0f} and {peak.large:.0f} MB, {peak.spread:+.0%}", met)
        )  # fmt: skip
    for launch in results.launches:
        seconds, waiting = median(launch.seconds), median(launch.waiting)
        found.append(
            Verdict(f"launch to link, {launch.what}, {launch.database}",
                    f"≤ {LAUNCH_BAR:g} s, of which waiting ≤ {WAITING_BAR} s",
                    f"{seconds:.2f} s, of which waiting {waiting:.2f} s",
                    seconds <= LAUNCH_BAR and waiting <= WAITING_BAR)
        )  # fmt: skip
    for use in results.tooks:
        middle = median(use.seconds)
        found.append(
            Verdict(f"{use.what}, {use.database}", f"≤ {use.bar * 1000:.0f} ms", f"{middle * 1000:.0f} ms",
                    middle <= use.bar)
        )  # fmt: skip
    return found

"""How much is measured: from the command line, else from the environment, else the sizes of the bars."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

DATABASES = ("sqlite", "postgresql")
METRICS = 6
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a run is made of.

    :param values: measurements, over ``devices`` × 6 metrics × 12 months
    :param entities: patients; seven in ten of them lie in the period that is exported
    :param pairs: how often ours and a peer take turns
    :param memory_values: the smaller of the two exports whose peak memory is compared; the larger has ten times as many
    :param sample: slow peers export one in so many devices or patients, and their time is scaled
    :param small_runs: exports of ten rows; also how often a terminology is released, and two releases are compared
    :param concepts: of the large terminology; there is one of a tenth of it too
    """

    values: int
    entities: int
    devices: int
    pairs: int
    memory_values: int
    sample: int
    small_runs: int
    concepts: int = 700_000

    @property
    def memory_devices(self) -> int:
        """So many devices hold about ``memory_values``."""
        return max(1, round(self.devices * self.memory_values / self.values))

    @property
    def large_memory_devices(self) -> int:
        return min(self.devices, self.memory_devices * 10)

    @property
    def diff_concepts(self) -> int:
        """The terminology whose two releases are compared is as large as ICD-10-CM when the large one has 700,000."""
        return max(10, self.concepts * 98_505 // 700_000)

    @property
    def diff_edits(self) -> int:
        return max(1, self.diff_concepts * 1_000 // 98_505)


@dataclass(frozen=True, slots=True)
class Asked:
    """A run as it was asked for. ``results`` is where the report goes; with ``planted`` the
    peers read another state."""

    sizes: Sizes
    databases: tuple[str, ...]
    cache: Path
    results: Path | None
    only: tuple[str, ...]
    planted: bool
    prepare_only: bool


def ask(arguments: Sequence[str] | None = None) -> Asked:
    """Read the command line; ``--small`` is a quick look."""
    parser = argparse.ArgumentParser(
        prog="ops/bench", description="Chartroom's exports beside what one would type instead."
    )
    parser.add_argument(
        "--small", action="store_true", help="a quick look: 60,000 values, 3,000 patients, 7,000 concepts"
    )
    for name, meaning in (
        ("values", "measurements"),
        ("entities", "patients"),
        ("devices", "devices that measured"),
        ("concepts", "concepts of the large terminology"),
        ("pairs", "turns of ours and a peer"),
    ):
        parser.add_argument(f"--{name}", type=int, help=meaning)
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one; may be given again")
    parser.add_argument("--only", action="append", help="only these sections; may be given again")
    parser.add_argument("--cache", type=Path, help="where the data is kept between runs (BENCH_DIR)")
    parser.add_argument("--results", type=Path, help="where the report goes; without it, it is printed only")
    parser.add_argument("--prepare", action="store_true", help="only make the data")
    parser.add_argument(
        "--planted-fault",
        action="store_true",
        help="let the peers read an older state, to see that no ratio is printed then",
    )
    given = parser.parse_args(arguments)
    return Asked(
        sizes=_sizes(given),
        databases=tuple(given.database or DATABASES),
        cache=(given.cache or Path(os.environ.get("BENCH_DIR") or Path(gettempdir()) / "chartroom-bench")).absolute(),
        results=given.results,
        only=tuple(given.only or ()),
        planted=given.planted_fault,
        prepare_only=given.prepare,
    )


def _sizes(given: argparse.Namespace) -> Sizes:
    small = given.small

    def number(name: str, usual: int, quick: int) -> int:
        asked = getattr(given, name, None) or int(os.environ.get(f"BENCH_{name.upper()}") or 0)
        return int(asked) or (quick if small else usual)

    values = number("values", 5_000_000, 60_000)
    return Sizes(
        values=values,
        entities=number("entities", 500_000, 3_000),
        devices=number("devices", 200, 20),
        pairs=number("pairs", 3, 1),
        memory_values=number("memory_values", values // 10, values // 10),
        sample=number("sample", 10, 10),
        small_runs=number("small_runs", 9, 3),
        concepts=number("concepts", 700_000, 7_000),
    )

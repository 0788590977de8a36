"""What is measured on one database, section by section."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import select

from app.extensions import db
from app.models import Entity
from bench import content, ours
from bench.data import Device, Kept, forget_exports
from bench.measured import Values, values_of
from bench.ours import Asker, ReleaseWish, Wish
from bench.patients import created_at, exported_from
from bench.peaks import Watch, peak_of_imports
from bench.peers import Peers
from bench.results import WORKERS, Launch, Peak, Results, Scaling
from bench.servers import running_workers
from bench.sizes import Sizes
from bench.terms_runs import TermRuns
from bench.turns import Peer, Section, take_turns

SECTIONS = ("wide", "long", "patients", "parquet", "month", "workers", "memory", "launch", "terminology")
USUAL_WORKERS = 2
SMALL_ROWS = 10
FEWEST_TURNS = 3
"""Of one, two and four workers: a turn takes a second, so one of them says little."""
Tell = Callable[[str], None]


class Runs:
    """The runs of one database; each adds what it found to the results."""

    def __init__(
        self, kept: Kept, sizes: Sizes, folder: Path, results: Results, tell: Tell, *, planted: bool = False
    ) -> None:
        self._kept, self._sizes, self._folder, self._results, self._tell = kept, sizes, folder, results, tell
        self._names = [name for _, name in kept.data.metrics]
        self._igzip, self._planted = shutil.which("igzip") is not None, planted
        self.peers = Peers(kept, sizes.sample, igzip=self._igzip, planted=planted)

    def run(self, sections: tuple[str, ...]) -> None:
        """Run the sections asked for, in their usual order."""
        for name in (one for one in SECTIONS if one in sections):
            self._tell(f"{self._kept.name}: {name}")
            getattr(self, name)()
            forget_exports(self._kept.config.data_dir)

    def wide(self) -> None:
        """A CSV for each device, a column for each metric."""
        self._time_series("Time series, wide CSV", ours.wide(), self.peers.of_wide)

    def parquet(self) -> None:
        """A Parquet file for each device."""
        self._time_series("Time series, Parquet", ours.wide(file_format="parquet"), self.peers.of_parquet)

    def month(self) -> None:
        """One device, one month out of twelve."""
        number = len(self._kept.data.devices) // 2
        device = self._kept.data.devices[number]
        start, end = _middle_month(values_of(number, device.series, self._sizes))

        def peers(found: content.Content) -> list[Peer]:
            return self.peers.of_month(device, found, start, end)

        wish = ours.wide(devices=(device.id,), start=start, end=end)
        self._time_series("One device-month out of twelve, wide CSV", wish, peers)

    def long(self) -> None:
        """A row for each value."""
        with self.asking(USUAL_WORKERS) as asker:
            made = asker.keep(ours.long(), self._archive)
            written = content.member(self._archive, ours.MEASUREMENTS)
            header = written[: written.index(b"\n")].decode().strip().split(",")
            found = content.long_of(written, self._names, None)
            named = self._called(found)
            peers = self.peers.of_long(found, header, named)
            section = Section("Time series, long CSV", self._kept.name, made.rows, made.raw_bytes)
            self.compare(section, asker, ours.long(), peers)

    def patients(self) -> None:
        """Entities as NDJSON."""
        wish = ours.patients(exported_from(self._kept.data.patients))
        with self.asking(USUAL_WORKERS) as asker:
            made = asker.keep(wish, self._archive)
            unpacked = self._folder / "ours.ndjson"
            unpacked.write_bytes(content.member(self._archive, "patient"))
            section = Section("Entities as NDJSON", self._kept.name, made.rows, made.raw_bytes, "patients")
            self.compare(section, asker, wish, self.peers.of_patients(unpacked))
            unpacked.unlink()

    def workers(self) -> None:
        """One, two and four workers, in turns."""
        scaling = Scaling("time series, wide CSV", self._kept.name, {count: [] for count in WORKERS})
        for _ in range(max(FEWEST_TURNS, self._sizes.pairs)):
            for count in WORKERS:
                with self.asking(count) as asker:
                    # New processes, every one of them, load and read what the others have loaded and read already.
                    asker.turn(ours.wide())
                    scaling.turns[count].append(asker.turn(ours.wide()))
                    self._tell(f"  {count} workers: {scaling.turns[count][-1].seconds:.2f} s")
        self._results.scalings.append(scaling)

    def memory(self) -> None:
        """The builder's peak for an export and for one ten times as large."""
        count = self._kept.data.patients
        since = exported_from(count)
        tenth = created_at(count - round(count * 0.07), count)
        few = tuple(one.id for one in self._kept.data.devices[: self._sizes.memory_devices])
        many = tuple(one.id for one in self._kept.data.devices[: self._sizes.large_memory_devices])
        self.peak("time series, wide CSV", ours.wide(devices=few), ours.wide(devices=many))
        self.peak(
            "time series, Parquet",
            ours.wide(devices=few, file_format="parquet"),
            ours.wide(devices=many, file_format="parquet"),
        )
        self.peak("entities as NDJSON", ours.patients(tenth), ours.patients(since))

    def launch(self) -> None:
        """From the request to the link, for ten rows."""
        since = exported_from(self._kept.data.patients)
        some = select(Entity.id).where(Entity.data_type == "patient", Entity.created_at >= since)
        chosen = tuple(db.session.scalars(some.order_by(Entity.created_at).limit(SMALL_ROWS)))
        db.session.rollback()
        wishes = {"ten patients": ours.patients(since, chosen), "ten instants of a device": self._small_wide()}
        with self.asking(USUAL_WORKERS) as asker:
            for what, wish in wishes.items():
                asker.turn(wish)
                made = [asker.make(wish) for _ in range(self._sizes.small_runs)]
                launch = Launch(
                    what, self._kept.name, [one.turn.seconds for one in made], [one.waiting for one in made]
                )
                self._tell(f"  {what}: {median(launch.seconds):.2f} s, waiting {median(launch.waiting):.2f} s")
                self._results.launches.append(launch)

    def terminology(self) -> None:
        """Releases of a terminology and of one ten times as large; releasing; the diff of two releases."""
        runs = TermRuns(self._kept, self._sizes, self._results, self._tell, planted=self._planted, igzip=self._igzip)
        for terms in (runs.small, runs.large):
            with self.asking(USUAL_WORKERS) as asker:
                section, peers = runs.section(terms, asker, self._archive)
                self.compare(section, asker, runs.wish(terms), peers)
        self.peak("terminology", runs.wish(runs.small), runs.wish(runs.large))
        runs.release()
        runs.diff()

    @property
    def _archive(self) -> Path:
        return self._folder / "ours.zip"

    def _time_series(self, title: str, wish: Wish, peers: Callable[[content.Content], list[Peer]]) -> None:
        with self.asking(USUAL_WORKERS) as asker:
            made = asker.keep(wish, self._archive)
            found = content.wide_of_archive(self._archive, self._names)
            section = Section(title, self._kept.name, made.rows, made.raw_bytes)
            self.compare(section, asker, wish, peers(found))

    def compare(self, section: Section, asker: Asker, wish: Wish | ReleaseWish, peers: list[Peer]) -> None:
        section.compared = take_turns(lambda: asker.turn(wish), peers, self._sizes.pairs, self._folder, self._tell)
        self._results.sections.append(section)

    def peak(self, what: str, small: Wish | ReleaseWish, large: Wish | ReleaseWish) -> None:
        sizes = []
        with self.asking(USUAL_WORKERS) as asker:
            for wish in (small, large):
                watch = Watch(self._worker_pids)
                sizes.append((asker.make(wish, watch.look).rows, watch.highest))
        imports = peak_of_imports(self._kept.cluster is not None)
        (small_rows, small_peak), (large_rows, large_peak) = sizes
        peak = Peak(what, self._kept.name, imports, small_rows, small_peak - imports, large_rows, large_peak - imports)
        self._tell(f"  {what}: {peak.small:.0f} and {peak.large:.0f} MB beyond {imports:.0f} MB of imports")
        self._results.peaks.append(peak)

    @contextmanager
    def asking(self, count: int) -> Iterator[Asker]:
        log = self._kept.config.data_dir / "workers.log"
        with running_workers(count, self._kept.environment, log) as pids:
            self._worker_pids = pids
            yield Asker(self._kept, pids)

    def _small_wide(self) -> Wish:
        """The first ten instants of a device."""
        device = self._kept.data.devices[0]
        times = sorted(set(values_of(0, device.series, self._sizes).times.tolist()))
        moments = [
            datetime.fromtimestamp(time / 1000, UTC) for time in (times[0], times[min(SMALL_ROWS, len(times) - 1)])
        ]
        return ours.wide(devices=(device.id,), start=moments[0], end=moments[1])

    def _called(self, found: content.Content) -> dict[str, str]:
        """What our long file calls each device: its key, or its id."""

        def called(device: Device) -> str:
            return device.key if device.key in found else str(device.id)

        return {one.key: called(one) for one in self._kept.data.devices}


def _middle_month(values: Values) -> tuple[datetime, datetime]:
    """The month in which the middle one of the values lies: there is something in it however few there are."""
    middle = datetime.fromtimestamp(int(values.times[len(values) // 2]) / 1000, UTC)
    start = middle.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, (start + timedelta(days=31)).replace(day=1)

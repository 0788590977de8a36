"""Ten people of two tenants who ask for exports, two hosts that make them, and what is seen of these meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from flask import current_app
from sqlalchemy import text

from app import administration, clock, exports
from app.exports import DataExportParams, ReportParams
from app.extensions import db
from app.models.types import EPOCH
from tests.exports.timeseries import ALWAYS, Ward, busy_devices
from tests.factories import PASSWORD
from tests.faults.deployment import EVERY_PATIENT, Deployment
from tests.faults.processes import WORKER, builders_of

OURS = ("alice", "adam", "rita", "ann", "max", "nora")
THEIRS = ("boris", "bea", "bob", "bill")
PATIENTS = [replace(EVERY_PATIENT, format=form, without_phi=bare) for form in ("parquet", "json", "csv", "ndjson")
            for bare in (False, True)]  # fmt: skip
MEASURED = [replace(ALWAYS, format=form, include_unit=True) for form in ("parquet", "csv")]
CLAIMS = """
CREATE TABLE claimed (
    number bigserial PRIMARY KEY, export_id uuid NOT NULL, step text NOT NULL, worker text NOT NULL
);
CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO claimed (export_id, step, worker) VALUES (NEW.export_id, NEW.step, NEW.worker);
    RETURN NEW;
END $$;
CREATE TRIGGER claims_are_noted AFTER UPDATE ON export_part
    FOR EACH ROW WHEN (NEW.fence > OLD.fence) EXECUTE FUNCTION note_claim();
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One export of the many."""

    who: str
    params: ReportParams | DataExportParams
    export_id: UUID


def people(site: Deployment) -> None:
    """Three more in the other tenant, so that they are ten; devices with measurements; and every claim is noted."""
    world = site.world
    for name in THEIRS[1:]:
        user = administration.create_user(
            world.borealis.id, world.foreign.id, email=f"{name}@example.org", name=name.title(), password=PASSWORD,
            role="clinician",
        )  # fmt: skip
        db.session.refresh(user)
        db.session.expunge(user)
        world.users[name] = user
    busy_devices(Ward.of(world))
    db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(text(CLAIMS))


def two_hosts(site: Deployment) -> list[Path]:
    """Two workers instead of one, over a bucket with a data directory each. Returns these directories."""
    for kept in site.workers:
        kept.end()
    homes = [site.config.data_dir / f"host-{number}" for number in (1, 2)] if site.proxy else []
    for home in homes:
        home.mkdir()
    site.workers = [site.start(home.name, ["env", f"DATA_DIR={home}", *WORKER]) for home in homes]
    while len(site.workers) < 2:
        site.add_worker()
    return homes


def ask_at_once(site: Deployment, names: tuple[str, ...], how_many: int, turned: int) -> list[Asked]:
    """Each of some people asks for their share, all at the same time, each in a session of their own.

    :param turned: how much later in the row of all that can be asked for each person begins than the one before
    """
    every = list(chain.from_iterable(zip(PATIENTS, cycle(MEASURED), strict=False)))
    shares = [how_many // len(names) + (number < how_many % len(names)) for number in range(len(names))]
    rows = [cycle(every if name in OURS else PATIENTS) for name in names]
    wanted = [
        list(islice(row, number * turned, number * turned + share))
        for number, (row, share) in enumerate(zip(rows, shares, strict=True))
    ]
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # threads do not see the proxy's

    def ask(who: str, params: Any) -> list[Asked]:
        with app.app_context():
            actor = site.world.actor(who)
            made = []
            for one in params:
                kind = "report" if isinstance(one, ReportParams) else "data_export"
                export = exports.request_export(actor, kind, one, request_key=str(uuid4()))
                made.append(Asked(who, one, export.id))
            db.session.remove()
            return made

    with ThreadPoolExecutor(len(names)) as pool:
        return list(chain.from_iterable(pool.map(ask, names, wanted)))


def claims() -> list[tuple[UUID, str, str]]:
    """Every claim in order: of which export, which step, by which worker."""
    rows = db.session.execute(text("SELECT export_id, step, worker FROM claimed ORDER BY number")).all()
    db.session.rollback()
    return [(row.export_id, row.step, row.worker) for row in rows]


@dataclass(frozen=True, slots=True)
class Look:
    """What a process took of memory at an instant, in KiB: now, and at most so far."""

    at: datetime
    role: str
    host: int
    pid: int
    resident: int
    peak: int


@dataclass
class Watch:
    """Looks at the workers, their work horses and the builders of these, again and again."""

    looks: list[Look] = field(default_factory=list)
    first_ended: datetime = EPOCH
    """When the first of the exports was ready."""

    def horses(self, host: int) -> set[int]:
        return {look.pid for look in self.looks if (look.role, look.host) == ("horse", host)}


@contextmanager
def watching(site: Deployment) -> Iterator[Watch]:
    watch, done = Watch(), threading.Event()
    workers = [kept.pid for kept in site.workers]

    def look_on() -> None:
        while not done.wait(0.05):
            for host, worker in enumerate(workers):
                watch.looks += _looks(host, worker)

    thread = threading.Thread(target=look_on, name="watch")
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


def _looks(host: int, worker: int) -> Iterator[Look]:
    horses = _children(worker)
    builders = [builder for horse in horses for builder in builders_of(horse)]
    for role, pids in (("worker", [worker]), ("horse", horses), ("builder", builders)):
        for pid in pids:
            with suppress(FileNotFoundError, ProcessLookupError, KeyError):
                status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
                resident, peak = (int(status[name].split()[0]) for name in ("VmRSS", "VmHWM"))
                yield Look(clock.now(), role, host, pid, resident, peak)


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []

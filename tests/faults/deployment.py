"""A whole deployment in small: database, Valkey, storage, workers and the reconciler, to be killed and frozen."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from sqlalchemy import NullPool, create_engine, select, text
from sqlalchemy.exc import OperationalError

from app import create_app, exports
from app.exports import ReportParams
from app.extensions import db
from app.models import Export, ExportPart
from config import NUMBERS, Config
from tests.conftest import SECRET
from tests.factories import World
from tests.faults import processes
from tests.faults.processes import RECONCILER, WORKER, Kept, parent_of, until
from tests.services.faulty import Fault, FaultyProxy
from tests.services.valkey import Valkey

SITE = Path(__file__).parent / "site"
MID_FRAGMENT = "mid-fragment"
"""The one place in the builder itself: it has written a piece of a fragment, and not its end."""
S3_SETTINGS = ("s3_bucket", "s3_region", "s3_access_key_id", "s3_secret_access_key")
EVERY_PATIENT = ReportParams(("patient",), start=datetime(2000, 1, 1, tzinfo=UTC), order="asc")


@dataclass(frozen=True)
class Held:
    """What stands still at a place, and the part that is held there, if one still is.

    ``standing`` is the process that stands still: the work horse ``pid``, or its builder. ``asked`` is the export that
    the test asked for last.
    """

    pid: int
    standing: int
    asked: UUID | None
    place: str
    export_id: UUID | None
    ordinal: int | None
    fence: int


class Deployment:
    """Several processes over one database, one storage and one Valkey.

    Where storage is a bucket, ``proxy`` stands between it and every process but this one.

    Use it inside :meth:`at_hand`, which pushes an application context of this process over the same database.
    """

    def __init__(
        self, config: Config, world: World, valkey: Valkey, proxy: FaultyProxy | None, planted: str | None = None
    ) -> None:
        self.config, self.world, self.valkey, self.proxy = config, world, valkey, proxy
        self.faults = config.data_dir / "faults"
        for name in ("armed", "reached", "released", "disk"):
            (self.faults / name).mkdir(parents=True)
        self._planted = planted
        self._remembered: dict[str, Any] = {}
        self._app: Flask = create_app(config)
        self.reconciler = self._keep("reconciler", RECONCILER)
        self.workers = [self._keep("worker 1", WORKER)]

    @contextmanager
    def at_hand(self, *, running: bool = True) -> Iterator[Deployment]:
        """Everything runs, no place is armed, nothing fails, and this process may ask the database."""
        for folder in ("armed", "disk"):
            for planned in (self.faults / folder).iterdir():
                planned.unlink()
        if self.proxy is not None:
            self.proxy.faults = []
        # What a process shares is bound to the application that was made last.
        self._app = create_app(self.config)
        if running:
            self.revive()
        with self._app.app_context():
            yield self
            db.session.remove()
            db.engine.dispose()

    def revive(self) -> None:
        """What a supervisor does all the time: start again whatever ended."""
        for kept in (self.reconciler, *self.workers):
            kept.revive()

    def add_worker(self) -> None:
        """One more worker from now on."""
        self.workers.append(self._keep(f"worker {len(self.workers) + 1}", WORKER))
        self.workers[-1].revive()

    def end(self) -> None:
        for kept in (self.reconciler, *self.workers):
            kept.end()

    @property
    def storage(self) -> str:
        """``disk`` or ``s3``."""
        return "disk" if self.proxy is None else "s3"

    def request(self, who: str, params: ReportParams = EVERY_PATIENT) -> UUID:
        return exports.request_export(self.world.actor(who), "report", params, request_key=str(uuid4())).id

    def remembered(self, name: str, find_out: Callable[[], Any]) -> Any:
        """What was found out under a name; found out when it is first asked for."""
        if name not in self._remembered:
            self._remembered[name] = find_out()
        return self._remembered[name]

    def arm(self, place: str) -> None:
        """The next process that reaches the place stands still there."""
        (self.faults / "armed" / place).touch()

    def start(self, name: str, command: list[str]) -> Kept:
        """A program of a test's own over the same services, started once."""
        made = self._keep(name, command)
        made.revive()
        return made

    def held_at(self, place: str, asked: UUID | None = None, *, revived: bool = True) -> Held:
        """Wait until somebody stands still at an armed place."""
        reached = self.faults / "reached"
        mark = until(
            lambda: next(reached.glob(f"{place}.*"), None),
            f"{place} is reached",
            self.go_on if revived else db.session.rollback,
        )
        standing = int(mark.suffix[1:])
        pid = processes.horse_of(standing) if place == MID_FRAGMENT else standing
        mark.unlink()
        part = db.session.execute(
            select(ExportPart.export_id, ExportPart.ordinal, ExportPart.fence).where(
                ExportPart.worker == f"{socket.gethostname()}/{pid}", ExportPart.state == "building"
            )
        ).one_or_none()
        db.session.rollback()
        return Held(pid, standing, asked, place, *(part or (None, None, 0)))

    def release(self, held: Held) -> None:
        """Let it go on from where it stands."""
        (self.faults / "released" / str(held.standing)).touch()

    def freeze(self, held: Held) -> None:
        """Stop every thread of a work horse, its heart too, and its builder; but in no open transaction: that would
        hold others up."""
        for builder in processes.builders_of(held.pid):
            processes.freeze(builder)
        processes.freeze(held.pid)
        while self._is_held_up(held):
            processes.thaw(held.pid)
            processes.freeze(held.pid)

    def thaw(self, held: Held) -> None:
        """Let a frozen work horse and its builder run on until it finds nothing more to do."""
        self.release(held)
        for builder in processes.builders_of(held.pid):
            processes.thaw(builder)
        processes.thaw(held.pid)
        until(lambda: processes.is_gone(held.pid), "the thawed work horse has ended", self.go_on)

    def fail_storage(self, *, full: bool, times: int) -> None:
        """The next calls of workers and builders to their storage fail: it is full, or it does not do its work."""
        if self.proxy is None:
            for number in range(times):
                (self.faults / "disk" / f"{'ENOSPC' if full else 'EIO'}.{number}").touch()
        elif full:
            self.proxy.faults = [Fault(where="PUT", times=times, status=507, code="XMinioStorageFull")]
        else:
            self.proxy.faults = [Fault(times=times)]

    def storage_faults_left(self) -> int:
        """How many of the calls that were to fail have not come."""
        if self.proxy is None:
            return len(list((self.faults / "disk").iterdir()))
        return sum(fault.times for fault in self.proxy.faults)

    def end_sessions(self) -> None:
        """End every session of PostgreSQL but ours, as its restart would."""
        db.session.remove()
        db.engine.dispose()
        with db.engine.connect() as connection:
            ended = connection.scalars(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            ).all()
        assert True in ended, "nobody had a session"

    def go_on(self) -> None:
        """What is done again and again while a test waits: the supervisor's work, and no transaction stays open."""
        db.session.rollback()
        self.revive()

    def _is_held_up(self, held: Held) -> bool:
        """Whether others would have to wait for the builder's transaction."""
        its_part = (ExportPart.export_id == held.export_id, ExportPart.ordinal == held.ordinal)
        # A pool of its own: the waiting time of SQLite's locks is the connection's.
        engine = create_engine(self.config.database_url, poolclass=NullPool)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA busy_timeout=100")
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                else:
                    connection.execute(select(ExportPart.ordinal).where(*its_part).with_for_update(nowait=True))
                connection.rollback()
        except OperationalError:
            return True
        return False

    def worker_of(self, held: Held) -> Kept:
        """The worker whose work horse that is."""
        parent = parent_of(held.pid)
        return next(one for one in self.workers if one.pid == parent)

    def until_settled(self, *export_ids: UUID) -> None:
        """Wait until none of the exports is pending."""
        try:
            until(lambda: not self.is_pending(*export_ids), "the exports are settled", self.go_on)
        except AssertionError as vain:
            raise AssertionError(f"{vain}\n{self.said()}") from None

    def said(self) -> str:
        """The ends of what the processes wrote."""
        kept = (self.reconciler, *self.workers)
        return "\n".join(f"--- {one.name}\n{one.log.read_text(errors='replace')[-4000:]}" for one in kept)

    def is_pending(self, *export_ids: UUID) -> bool:
        """Whether one of the exports is."""
        found = db.session.scalars(
            select(Export.id).where(Export.id.in_(export_ids), Export.state.in_(("queued", "building")))
        ).first()
        db.session.rollback()
        return found is not None

    def _keep(self, name: str, command: list[str]) -> Kept:
        environment = {name.upper(): str(getattr(self.config, name)) for name in NUMBERS} | {
            "SECRET_KEY": SECRET,
            "DATA_DIR": str(self.config.data_dir),
            "DATABASE_URL": self.config.database_url,
            "REDIS_URL": self.config.redis_url,
            "LOG_LEVEL": "INFO",
            "PYTHONPATH": str(SITE),
            "FAULTS": str(self.faults),
            "PLANTED": self._planted or "",
        }
        if self.proxy is not None:
            environment |= {name.upper(): str(getattr(self.config, name)) for name in S3_SETTINGS}
            environment |= {"STORAGE": "s3", "S3_ENDPOINT_URL": self.proxy.url}
        return Kept(name, command, environment, self.config.data_dir / f"{name}.log")

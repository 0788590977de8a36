"""A whole deployment in small: database, Valkey, workers and the reconciler, which tests may kill and freeze."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from flask import Flask
from sqlalchemy import NullPool, create_engine, select
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
from tests.services.valkey import Valkey

SITE = Path(__file__).parent / "site"
EVERY_PATIENT = ReportParams(("patient",), start=datetime(2000, 1, 1, tzinfo=UTC), order="asc")


@dataclass(frozen=True)
class Held:
    """A builder that stands still at a place, and the part it holds there, if it still holds one."""

    pid: int
    place: str
    export_id: UUID | None
    ordinal: int | None
    fence: int


class Deployment:
    """Several processes over one database, one folder and one Valkey.

    Use it inside :meth:`at_hand`, which pushes an application context of this process over the same database.
    """

    def __init__(self, config: Config, world: World, valkey: Valkey, planted: str | None = None) -> None:
        self.config, self.world, self.valkey = config, world, valkey
        self.faults = config.data_dir / "faults"
        for name in ("armed", "reached", "released"):
            (self.faults / name).mkdir(parents=True)
        self._planted = planted
        self._app: Flask = create_app(config)
        self.reconciler = self._keep("reconciler", RECONCILER)
        self.workers = [self._keep("worker 1", WORKER)]

    @contextmanager
    def at_hand(self, *, running: bool = True) -> Iterator[Deployment]:
        """Everything runs, no place is armed, and this process may ask the database."""
        for armed in (self.faults / "armed").iterdir():
            armed.unlink()
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

    def request(self, who: str, params: ReportParams = EVERY_PATIENT) -> UUID:
        return exports.request_export(self.world.actor(who), "report", params, request_key=str(uuid4())).id

    def arm(self, place: str) -> None:
        """The next builder that reaches the place stands still there."""
        (self.faults / "armed" / place).touch()

    def held_at(self, place: str) -> Held:
        """Wait until a builder stands still at an armed place."""
        reached = self.faults / "reached"
        mark = until(lambda: next(reached.glob(f"{place}.*"), None), f"{place} is reached", self._go_on)
        pid = int(mark.suffix[1:])
        mark.unlink()
        part = db.session.execute(
            select(ExportPart.export_id, ExportPart.ordinal, ExportPart.fence).where(
                ExportPart.worker == f"{socket.gethostname()}/{pid}", ExportPart.state == "building"
            )
        ).one_or_none()
        db.session.rollback()
        return Held(pid, place, *(part or (None, None, 0)))

    def release(self, held: Held) -> None:
        """Let a builder go on from where it stands."""
        (self.faults / "released" / str(held.pid)).touch()

    def freeze(self, held: Held) -> None:
        """Stop every thread of a builder, its heart too, but in no open transaction: that would hold others up."""
        processes.freeze(held.pid)
        while self._is_held_up(held):
            processes.thaw(held.pid)
            processes.freeze(held.pid)

    def thaw(self, held: Held) -> None:
        """Let a frozen builder run on until it finds nothing more to do."""
        self.release(held)
        processes.thaw(held.pid)
        until(lambda: processes.is_gone(held.pid), "the thawed builder has ended", self._go_on)

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
        """The worker whose builder that is."""
        parent = parent_of(held.pid)
        return next(one for one in self.workers if one.pid == parent)

    def until_settled(self, *export_ids: UUID) -> None:
        """Wait until none of the exports is pending."""
        try:
            until(lambda: not self._pending(export_ids), "the exports are settled", self._go_on)
        except AssertionError as vain:
            raise AssertionError(f"{vain}\n{self.said()}") from None

    def said(self) -> str:
        """The ends of what the processes wrote."""
        kept = (self.reconciler, *self.workers)
        return "\n".join(f"--- {one.name}\n{one.log.read_text(errors='replace')[-4000:]}" for one in kept)

    def _pending(self, export_ids: tuple[UUID, ...]) -> bool:
        found = db.session.scalars(
            select(Export.id).where(Export.id.in_(export_ids), Export.state.in_(("queued", "building")))
        ).first()
        db.session.rollback()
        return found is not None

    def _go_on(self) -> None:
        # No transaction stays open while we wait.
        db.session.rollback()
        self.revive()

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
        return Kept(name, command, environment, self.config.data_dir / f"{name}.log")

"""Our exports, as somebody asks for them: from the request to the archive's link, through real workers."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app import exports
from app.accounts import actor_for_user
from app.actor import Actor
from app.exports import ReportParams
from app.exports.kinds.data_export_params import DataExportParams
from app.extensions import db
from app.models import Export
from app.storage import storage
from app.terminology import Address
from bench import measured
from bench.data import Kept
from bench.turns import CpuWatch, Turn, descendants, is_builder, tree_cpu

PATIENCE_SECONDS = 3600
LEAST_LOOK_SECONDS, MOST_LOOK_SECONDS = 0.005, 0.02
CPU_LOOK_SECONDS = 0.1
MEASUREMENTS = "measurements"


@dataclass(frozen=True, slots=True)
class Wish:
    """An export to ask for."""

    kind: str
    params: Any

    def ask(self, actor: Actor) -> UUID:
        return exports.request_export(actor, self.kind, self.params, request_key=str(uuid4())).id


@dataclass(frozen=True, slots=True)
class ReleaseWish:
    """The export of a release, to be made again; asked for by one of its owner's people."""

    by: Actor
    address: Address
    version: str

    def ask(self, _actor: Actor) -> UUID:
        return exports.request_release_export(self.by, self.address, self.version, force=True).export.id


@dataclass(frozen=True, slots=True)
class Made:
    """An export that is ready. ``waiting`` is from the request to the first claim."""

    turn: Turn
    waiting: float
    rows: int
    raw_bytes: int
    archive_key: str


def wide(
    *,
    devices: tuple[UUID, ...] = (),
    file_format: str = "csv",
    start: datetime | None = None,
    end: datetime | None = None,
) -> Wish:
    """A time series file for each device; of the whole year unless a period is given."""
    begin, stop = start or measured.START, end or measured.END
    return Wish("data_export", DataExportParams(begin, stop, device_ids=devices, format=file_format))


def long() -> Wish:
    """A report of every value, a row for each."""
    params = ReportParams((MEASUREMENTS,), start=measured.START, end=measured.END, order="asc", format="csv")
    return Wish("report", params)


def patients(since: datetime, entity_ids: tuple[UUID, ...] = (), until: datetime | None = None) -> Wish:
    """A report of patients as NDJSON, the oldest first."""
    return Wish(
        "report",
        ReportParams(("patient",), start=since, end=until, order="asc", format="ndjson", entity_ids=entity_ids),
    )


class Asker:
    """Asks for exports of one database whose workers wait.

    :param workers: their process ids; their CPU and the database server's is what an export costs
    """

    def __init__(self, kept: Kept, workers: list[int]) -> None:
        self._kept = kept
        self._workers = workers
        self._actor = actor_for_user(kept.data.analyst)
        db.session.rollback()

    def turn(self, wish: Wish | ReleaseWish) -> Turn:
        """Make an export and throw it away."""
        made = self.make(wish)
        storage.delete(made.archive_key)
        return made.turn

    def keep(self, wish: Wish | ReleaseWish, archive: Path) -> Made:
        """Make an export and put its archive at a path."""
        made = self.make(wish)
        with storage.open(made.archive_key) as stored, archive.open("wb") as written:
            shutil.copyfileobj(stored, written, 1 << 20)
        storage.delete(made.archive_key)
        return made

    def make(self, wish: Wish | ReleaseWish, look: Any = None) -> Made:
        """Make an export. The archive stays in the storage.

        :param look: called at every look at the export's state
        :raises RuntimeError: it fails, or does not end
        """
        self._until_idle()
        server = [self._kept.cluster.pid] if self._kept.cluster else []
        served, watch = tree_cpu(*server), CpuWatch(self._workers)
        began = time.monotonic()
        export_id = wish.ask(self._actor)
        db.session.remove()
        seconds = self._until_settled(export_id, began, watch, look)
        self._until_idle()
        cpu = watch.seconds + tree_cpu(*server) - served
        made = db.session.get_one(Export, export_id)
        if made.state != "ready" or made.archive_key is None or made.started_at is None:
            raise RuntimeError(f"the export ended {made.state}: {made.reason}\n{self._said()}")
        waiting = (made.started_at - made.requested_at).total_seconds()
        found = Made(
            Turn(seconds, cpu, made.archive_bytes or 0), waiting, made.done_rows, made.done_bytes, made.archive_key
        )
        db.session.remove()
        return found

    def _until_settled(self, export_id: UUID, began: float, watch: CpuWatch, look: Any) -> float:
        state = text("SELECT state FROM export WHERE id = :id")
        asked = {"id": export_id if self._kept.cluster else str(export_id)}
        watched = 0.0
        with db.engine.connect() as connection:
            while True:
                found = connection.execute(state, asked).scalar_one()
                ended = time.monotonic()
                connection.rollback()
                settled = found not in ("queued", "building")
                if settled or ended - watched > CPU_LOOK_SECONDS:
                    watched = ended
                    watch.look()
                if look is not None:
                    look()
                if settled:
                    return ended - began
                if ended - began > PATIENCE_SECONDS:
                    raise RuntimeError(f"the export does not end\n{self._said()}")
                # Often while it is young, and never so often that the looking itself would cost.
                time.sleep(min(MOST_LOOK_SECONDS, max(LEAST_LOOK_SECONDS, (ended - began) / 100)))

    def _until_idle(self) -> None:
        """Until workers have nothing but a waiting builder: what an export costs is then counted whole."""
        give_up = time.monotonic() + 60
        while any(not is_builder(one) for pid in self._workers for one in descendants(pid)):
            if time.monotonic() > give_up:
                raise RuntimeError(f"the workers do not come to rest\n{self._said()}")
            time.sleep(MOST_LOOK_SECONDS)

    def _said(self) -> str:
        log = self._kept.config.data_dir / "workers.log"
        return log.read_text(errors="replace")[-4000:] if log.exists() else ""

"""A worker's turn with imports: read a file from its beginning to its end, look at every line, and take values in.

A look alone and a load read alike; a load also delivers, in steps of a transaction each. Whoever goes on after a worker
that fell reads again from the beginning, and delivers what is behind the last step that was committed.
"""

from __future__ import annotations

import logging
from typing import Any, BinaryIO
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy.exc import DBAPIError

from app import accounts, attachments, clock, record
from app.actor import Actor
from app.errors import Invalid, NotFound, Refusal, Unavailable
from app.extensions import db
from app.imports.claims import Claim, Lost, claim_import, hold, rest
from app.imports.lines import blocks_of
from app.imports.mapping import Reading
from app.imports.opening import open_bytes, reader_for
from app.imports.pace import current_pace
from app.imports.refusing import Refused, Told
from app.imports.repeats import Seen
from app.imports.rows import Parsed
from app.measurements import take_in
from app.models import MeasurementImport, begin_writing, take_revision, writing
from app.storage import Publication, storage

log = logging.getLogger(__name__)
FELL = "Its worker stopped answering {} times."
CHANGED = (
    "Devices or metrics were changed while its values were being stored, so some may be missing. Look at the whole "
    "file once more and take it in again."
)


def work_until_idle() -> int:
    """Do imports until none waits. Returns how many were brought to their end."""
    done = 0
    while (claim := claim_import()) is not None:
        done += do_import(claim)
    return done


def do_import(claim: Claim) -> bool:
    """One claimed import; every fault ends as a later attempt or as words for its owner."""
    try:
        if claim.attempts > current_pace().attempts:
            _fail(claim, FELL.format(claim.attempts - 1))
            return False
        _Pass(claim).run()
    except Lost:
        db.session.rollback()
        log.info("import %s is no longer ours", claim.import_id)
    except Unavailable:
        _again(claim)
    except Refusal as refusal:
        _fail(claim, refusal.message)
    except DBAPIError as fault:
        # PostgreSQL's words may hold the whole row that it refused, with what stood in a file.
        log.warning("the database failed import %s: %s", claim.import_id, type(fault.orig).__name__)
        _again(claim)
    except Exception as fault:
        # Only the kind of fault: its words may hold a line of the file.
        log.error("import %s broke: %s", claim.import_id, type(fault).__name__)
        _again(claim)
    else:
        return True
    return False


def _again(claim: Claim) -> None:
    db.session.rollback()
    if claim.attempts >= current_pace().attempts:
        _fail(claim, f"An unexpected fault stopped the work {claim.attempts} times.")
    else:
        rest(claim)


def _fail(claim: Claim, words: str) -> None:
    db.session.rollback()
    begin_writing()
    try:
        hold(claim, state="failed", reason=words[:500], lease_until=None, finished_at=clock.now())
        imported = db.session.get_one(MeasurementImport, claim.import_id)
        tenant_id, object_id = imported.tenant_id, imported.id
        record.note(None, "measurements.import", "import", object_id, tenant_id=tenant_id, outcome="failed", via="job")
        db.session.commit()
    except Lost:
        db.session.rollback()


class _Pass:
    """One reading of the whole file."""

    def __init__(self, claim: Claim) -> None:
        imported = db.session.get_one(MeasurementImport, claim.import_id, populate_existing=True)
        self._claim, self._loads = claim, claim.state == "loading"
        self._owner_id, self._file_id = imported.owner_id, imported.file_id
        self._actor = self._owner(imported.owner_id)
        self._reading = Reading.from_json(imported.mapping or "{}")
        self._former_key = imported.refused_key
        self._reader, self._devices, self._metrics = reader_for(self._actor, imported, self._reading)
        self._told = Told()
        self._step = 0
        self._sums: dict[str, Any] = {"rows": 0, "values": 0, "repeats": 0, "empty": 0, "first": None, "last": None}
        self._by_metric = np.zeros(len(self._metrics), dtype=np.int64)

    @staticmethod
    def _owner(owner_id: UUID) -> Actor:
        try:
            return accounts.actor_for_user(owner_id)
        except NotFound:
            raise Invalid("Whoever sent the file may not sign in any more.") from None

    def run(self) -> None:
        key = f"imports/{self._claim.import_id}/{self._claim.fence}.csv"
        with attachments.open_private() as spill, open_bytes(self._file_id) as stream:
            seen = Seen(spill)
            publication = storage.publishing(key)
            try:
                self._read(stream, seen, publication)
                if self._told.count:
                    publication.commit()
                self._end(key if self._told.count else None)
            except BaseException:
                publication.discard()
                storage.delete(key)
                raise
            publication.discard()
        if self._former_key:
            storage.delete(self._former_key)
        if self._loads and self._file_id:
            attachments.forget_upload(self._actor, self._file_id, outcome="done")

    def _read(self, stream: BinaryIO, seen: Seen, publication: Publication) -> None:
        pace = current_pace()
        for block in blocks_of(stream, self._reading.writing.encoding, block=pace.block_bytes):
            parsed = self._reader.parse(block)
            db.session.rollback()
            sifted = seen.sift(parsed.devices, parsed.metrics, parsed.times, parsed.values)
            refused: list[Refused] = [*parsed.refused, *self._reader.contradictions(parsed, sifted.contradicts)]
            self._told.tell(refused, publication)
            self._count(parsed, sifted.fresh, sifted.repeats)
            if self._loads:
                self._deliver(parsed, sifted.fresh)
            begin_writing()
            hold(self._claim, done_bytes=block.end)
            db.session.commit()

    def _count(self, parsed: Parsed, fresh: NDArray[np.int64], repeats: int) -> None:
        sums = self._sums
        sums["rows"] += parsed.rows
        sums["empty"] += parsed.empty
        sums["repeats"] += repeats
        sums["values"] += len(fresh)
        if len(fresh):
            times = parsed.times[fresh]
            first, last = int(times.min()), int(times.max())
            sums["first"] = first if sums["first"] is None else min(sums["first"], first)
            sums["last"] = last if sums["last"] is None else max(sums["last"], last)
            self._by_metric += np.bincount(parsed.names[fresh], minlength=len(self._by_metric))

    def _deliver(self, parsed: Parsed, fresh: NDArray[np.int64]) -> None:
        order = fresh[np.lexsort((parsed.metrics[fresh], parsed.times[fresh], parsed.devices[fresh]))]
        size = current_pace().step_values
        for start in range(0, len(order), size):
            self._step += 1
            if self._step > self._claim.steps_done:
                self._take(parsed, order[start : start + size])

    def _take(self, parsed: Parsed, which: NDArray[np.int64]) -> None:
        begin_writing()
        try:
            hold(self._claim)
            self._devices.require_still(self._owner(self._owner_id), parsed.devices[which])
            revision = take_revision(self._actor.tenant_id)
            series = self._devices.series_of(parsed.devices[which])
            values = parsed.metrics[which], parsed.times[which], parsed.values[which]
            taken = take_in(self._actor.tenant_id, series, *values, revision)
            if not (taken.added or taken.corrected):
                # Nothing changed, so there is no revision of it.
                db.session.rollback()
                begin_writing()
            hold(
                self._claim,
                steps_done=self._step,
                added=MeasurementImport.added + taken.added,
                corrected=MeasurementImport.corrected + taken.corrected,
                unchanged=MeasurementImport.unchanged + taken.unchanged,
            )
            db.session.commit()
        except BaseException:
            db.session.rollback()
            self._devices.forget_series()
            raise

    def _end(self, refused_key: str | None) -> None:
        result = self._sums | {
            "devices": len(self._devices),
            "metrics": [[one.label, int(n)] for one, n in zip(self._metrics, self._by_metric, strict=True) if n],
            "refused": self._told.count,
            "reasons": dict(self._told.reasons),
            "refusals": self._told.first,
        }
        self._require_same(result)
        with writing():
            hold(
                self._claim,
                state="done" if self._loads else "checked",
                result=orjson.dumps(result).decode(),
                refused_key=refused_key,
                refused_bytes=self._told.written if refused_key else None,
                lease_until=None,
                attempts=0,
                finished_at=clock.now() if self._loads else None,
            )
            if self._loads:
                self._note()
            db.session.commit()

    def _require_same(self, result: dict[str, Any]) -> None:
        """Steps that a fallen worker committed are skipped by their number: so they must have held the same values.

        :raises Invalid: devices or metrics are others than when the file was looked at
        """
        if not (self._loads and self._claim.steps_done):
            return
        seen = orjson.loads(db.session.get_one(MeasurementImport, self._claim.import_id).result or "{}")
        db.session.rollback()
        if any(seen.get(name) != result[name] for name in result if name != "refusals"):
            raise Invalid(CHANGED)

    def _note(self) -> None:
        done = db.session.get_one(MeasurementImport, self._claim.import_id, populate_existing=True)
        counts = {"added": done.added, "corrected": done.corrected, "unchanged": done.unchanged}
        details = counts | {"refused": self._told.count, "device": str(done.device_id) if done.device_id else "several"}
        record.note(self._actor, "measurements.import", "import", done.id, details=details,
                    row_count=self._sums["values"], byte_count=done.byte_count)  # fmt: skip

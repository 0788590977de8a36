"""Upkeep: parts whose builder died, exports past their deadline or retention, bytes that no row names."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy import delete, select, update

from app import callbacks, clock, jobqueue, logs, record
from app.exports.claims import milliseconds, requested_by, something_to_claim
from app.exports.pace import current_pace
from app.exports.settling import fail_export
from app.extensions import db
from app.models import Export, ExportFile, ExportPart, OutboxMessage, begin_writing
from app.models.export import PENDING_STATES
from app.models.types import database_now
from app.storage import storage

log = logging.getLogger(__name__)
SWEEP_AFTER = timedelta(hours=1)
FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Requeued:
    """What :func:`requeue_stale_exports` did."""

    parts: int
    failed: int
    rang: bool


def requeue_stale_exports() -> Requeued:
    """Put back parts whose lease ran out, fail what was tried too often or took too long, and ring if there is work.

    Safe to run at any time and twice at once: each move is an UPDATE from the state that was seen.
    """
    failed = _fail_overdue()
    parts = 0
    for export_id, ordinal, fence, attempts in _stale_parts():
        if attempts >= current_pace().attempts:
            failed += _fail(export_id, f"Its worker stopped answering {attempts} times.")
        else:
            parts += _requeue(export_id, ordinal, fence, attempts)
    return Requeued(parts, failed, _ring_if_needed())


def expire_exports(now: datetime | None = None) -> int:
    """End the exports whose retention is over: the row stays and says so, the archive goes. Returns how many."""
    moment = now or clock.now()
    statement = select(Export.id).where(Export.state == "ready", Export.expires_at <= moment).limit(500)
    ended = 0
    for export_id in db.session.scalars(statement).all():
        ended += _expire(export_id, moment)
    return ended


def sweep_storage(now: datetime | None = None) -> int:
    """Delete staged bytes and archives that no row names, and publications that were never finished.

    Only what is older than an hour is looked at. Returns how many objects went.
    """
    limit = (now or clock.now()) - SWEEP_AFTER
    swept = storage.sweep_unfinished(limit)
    for prefix, named in (("staging/", _staged_keys()), ("exports/", _archive_keys())):
        for found in list(storage.list_(prefix)):
            if found.modified_at < limit and found.key not in named:
                storage.delete(found.key)
                swept += 1
    return swept


def forget_deleted(now: datetime | None = None) -> int:
    """Remove the rows of exports deleted a day ago: no worker can still be busy with one. Returns how many."""
    limit = (now or clock.now()) - FORGET_AFTER
    wanted = select(Export.id).where(Export.deleted_at < limit, Export.state.not_in(PENDING_STATES)).limit(100)
    gone = _ids(wanted)
    for export_id in gone:
        begin_writing()
        for table, of in ((OutboxMessage, OutboxMessage.object_id), (ExportFile, ExportFile.export_id),
                          (ExportPart, ExportPart.export_id), (Export, Export.id)):  # fmt: skip
            db.session.execute(delete(table).where(of == export_id), execution_options={"synchronize_session": False})
        db.session.commit()
    return len(gone)


def _fail_overdue() -> int:
    overdue = select(Export.id).where(Export.state.in_(PENDING_STATES), Export.deadline < database_now())
    return sum(_fail(export_id, "It took longer than exports may take.") for export_id in _ids(overdue))


def _stale_parts() -> list[tuple[UUID, int, int, int]]:
    rows = db.session.execute(
        select(ExportPart.export_id, ExportPart.ordinal, ExportPart.fence, ExportPart.attempts)
        .join(Export, Export.id == ExportPart.export_id)
        .where(
            ExportPart.state == "building",
            ExportPart.lease_until < database_now(),
            Export.state.in_(PENDING_STATES),
        )
    ).all()
    db.session.rollback()
    return [(row.export_id, row.ordinal, row.fence, row.attempts) for row in rows]


def _requeue(export_id: UUID, ordinal: int, fence: int, attempts: int) -> int:
    """The first retry after a death is at once; further ones wait longer each time."""
    pace = current_pace()
    wait = 0 if attempts <= 1 else milliseconds(pace.backoff_after(attempts - 1))
    begin_writing()
    changed = db.session.execute(
        update(ExportPart)
        .where(
            ExportPart.export_id == export_id,
            ExportPart.ordinal == ordinal,
            ExportPart.fence == fence,
            ExportPart.state == "building",
            ExportPart.lease_until < database_now(),
        )
        .values(
            state="queued",
            lease_until=None,
            not_before=database_now(wait),
            last_error="Its worker stopped answering.",
        ),
        execution_options={"synchronize_session": False},
    ).rowcount  # type: ignore[attr-defined]
    db.session.commit()
    if changed:
        _tell(export_id, f"part {ordinal} was put back: its worker stopped answering")
    return int(changed)


def _fail(export_id: UUID, words: str) -> int:
    begin_writing()
    failed = fail_export(export_id, words)
    db.session.commit()
    if failed:
        _tell(export_id, f"the export failed: {words}")
    return int(failed)


def _expire(export_id: UUID, now: datetime) -> int:
    begin_writing()
    export = db.session.get_one(Export, export_id)
    if export.state != "ready" or export.expires_at is None or export.expires_at > now:
        db.session.rollback()
        return 0
    key = export.archive_key
    export.state, export.phase, export.archive_key = "expired", "Expired", None
    export.reason = "The archive was kept as long as your organization's rules say, and then removed."
    export.version += 1
    record.note(None, "export.expire", "export", export_id, tenant_id=export.tenant_id, via="job")
    db.session.flush()
    callbacks.announce(export_id, "expired")
    db.session.commit()
    if key:
        storage.delete(key)
    _tell(export_id, "the export expired")
    return 1


def _tell(export_id: UUID, words: str) -> None:
    """A line of the log that names the export and the request that once asked for it. Ends the transaction."""
    request_id = db.session.scalar(select(requested_by(export_id)))
    db.session.rollback()
    with logs.about(export_id=export_id, request_id=request_id):
        log.info(words)


def _ring_if_needed() -> bool:
    if not something_to_claim():
        return False
    try:
        return jobqueue.bell.waiting() == 0 and jobqueue.ring()
    except RedisError:
        log.warning("Redis does not answer; exports wait until it does")
        return False


def _ids(statement: object) -> list[UUID]:
    found = list(db.session.scalars(statement))  # type: ignore[call-overload]
    db.session.rollback()
    return found


def _staged_keys() -> set[str]:
    """What pending exports have staged, and what their builders may be staging just now."""
    rows = db.session.execute(
        select(ExportPart.export_id, ExportPart.ordinal, ExportPart.fence, ExportPart.staged_key)
        .join(Export, Export.id == ExportPart.export_id)
        .where(Export.state.in_(PENDING_STATES))
    ).all()
    db.session.rollback()
    return {row.staged_key or f"staging/{row.export_id}/{row.ordinal}-{row.fence}" for row in rows}


def _archive_keys() -> set[str]:
    """The archives of ready exports, and what publishers may be writing just now."""
    # In this order: what is published between the two is seen by the second.
    building = db.session.execute(
        select(ExportPart.export_id, ExportPart.fence).where(
            ExportPart.step == "publish", ExportPart.state == "building"
        )
    ).all()
    ready = db.session.scalars(select(Export.archive_key).where(Export.state == "ready")).all()
    db.session.rollback()
    return {key for key in ready if key} | {f"exports/{row.export_id}/{row.fence}.zip" for row in building}

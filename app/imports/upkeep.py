"""Upkeep: bells that were lost, imports that nobody went on with, lists that were kept long enough."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from threading import Event

from redis.exceptions import RedisError
from sqlalchemy import select

from app import clock, jobqueue, record
from app.extensions import db
from app.imports.claims import something_waits
from app.models import MeasurementImport, Tenant, begin_writing
from app.models.measurement_import import AT_WORK
from app.rounds import NowAndThen, go_round
from app.storage import storage

log = logging.getLogger(__name__)
SWEEP_AFTER = timedelta(hours=1)
_AT_ONCE = 200


def keep_imports_until(stop: Event, *, every: float, sweep_every: float = 600.0) -> None:
    """Look after imports until told to stop.

    :param every: seconds between looks at imports whose worker fell silent
    :param sweep_every: seconds between looks at lists that are to go
    """
    sweep = NowAndThen(sweep_every)

    def look() -> float:
        ring_if_needed()
        if sweep.is_due():
            sweep_imports(clock.now())
        return every

    go_round(stop, "imports", look, after_fault=every)


def ring_if_needed() -> bool:
    """Wake a worker when an import waits for one, or its worker fell silent. Returns whether the bell rang."""
    if not something_waits():
        return False
    try:
        return jobqueue.bell.waiting() == 0 and jobqueue.ring(jobqueue.IMPORTS)
    except RedisError:
        log.warning("Redis does not answer; imports wait until it does")
        return False


def sweep_imports(now: datetime) -> int:
    """Delete the lists of refusals that were kept as long as archives are, and those that no row names.

    What a line of a file said is also forgotten in the row. Returns how many lists went.
    """
    gone = _forget(now)
    for key in gone:
        storage.delete(key)
    limit, count = now - SWEEP_AFTER, len(gone)
    old = [found.key for found in storage.list_("imports/") if found.modified_at < limit]
    for key in set(old) - _named() if old else ():
        storage.delete(key)
        count += 1
    return count


def _forget(now: datetime) -> list[str]:
    old = (
        select(MeasurementImport.id, MeasurementImport.refused_key, MeasurementImport.created_at, Tenant.retention_days)
        .join(Tenant, Tenant.id == MeasurementImport.tenant_id)
        .where(MeasurementImport.result.is_not(None), MeasurementImport.state.not_in(AT_WORK))
        .where(MeasurementImport.refused_key.is_not(None))
        .order_by(MeasurementImport.created_at)
    )
    # Counted off after the look at each: those of a tenant that keeps long must not stand before everybody else's.
    over = [
        (row.id, row.refused_key)
        for row in db.session.execute(old)
        if row.created_at + timedelta(days=row.retention_days) <= now
    ][:_AT_ONCE]
    db.session.rollback()
    if not over:
        return []
    begin_writing()
    for import_id, _ in over:
        imported = db.session.get_one(MeasurementImport, import_id, with_for_update=True)
        imported.refused_key = imported.refused_bytes = None
        imported.result = None
        record.note(None, "measurements.import.forget", "import", import_id, tenant_id=imported.tenant_id, via="job")
    db.session.commit()
    return [key for _, key in over if key]


def _named() -> set[str]:
    """The lists that rows name."""
    held = MeasurementImport.refused_key
    keys = {key for key in db.session.scalars(select(held).where(held.is_not(None))) if key}
    db.session.rollback()
    return keys

"""Claim an import, keep it, lose it: each move is one UPDATE under the claim's fence that changes one row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update

from app.extensions import db
from app.imports.pace import current_pace
from app.models import MeasurementImport, begin_writing
from app.models.measurement_import import AT_WORK
from app.models.types import database_now


class Lost(Exception):
    """The import is no longer this worker's to write to: cancelled, or another one goes on with it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An import held by one worker. ``steps_done``: the deliveries that were committed before."""

    import_id: UUID
    state: str
    fence: int
    attempts: int
    steps_done: int


def claim_import() -> Claim | None:
    """Claim the import that waits longest, or whose worker fell silent; None when there is none."""
    begin_writing()
    found = db.session.scalar(
        select(MeasurementImport)
        .where(*_waits())
        .order_by(MeasurementImport.created_at, MeasurementImport.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if found is None:
        db.session.rollback()
        return None
    claim = Claim(found.id, found.state, found.fence + 1, found.attempts + 1, found.steps_done)
    changes = {"fence": claim.fence, "attempts": claim.attempts, "lease_until": _lease(), "not_before": None}
    if not _execute(found.id, found.fence, found.state, changes):
        db.session.rollback()
        return None
    db.session.commit()
    return claim


def something_waits() -> bool:
    """Whether a worker would find an import to claim now."""
    found = db.session.execute(select(MeasurementImport.id).where(*_waits()).limit(1)).first() is not None
    db.session.rollback()
    return found


def hold(claim: Claim, **changes: Any) -> None:
    """Write to the import and lengthen the lease, inside the caller's writing transaction. No commit.

    :raises Lost: it is not this claim's any more
    """
    more = {"lease_until": _lease(), "version": MeasurementImport.version + 1} | changes
    if not _execute(claim.import_id, claim.fence, claim.state, more):
        raise Lost


def rest(claim: Claim) -> None:
    """Let it wait a while after a fault that may pass. Commits."""
    begin_writing()
    wait = round(current_pace().backoff * 1000 * 2 ** min(claim.attempts - 1, 5))
    _execute(claim.import_id, claim.fence, claim.state, {"lease_until": None, "not_before": database_now(wait)})
    db.session.commit()


def _waits() -> tuple[ColumnElement[bool], ...]:
    held = MeasurementImport
    return (
        held.state.in_(AT_WORK),
        or_(held.lease_until.is_(None), held.lease_until < database_now()),
        or_(held.not_before.is_(None), held.not_before <= database_now()),
    )


def _lease() -> Any:
    return database_now(round(current_pace().lease * 1000))


def _execute(import_id: UUID, fence: int, state: str, changes: dict[str, Any]) -> bool:
    held = MeasurementImport
    statement = update(held).where(held.id == import_id, held.fence == fence, held.state == state).values(**changes)
    done: Any = db.session.execute(statement, execution_options={"synchronize_session": False})
    return bool(done.rowcount == 1)

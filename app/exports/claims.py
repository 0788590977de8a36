"""Claim, beat, give back: how one worker at a time holds a part, and how it finds out that it no longer does.

Every move is one UPDATE under the claim's fence that changes one row, or the worker has lost and stops.
Leases and order go by the database's own clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, Update, and_, func, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app import clock
from app.exports import failpoints
from app.exports.pace import current_pace
from app.exports.settling import fail_export
from app.extensions import db
from app.models import AuditEvent, Export, ExportPart, Tenant, User, begin_writing, writing
from app.models.export import PENDING_STATES
from app.models.types import EPOCH, database_now


class Lost(Exception):
    """The part, or the whole export, is no longer this worker's to write to."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A part held by one worker. Only a claim with the row's present ``fence`` may write."""

    export_id: UUID
    ordinal: int
    step: str
    fence: int
    attempts: int
    owner_id: UUID
    tenant_id: UUID
    request_id: str | None = None
    """Of the request that asked for the export, for the log."""

    @property
    def staging_key(self) -> str:
        """Where this claim stages its bytes: no other claim ever writes there."""
        return f"staging/{self.export_id}/{self.ordinal}-{self.fence}"

    @property
    def for_log(self) -> dict[str, str]:
        """The ids that each line about this part names."""
        known = {"export_id": str(self.export_id), "request_id": self.request_id}
        return {name: value for name, value in known.items() if value}

    @property
    def archive_key(self) -> str:
        return f"exports/{self.export_id}/{self.fence}.zip"


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def claim_part(worker: str) -> Claim | None:
    """Claim the part whose turn it is, as :func:`_turns` says; ``None`` when nothing may be claimed now."""
    begin_writing()
    found = _next_part()
    if found is None:
        db.session.rollback()
        return None
    part, export, request_id = found
    claim = Claim(
        part.export_id, part.ordinal, part.step, part.fence + 1, part.attempts + 1, export.owner_id, export.tenant_id,
        request_id,
    )  # fmt: skip
    taken = _execute(
        update(ExportPart)
        .where(
            ExportPart.export_id == claim.export_id,
            ExportPart.ordinal == claim.ordinal,
            ExportPart.state == "queued",
            ExportPart.fence == part.fence,
        )
        .values(
            state="building",
            fence=claim.fence,
            attempts=claim.attempts,
            worker=worker[:120],
            lease_until=database_now(milliseconds(current_pace().lease)),
            beat_at=database_now(),
            not_before=None,
        )
    )
    if taken != 1:
        db.session.rollback()
        return None
    _serve_export(claim)
    db.session.commit()
    failpoints.reach(failpoints.CLAIMED)
    return claim


def something_to_claim() -> bool:
    """Whether a worker would find a part to claim now."""
    found = db.session.execute(_with_a_waiting_part().limit(1)).first() is not None
    db.session.rollback()
    return found


def _next_part() -> Any:
    """The part to claim, its export and who asked for that (the request's number), or ``None``.

    A part that another worker is just taking is passed over.
    """
    for export_id in _turns():
        found = db.session.execute(
            select(ExportPart, Export, requested_by(export_id))
            .join(Export, Export.id == ExportPart.export_id)
            .where(ExportPart.export_id == export_id, Export.state.in_(PENDING_STATES), *_waits())
            .order_by(ExportPart.ordinal)
            .limit(1)
            .with_for_update(skip_locked=True, of=ExportPart)
        ).first()
        if found is not None:
            return found
    return None


def requested_by(export_id: UUID) -> ScalarSelect[str | None]:
    """The number of the request that asked for an export, as the record holds it; ``None`` for one of the shell's."""
    asked = select(AuditEvent.request_id).where(
        AuditEvent.object_type == "export",
        AuditEvent.object_id == str(export_id),
        AuditEvent.action == "export.request",
    )
    return asked.limit(1).scalar_subquery()


def _turns() -> list[UUID]:
    """The exports of which a part may be claimed, in the order of their turns.

    Tenants take turns, so do the people of a tenant, so do the exports of a person: who was served least recently goes
    first. A turn is one part, or, once it is planned, all of an export that has but one: a small export waits for its
    turn once, not for each of its steps.
    """
    waiting = db.session.execute(_with_a_waiting_part()).all()
    tenants = _last_served(Tenant.id, Export.tenant_id, {one.tenant_id for one in waiting})
    owners = _last_served(User.id, Export.owner_id, {one.owner_id for one in waiting})

    def turn(one: Any) -> tuple[Any, ...]:
        served = (tenants[one.tenant_id], owners[one.owner_id], one.last_served_at)
        return one.part_count != 1, *(at or EPOCH for at in served), one.requested_at, one.id

    return [one.id for one in sorted(waiting, key=turn)]


def _with_a_waiting_part() -> Select[UUID, UUID, UUID, int, datetime | None, datetime]:
    waiting = select(literal(1)).where(ExportPart.export_id == Export.id, *_waits())
    return select(
        Export.id, Export.tenant_id, Export.owner_id, Export.part_count, Export.last_served_at, Export.requested_at
    ).where(Export.state.in_(PENDING_STATES), waiting.exists())


def _waits() -> tuple[ColumnElement[bool], ...]:
    """The conditions that a part waits to be claimed."""
    return (
        ExportPart.state == "queued",
        or_(ExportPart.not_before.is_(None), ExportPart.not_before <= database_now()),
    )


def _last_served(
    who: InstrumentedAttribute[UUID], whose: InstrumentedAttribute[UUID], ids: set[UUID]
) -> dict[UUID, datetime | None]:
    """When any export of each tenant, or owner, was served, settled ones too: one look into an index for each."""
    latest = select(func.max(Export.last_served_at)).where(whose == who).scalar_subquery()
    return {row[0]: row[1] for row in db.session.execute(select(who, latest).where(who.in_(ids)))}


def _serve_export(claim: Claim) -> None:
    """Note that the export had its turn; with its first one it begins.

    Rows of tenants and people are left alone: whoever writes much to them would hold up every worker.
    """
    begun = _execute(
        update(Export)
        .where(Export.id == claim.export_id, Export.state == "queued")
        .values(
            state="building",
            phase="Planning",
            started_at=clock.now(),
            last_served_at=database_now(),
            version=Export.version + 1,
        )
    )
    if not begun:
        _execute(update(Export).where(Export.id == claim.export_id).values(last_served_at=database_now()))


def held(claim: Claim) -> ColumnElement[bool]:
    """The condition that a part is still this claim's."""
    return and_(
        ExportPart.export_id == claim.export_id,
        ExportPart.ordinal == claim.ordinal,
        ExportPart.state == "building",
        fenced(claim),
    )


def fenced(claim: Claim) -> ColumnElement[bool]:
    """The fence alone: nobody claimed the part since. Without this condition two workers could publish one export."""
    return ExportPart.fence == claim.fence


def commit_part(claim: Claim, values: dict[str, Any], also: Callable[[], None]) -> None:
    """Mark the part done and whatever belongs to that, in one transaction under the fence.

    :param values: columns of the part
    :param also: the rest of the transaction; it may raise :class:`Lost`, and then nothing was written
    :raises Lost: somebody else claimed the part since, or the export is settled
    """
    with writing():
        one_row(update(ExportPart).where(held(claim)).values(state="done", lease_until=None, last_error=None, **values))
        also()
        failpoints.reach(failpoints.INSIDE_COMMIT[claim.step])
        db.session.commit()


def is_done(claim: Claim) -> bool:
    """Whether the part was finished under this very claim, so that what it staged or published has a row that names it.

    No transaction stays open.
    """
    found = db.session.execute(done_under(claim)).first()
    db.session.rollback()
    return found is not None


def done_under(claim: Claim) -> Select[int]:
    """The part, if it was finished under this very claim."""
    return select(ExportPart.ordinal).where(
        ExportPart.export_id == claim.export_id,
        ExportPart.ordinal == claim.ordinal,
        ExportPart.fence == claim.fence,
        ExportPart.state == "done",
    )


def one_row(statement: Update) -> None:
    """Run an UPDATE that must change exactly one row.

    :raises Lost: it changed none
    """
    if _execute(statement) != 1:
        raise Lost


def give_back(claim: Claim, words: str) -> None:
    """Put the part back after a fault that may pass; after too many attempts the export fails with those words."""
    pace = current_pace()
    begin_writing()
    if claim.attempts >= pace.attempts:
        if _execute(update(ExportPart).where(held(claim)).values(last_error=words[:500])) == 1:
            fail_export(claim.export_id, f"{words} It was tried {claim.attempts} times.")
    else:
        wait = milliseconds(pace.backoff_after(claim.attempts))
        changed = _execute(
            update(ExportPart)
            .where(held(claim))
            .values(state="queued", lease_until=None, not_before=database_now(wait), last_error=words[:500])
        )
        if changed == 1:
            _execute(
                update(Export)
                .where(Export.id == claim.export_id, Export.state == "building")
                .values(phase=f"Trying again soon: {words}"[:100], version=Export.version + 1)
            )
    db.session.commit()


def _execute(statement: Update) -> int:
    return int(db.session.execute(statement, execution_options={"synchronize_session": False}).rowcount)  # type: ignore[attr-defined]

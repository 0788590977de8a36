"""What a tenant's administrators see: the tenant's own exports, callbacks and storage; of all tenants numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, true

from app import exports
from app.access import visible_exports
from app.actor import Actor
from app.administration.rights import require_whole_tenant
from app.callbacks.delivering import KIND as CALLBACK
from app.extensions import db
from app.models import Export, ExportPart, OutboxMessage, User
from app.models.export import PENDING_STATES
from app.models.types import database_now
from app.operations.again import again_key
from app.operations.counting import Backlog, Outbox, Storage, backlog, outbox, storage_of

LEASES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Lease:
    """A part of one of the tenant's exports that a worker holds.

    ``number`` of ``parts`` is the part's place among those that are built; ``step`` is ``plan``, ``build`` or
    ``publish``. ``is_late``: the worker has not said in time that it lives, and the part is given to another one soon.
    """

    export_id: UUID
    export_name: str
    step: str
    number: int
    parts: int
    attempts: int
    beat_at: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class TenantState:
    """``everywhere`` is of all tenants together, ``own`` of the actor's; ``failed`` counts the exports that did."""

    everywhere: Backlog
    own: Backlog
    leases: Sequence[Lease]
    failed: int
    callbacks: Outbox
    storage: Storage


@dataclass(frozen=True, slots=True)
class FailedExport:
    """An export that failed, and what was made of it when somebody had it tried again."""

    export: Export
    owner_name: str
    again: Export | None


def tenant_state(actor: Actor) -> TenantState:
    """How the actor's tenant does.

    :raises Forbidden: the actor does not administer the whole tenant
    """
    require_whole_tenant(actor)
    ours = Export.tenant_id == actor.tenant_id
    failed = visible_exports(actor).where(Export.state == "failed").subquery()
    return TenantState(
        everywhere=backlog(true()),
        own=backlog(ours),
        leases=_leases(actor.tenant_id),
        failed=db.session.scalar(select(func.count()).select_from(failed)) or 0,
        callbacks=outbox(OutboxMessage.tenant_id == actor.tenant_id)[CALLBACK],
        storage=storage_of(actor.tenant_id),
    )


def list_failed(
    actor: Actor, *, before: tuple[datetime, UUID] | None = None, limit: int = 25
) -> Sequence[FailedExport]:
    """The tenant's exports that failed, newest first.

    :param before: ``(requested_at, id)`` of the last one already shown
    :raises Forbidden: the actor does not administer the whole tenant
    """
    require_whole_tenant(actor)
    rows = exports.list_exports(actor, mine=False, state="failed", before=before, limit=limit)
    names = dict(
        db.session.execute(select(User.id, User.name).where(User.id.in_({row.owner_id for row in rows}))).all()
    )
    keys = {again_key(row.id) for row in rows}
    made = select(Export).where(
        Export.tenant_id == actor.tenant_id, Export.request_key.in_(keys), Export.deleted_at.is_(None)
    )
    again = {row.request_key: row for row in db.session.scalars(made)}
    return [FailedExport(row, names[row.owner_id], again.get(again_key(row.id))) for row in rows]


def _leases(tenant_id: UUID) -> list[Lease]:
    rows = db.session.execute(
        select(
            Export.id,
            Export.name,
            ExportPart.step,
            ExportPart.ordinal,
            Export.part_count,
            ExportPart.attempts,
            ExportPart.beat_at,
            (ExportPart.lease_until < database_now()).label("is_late"),
        )
        .join(ExportPart, ExportPart.export_id == Export.id)
        .where(Export.tenant_id == tenant_id, Export.state.in_(PENDING_STATES), ExportPart.state == "building")
        .order_by(ExportPart.lease_until, Export.id, ExportPart.ordinal)
        .limit(LEASES_SHOWN)
    )
    return [Lease(*row) for row in rows]

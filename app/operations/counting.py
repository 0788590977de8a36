"""Counts from the rows: a handful of statements, whatever there is to count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.exc import DBAPIError

from app import clock, readiness
from app.callbacks.delivering import KIND as CALLBACK
from app.extensions import db
from app.models import Export, ExportPart, OutboxMessage, StoredFile, Tenant
from app.models.export import EXPORT_STATES, PENDING_STATES
from app.models.types import database_now

KEPT_FILES = ("stored", "attached", "removed")
"""States of a file whose bytes lie in storage: a removed one's still do, for a while."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Exports that are not made yet. A lease is ``late`` when its worker has not said in time that it lives.

    ``oldest_seconds``: how long the export that waits longest has waited for its first worker; 0 when none waits.
    """

    waiting: int = 0
    oldest_seconds: float = 0.0
    parts_waiting: int = 0
    leases_held: int = 0
    leases_late: int = 0


@dataclass(frozen=True, slots=True)
class Outbox:
    """Messages of one kind: to be delivered; of those, tried in vain so far; given up."""

    waiting: int = 0
    failing: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes that a tenant's rows name: uploaded files, and archives ready to be downloaded."""

    file_bytes: int = 0
    files: int = 0
    archive_bytes: int = 0
    archives: int = 0


@dataclass(frozen=True, slots=True)
class Installation:
    """All tenants together; only storage is told by tenant, by its slug."""

    exports: Mapping[str, int]
    backlog: Backlog
    outbox: Mapping[str, Outbox]
    storage: Mapping[str, Storage]

    @property
    def callbacks(self) -> Outbox:
        return self.outbox.get(CALLBACK, Outbox())


def look_at_database() -> Installation | None:
    """Count everything; ``None`` when the database does not answer. No transaction stays open."""
    try:
        try:
            return Installation(_exports(), backlog(true()), outbox(true()), _storage(true()))
        finally:
            db.session.rollback()
    except DBAPIError as fault:
        if not readiness.is_outage(fault):
            raise
        return None


def backlog(which: ColumnElement[bool]) -> Backlog:
    """The backlog of the exports that a condition chooses."""
    waiting, since = db.session.execute(
        select(func.count(), func.min(Export.requested_at)).where(Export.state == "queued", which)
    ).one()
    held = ExportPart.state == "building"
    parts, leases, late = db.session.execute(
        select(
            func.count().filter(ExportPart.state == "queued"),
            func.count().filter(held),
            func.count().filter(held, ExportPart.lease_until < database_now()),
        )
        .select_from(ExportPart)
        .join(Export, Export.id == ExportPart.export_id)
        .where(ExportPart.state.in_(("queued", "building")), Export.state.in_(PENDING_STATES), which)
    ).one()
    oldest = 0.0 if since is None else max(0.0, (clock.now() - since).total_seconds())
    return Backlog(waiting, oldest, parts, leases, late)


def outbox(which: ColumnElement[bool]) -> dict[str, Outbox]:
    """The messages not delivered, by kind, of those that a condition chooses; callbacks are there always."""
    waits = OutboxMessage.given_up_at.is_(None)
    rows = db.session.execute(
        select(
            OutboxMessage.kind,
            func.count().filter(waits),
            func.count().filter(waits, OutboxMessage.last_error.is_not(None)),
            func.count().filter(~waits),
        )
        .where(OutboxMessage.delivered_at.is_(None), which)
        .group_by(OutboxMessage.kind)
    ).all()
    return {CALLBACK: Outbox()} | {row[0]: Outbox(row[1], row[2], row[3]) for row in rows}


def storage_of(tenant_id: UUID) -> Storage:
    """What one tenant keeps."""
    return next(iter(_storage(Tenant.id == tenant_id).values()), Storage())


def _exports() -> dict[str, int]:
    counted = dict(db.session.execute(select(Export.state, func.count()).group_by(Export.state)).all())
    return {state: counted.get(state, 0) for state in EXPORT_STATES}


def _storage(which: ColumnElement[bool]) -> dict[str, Storage]:
    """By the tenant's slug."""
    files = (
        select(StoredFile.tenant_id, func.count().label("number"), func.sum(StoredFile.byte_count).label("bytes"))
        .where(StoredFile.state.in_(KEPT_FILES))
        .group_by(StoredFile.tenant_id)
        .subquery()
    )
    archives = (
        select(Export.tenant_id, func.count().label("number"), func.sum(Export.archive_bytes).label("bytes"))
        .where(Export.state == "ready")
        .group_by(Export.tenant_id)
        .subquery()
    )
    rows = db.session.execute(
        select(Tenant.slug, files.c.bytes, files.c.number, archives.c.bytes, archives.c.number)
        .outerjoin(files, files.c.tenant_id == Tenant.id)
        .outerjoin(archives, archives.c.tenant_id == Tenant.id)
        .where(which)
    ).all()
    # PostgreSQL adds whole numbers up to a decimal.
    return {row[0]: Storage(*(int(number or 0) for number in row[1:])) for row in rows}

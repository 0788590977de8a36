"""Which exports may hold a record: for whoever answers for it, and for whoever must erase it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import select

from app.access import Permission, require, visible_entities
from app.actor import Actor
from app.errors import NotFound
from app.exports.params import ReportParams
from app.exports.settling import cancel_pending
from app.extensions import db
from app.models import Entity, Export, ExportFile, ExportPart
from app.models.export import PENDING_STATES
from app.storage import storage

KINDS_WITH_RECORDS = ("report", "data_export")


@dataclass(frozen=True, slots=True)
class Holder:
    """An export whose archive may hold a record: not more is known once it is made."""

    id: UUID
    name: str
    owner_name: str
    state: str
    requested_at: datetime


def archives_that_may_hold(actor: Actor, entity_id: UUID) -> list[Holder]:
    """The exports, ready or on their way, whose archives may hold this record or what was measured on it.

    :raises NotFound: there is no such record, or the actor may not know
    :raises Forbidden: the actor does not administer its organization
    """
    entity = db.session.scalar(visible_entities(actor).where(Entity.id == entity_id))
    if entity is None:
        raise NotFound("There is no such record, or you may not see it.")
    require(actor, Permission.MANAGE, entity.organization_id)
    return [
        Holder(one.id, one.name, one.owner.name, one.state, one.requested_at)
        for one in holders(actor.tenant_id, entity_id, {entity.organization_id}, entity.created_at)
    ]


def holders(
    tenant_id: UUID, entity_id: UUID, organizations: set[UUID], since: datetime, before: int | None = None
) -> Iterator[Export]:
    """The exports whose archives may hold something of a record, newest first.

    :param organizations: all to which it, or what belongs to it, ever belonged
    :param since: when it came to be
    :param before: only those that were planned, at an earlier revision than that
    """
    live = select(Export).where(
        Export.tenant_id == tenant_id,
        Export.deleted_at.is_(None),
        Export.kind.in_(KINDS_WITH_RECORDS),
        Export.state.in_(("ready", *PENDING_STATES)),
    )
    for export in db.session.scalars(live.order_by(Export.requested_at.desc())):
        if export.snapshot_at is not None and export.snapshot_at < since:
            continue
        if before is not None and (export.snapshot_revision is None or export.snapshot_revision >= before):
            continue
        if _covers(export, organizations) and not _leaves_out(export, entity_id):
            yield export


WITHDRAWN = "Withdrawn"
"""The phase of an archive that went before its time; the reason says why."""


def withdraw(export: Export, words: str) -> str | None:
    """End an export for good in the writing transaction; answers the archive's key, to be deleted after the commit.

    Whoever works on it loses its part: the rows of its parts and files, which may speak of what it holds, go.
    """
    # First the parts, then the export, as whoever commits a part takes them: else each might wait for the other.
    # Read once more under these locks, it tells whether it was published since.
    parts = select(ExportPart.ordinal).where(ExportPart.export_id == export.id).order_by(ExportPart.ordinal)
    db.session.execute(parts.with_for_update()).all()
    db.session.refresh(export, with_for_update=True)
    key = export.archive_key
    if export.state == "ready":
        export.state, export.phase, export.archive_key, export.reason = "expired", WITHDRAWN, None, words
        export.version += 1
        db.session.flush()
    elif export.state in PENDING_STATES:
        cancel_pending(export.id, words)
    for rows in (ExportFile, ExportPart):
        of_export = rows.export_id == export.id
        for row in db.session.scalars(select(rows).where(of_export)):
            db.session.delete(row)
    db.session.flush()
    return key


def drop_bytes(export_id: UUID, archive_key: str | None) -> None:
    """Delete what an export that was withdrawn has in storage. What is being written just now is swept later."""
    if archive_key:
        storage.delete(archive_key)
    for found in list(storage.list_(f"staging/{export_id}/")):
        storage.delete(found.key)


def _covers(export: Export, organizations: set[UUID]) -> bool:
    if export.frozen is None:
        return True
    scope = orjson.loads(export.frozen)["facts"].get("organization_ids")
    return scope is None or bool({UUID(one) for one in scope} & organizations)


def _leaves_out(export: Export, entity_id: UUID) -> bool:
    """A report of named patients and nothing else holds those."""
    if export.kind != "report":
        return False
    params = ReportParams.from_json(export.params)
    named = bool(params.entity_ids) and not params.queries and params.data_types == ("patient",)
    return named and entity_id not in params.entity_ids

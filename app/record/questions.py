"""What an administrator is asked: who saw this patient, what did this person take, who took this export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app.access import Permission, require, visible_entities, visible_exports
from app.access.patience import patiently
from app.actor import Actor
from app.errors import NotFound
from app.extensions import db
from app.models import AuditEvent, Entity, Export
from app.record.reading import RecordLine, concerns, name_of, named_people, newest_first, visible_events, with_names

TAKING = ("export.download", "file.download", "record.export")
MOST_LINES = 200
MOST_PEOPLE = 500


@dataclass(frozen=True, slots=True)
class Deed:
    """What one person, in one way, did how often with a record. ``user_id`` None: nobody in particular."""

    user_id: UUID | None
    person: str | None
    via: str
    action: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """What somebody took away: the newest takings, how many there were of all, and their bytes together.

    ``export_names`` are those of the exports that still exist, by id.
    """

    lines: tuple[RecordLine, ...]
    count: int
    byte_count: int
    export_names: dict[str, str]


def who_has_seen(actor: Actor, entity_id: UUID) -> list[Deed]:
    """Everybody whom the record has with this entity: its page, its history, its files, lists that showed it, changes.

    :raises NotFound: there is no such entity, or the actor may not know
    :raises Forbidden: the actor does not administer its organization
    :raises Invalid: it takes too long
    """
    entity = db.session.scalar(visible_entities(actor).where(Entity.id == entity_id))
    if entity is None:
        raise NotFound("There is no such record, or you may not see it.")
    require(actor, Permission.MANAGE, entity.organization_id)
    event, count = AuditEvent, func.count()
    # Everybody's, not only that of the actor's own people: it is about a record that the actor answers for.
    asked = (
        select(event.user_id, event.via, event.action, count, func.min(event.at), func.max(event.at))
        .where(event.tenant_id == actor.tenant_id, concerns(str(entity_id)), event.outcome == "done")
        .group_by(event.user_id, event.via, event.action)
        .order_by(func.max(event.at).desc())
        .limit(MOST_PEOPLE)
    )
    with patiently():
        rows = db.session.execute(asked).all()
    names = named_people(actor, (row[0] for row in rows))
    return [Deed(row[0], name_of(row[0], names), *row[1:]) for row in rows]


def tells_of(actor: Actor, user_id: UUID) -> bool:
    """Whether the record tells the actor of anything that this person did."""
    own = visible_events(actor).where(AuditEvent.user_id == user_id).with_only_columns(AuditEvent.id)
    return db.session.scalar(own.limit(1)) is not None


def taken_by(actor: Actor, user_id: UUID) -> Taken:
    """The downloads of one person and of the programs that work in their name, newest first.

    :raises NotFound: there is nobody of that id in what the actor administers
    :raises Forbidden: the actor administers nothing
    """
    require(actor, Permission.MANAGE)
    if not named_people(actor, [user_id]) or not tells_of(actor, user_id):
        raise NotFound("The record has nobody of that id.")
    return _taken(actor, AuditEvent.user_id == user_id, AuditEvent.action.in_(TAKING))


def who_has_downloaded(actor: Actor, export_id: UUID) -> Taken:
    """Each download of an export, whole or a file of it, newest first.

    :raises NotFound: there is no such export, or the actor may not know
    """
    if db.session.scalar(visible_exports(actor).where(Export.id == export_id)) is None:
        raise NotFound("There is no such export.")
    of_export = (AuditEvent.object_type == "export", AuditEvent.object_id == str(export_id))
    return _taken(actor, AuditEvent.action == "export.download", *of_export, everybody=True)


def _taken(actor: Actor, *conditions: ColumnElement[bool], everybody: bool = False) -> Taken:
    seen = select(AuditEvent).where(AuditEvent.tenant_id == actor.tenant_id) if everybody else visible_events(actor)
    found = seen.where(AuditEvent.outcome == "done", *conditions)
    counted = found.with_only_columns(func.count(), func.coalesce(func.sum(AuditEvent.byte_count), 0))
    with patiently():
        totals = db.session.execute(counted).one()
        rows = list(db.session.scalars(newest_first(found).limit(MOST_LINES)))
    return Taken(tuple(with_names(actor, rows)), int(totals[0] or 0), int(totals[1] or 0), _export_names(actor, rows))


def _export_names(actor: Actor, events: Sequence[AuditEvent]) -> dict[str, str]:
    wanted = {UUID(event.object_id) for event in events if event.object_type == "export" and event.object_id}
    found: Any = select(Export.id, Export.name).where(Export.tenant_id == actor.tenant_id, Export.id.in_(wanted))
    return {str(row.id): row.name for row in db.session.execute(found)} if wanted else {}

"""Writing into the record, and asking whether something stands there."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select

from app.actor import Actor
from app.extensions import db
from app.models import AuditEvent


def note(
    actor: Actor | None,
    action: str,
    object_type: str | None = None,
    object_id: UUID | str | None = None,
    *,
    tenant_id: UUID | None = None,
    subject_id: UUID | None = None,
    details: dict[str, Any] | None = None,
    row_count: int | None = None,
    byte_count: int | None = None,
    outcome: str = "done",
    via: str = "shell",
    address: str | None = None,
    request_id: str | None = None,
) -> AuditEvent:
    """Add an event to the writing transaction; the caller commits it together with what it tells of.

    Never patient values, passwords or what somebody typed: ids, counts and names of things only.

    :param actor: who; ``None`` for the shell, a machine's own upkeep and a stranger who tries to sign in
    :param action: dotted words: ``session.begin``, ``entity.edit``, ``export.download``
    :param subject_id: the record that it is about; when not given, the object of ``entity.…``, or ``details["entity"]``
    :param outcome: ``done``, ``refused`` or ``failed``
    :param via: the way in when there is no actor: ``shell``, ``job`` or ``stranger``
    """
    event = AuditEvent(
        tenant_id=tenant_id or (actor.tenant_id if actor else None),
        user_id=actor.user_id if actor else None,
        via=actor.via if actor else via,
        via_id=actor.via_id if actor else None,
        address=actor.address if actor else address,
        request_id=actor.request_id if actor else request_id,
        action=action,
        object_type=object_type,
        object_id=None if object_id is None else str(object_id),
        subject_id=subject_id or _subject(action, object_id, details),
        details=details,
        row_count=row_count,
        byte_count=byte_count,
        outcome=outcome,
    )
    db.session.add(event)
    return event


def _subject(action: str, object_id: UUID | str | None, details: dict[str, Any] | None) -> UUID | None:
    said = object_id if action.startswith("entity.") else (details or {}).get("entity")
    try:
        return None if said is None else UUID(str(said))
    except ValueError:
        return None


def is_noted(actor: Actor, action: str, object_type: str, object_id: UUID) -> bool:
    """Whether the record holds such a deed of the actor's, done in the same sign-in (or by the same token)."""
    noted = exists().where(
        AuditEvent.object_type == object_type,
        AuditEvent.object_id == str(object_id),
        AuditEvent.action == action,
        AuditEvent.outcome == "done",
        AuditEvent.user_id == actor.user_id,
        AuditEvent.via_id == actor.via_id,
    )
    return bool(db.session.scalar(select(noted)))


def has_seen(actor: Actor, subject_id: UUID, since: datetime) -> bool:
    """Whether the record holds that the actor saw a record since then, in the same sign-in (or by the same token)."""
    seen = exists().where(
        AuditEvent.subject_id == subject_id,
        AuditEvent.at >= since,
        AuditEvent.action == "entity.view",
        AuditEvent.user_id == actor.user_id,
        AuditEvent.via_id == actor.via_id,
    )
    return bool(db.session.scalar(select(seen)))

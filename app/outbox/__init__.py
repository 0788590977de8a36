"""Effects that must follow a commit: written with it, delivered after it, at least once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson

from app.extensions import db
from app.models import OutboxMessage
from app.outbox.claims import due, settle, take

__all__ = ["due", "post", "settle", "take"]


def post(tenant_id: UUID, kind: str, payload: dict[str, Any], *, object_id: UUID | None = None) -> OutboxMessage:
    """Add an effect to the writing transaction; it is due at once when the caller commits.

    :param kind: a dotted word that names who delivers it
    :param payload: what the delivery needs: ids rather than values, for it is kept as text
    :param object_id: what it tells of, to be found by
    """
    message = OutboxMessage(tenant_id=tenant_id, kind=kind, payload=orjson.dumps(payload).decode(), object_id=object_id)
    db.session.add(message)
    return message

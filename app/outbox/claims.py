"""Who delivers takes a message for one try by raising its count of tries: two never make the same try."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import clock
from app.extensions import db
from app.models import OutboxMessage, begin_writing
from app.models.types import database_now


def due(kind: str, limit: int) -> list[tuple[UUID, int]]:
    """Messages of one kind that wait for a try, the longest waiting first, each with the tries made. Ends the
    transaction."""
    rows = db.session.execute(
        select(OutboxMessage.id, OutboxMessage.attempts)
        .where(
            OutboxMessage.kind == kind,
            OutboxMessage.delivered_at.is_(None),
            OutboxMessage.given_up_at.is_(None),
            OutboxMessage.due_at <= database_now(),
        )
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .limit(limit)
    ).all()
    db.session.rollback()
    return [(row.id, row.attempts) for row in rows]


def take(message_id: UUID, seen: int, *, seconds: float) -> bool:
    """Begin a writing transaction and take the message for try number ``seen + 1``; the caller commits.

    :param seen: the tries that had been made when it was found
    :param seconds: how long nobody else may try
    :returns: whether it is ours; if not, the transaction has ended
    """
    begin_writing()
    taken = _change(message_id, seen, attempts=seen + 1, due_at=database_now(round(seconds * 1000)))
    if not taken:
        db.session.rollback()
    return taken


def settle(message_id: UUID, attempt: int, fault: str | None = None, *, again_in: float | None = None) -> str | None:
    """Write down, in the writing transaction, what came of a try that :func:`take` began.

    :param attempt: the try's number; nothing is written when somebody else has begun another one
    :param fault: why it was not delivered; ``None`` when it was
    :param again_in: seconds to wait for the next try; ``None`` when there is to be none
    :returns: ``done`` or ``failed`` when this was the last try and it is written; else ``None``
    """
    if fault is not None and again_in is not None:
        _change(message_id, attempt, due_at=database_now(round(again_in * 1000)), last_error=fault)
        return None
    outcome, ended = ("done", "delivered_at") if fault is None else ("failed", "given_up_at")
    written = _change(message_id, attempt, last_error=fault, **{ended: clock.now()})
    return outcome if written else None


def _change(message_id: UUID, tried: int, /, **values: Any) -> bool:
    """Change a message that is still to be delivered and has been tried so often. Returns whether it was."""
    result = db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.id == message_id,
            OutboxMessage.attempts == tried,
            OutboxMessage.delivered_at.is_(None),
            OutboxMessage.given_up_at.is_(None),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]

"""What is answered for (audit events) and what must follow a commit (the outbox)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.extensions import Base
from app.models.types import BigId, Id, Instant, database_now, one_of

OUTCOMES = ("done", "refused", "failed")
_UNSEALED = text("sequence IS NULL")


class AuditEvent(Base):
    """Who did what to what, when, from where, with which outcome. Never changed; no patient values.

    ``tenant_id`` is empty only for events before anybody is known (a wrong password for an unknown address).
    ``subject_id`` is the record that it is about, when that is another thing than the object: the holder of a file.
    ``sequence`` and ``hash`` are its place in the chain, empty until it is sealed (:mod:`app.record.chain`); triggers
    of the database refuse every other change, and a removal unless the chain says that the event may go.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        one_of("outcome", OUTCOMES, "outcome"),
        Index("ix_audit_event_tenant", "tenant_id", "id"),
        Index("ix_audit_event_object", "object_type", "object_id"),
        Index("ix_audit_event_at", "tenant_id", "at", "id"),
        Index("ix_audit_event_person", "user_id", "at", "id"),
        Index("ix_audit_event_subject", "subject_id", "at", "id"),
        Index("uq_audit_event_sequence", "sequence", unique=True),
        Index("ix_audit_event_unsealed", "id", sqlite_where=_UNSEALED, postgresql_where=_UNSEALED),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    tenant_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("tenant.id"))
    at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    user_id: Mapped[UUID | None] = mapped_column(Id)
    via: Mapped[str] = mapped_column(String(16))
    via_id: Mapped[UUID | None] = mapped_column(Id)
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    object_type: Mapped[str | None] = mapped_column(String(32))
    object_id: Mapped[str | None] = mapped_column(String(108))
    subject_id: Mapped[UUID | None] = mapped_column(Id)
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(String(16))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[str | None] = mapped_column(String(64))


class AuditChain(Base):
    """Where the chain of events ends and where it begins: one row.

    ``hash`` is that of the event numbered ``sequence``, the last one sealed. Events up to ``removed_through`` were
    removed when they were old enough; ``removed_hash`` is that of the last of them, to which the next one is chained.
    """

    __tablename__ = "audit_chain"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[str] = mapped_column(String(64))
    removed_through: Mapped[int] = mapped_column(BigInteger, default=0)
    removed_hash: Mapped[str] = mapped_column(String(64))


class OutboxMessage(Base):
    """An effect that must follow the commit it was written in, delivered at least once or given up after many tries.

    ``object_id`` is what it tells of. ``attempts`` rises with each try, and is the fence of whoever makes it.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index("ix_outbox_message_due", "delivered_at", "due_at"),
        Index("ix_outbox_message_object", "object_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    kind: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[UUID | None] = mapped_column(Id)
    payload: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    due_at: Mapped[datetime] = mapped_column(Instant, default=database_now())
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    delivered_at: Mapped[datetime | None] = mapped_column(Instant)
    given_up_at: Mapped[datetime | None] = mapped_column(Instant)
    last_error: Mapped[str | None] = mapped_column(String(500))


class CallbackTry(Base):
    """One request to a callback address: when, and what came of it.

    ``status`` is that of the answer, if there was one; ``words`` say it for people. Nothing of the answer itself is
    kept: it is a stranger's text.
    """

    __tablename__ = "callback_try"
    __table_args__ = (Index("ix_callback_try_message", "message_id", "at"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    message_id: Mapped[UUID] = mapped_column(Id, ForeignKey("outbox_message.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    status: Mapped[int | None] = mapped_column(Integer)
    words: Mapped[str] = mapped_column(String(200))
    milliseconds: Mapped[int] = mapped_column(Integer)

"""Exports: a request for data, the files it promises, and the parts of work that make them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.extensions import Base
from app.models.types import Id, Instant, one_of
from app.models.user import User

EXPORT_STATES = ("queued", "building", "ready", "failed", "cancelled", "expired")
PENDING_STATES = ("queued", "building")
STEPS = ("plan", "build", "publish")
PART_STATES = ("queued", "building", "done")

# SQLite does not count characters, and keeps the number with which the table was once made.
_LABEL = String(128).with_variant(String(36), "sqlite")
_PENDING = text("state IN ('queued', 'building')")


class Export(Base):
    """A request for data and all that comes of it. The row is the order; a job in the queue is only the bell.

    ``params`` is what was asked, as JSON text; ``frozen`` what the plan froze so that the bytes are decided
    (template names, captions, scope). ``request_key`` is unique for each owner, so a form sent twice is one export.
    ``promised_rows`` is counted by the plan, and kept or the export fails; ``expected_*`` is what the preview said.
    ``version`` rises with each visible change, so that a poll can ask "anything new?". ``label`` is what the requester
    calls it; ``callback_url`` is told of its end, whatever that is.
    """

    __tablename__ = "export"
    __table_args__ = (
        one_of("state", EXPORT_STATES, "state"),
        CheckConstraint("(state = 'ready') = (archive_key IS NOT NULL)", name="ready_has_archive"),
        CheckConstraint("state <> 'failed' OR reason IS NOT NULL", name="failed_has_reason"),
        UniqueConstraint("owner_id", "request_key"),
        Index(
            "uq_export_pending_subject",
            "kind",
            "subject",
            unique=True,
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index("ix_export_owner", "owner_id", "requested_at", "id"),
        Index("ix_export_tenant", "tenant_id", "requested_at", "id"),
        Index("ix_export_state", "state", "expires_at"),
        Index("ix_export_tenant_served", "tenant_id", "last_served_at"),
        Index("ix_export_owner_served", "owner_id", "last_served_at"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    owner_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"))
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200))
    request_key: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(120))
    label: Mapped[str | None] = mapped_column(_LABEL)
    callback_url: Mapped[str | None] = mapped_column(String(2000))
    params: Mapped[str] = mapped_column(Text)
    made_under: Mapped[str | None] = mapped_column(String(24))
    """The requester's right to export when they asked; None of before it was kept, and of what needs no such right."""

    frozen: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="queued")
    phase: Mapped[str] = mapped_column(String(100), default="Waiting for a worker")
    reason: Mapped[str | None] = mapped_column(String(500))
    snapshot_revision: Mapped[int | None] = mapped_column(BigInteger)
    snapshot_at: Mapped[datetime | None] = mapped_column(Instant)
    promised_rows: Mapped[int | None] = mapped_column(BigInteger)
    done_rows: Mapped[int] = mapped_column(BigInteger, default=0)
    done_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    part_count: Mapped[int] = mapped_column(Integer, default=0)
    done_parts: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(Integer, default=1)
    requested_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    deadline: Mapped[datetime] = mapped_column(Instant)
    """By the database's clock: an export that is not settled by then fails."""

    last_served_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a worker last took a part of it, by the database's clock. A tenant, or a person, was last served when the
    last of their exports was: whoever was served least recently goes first."""

    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
    """Nobody sees it any more; the row itself goes a while later, when no worker can be busy with it."""

    archive_key: Mapped[str | None] = mapped_column(String(200))
    archive_bytes: Mapped[int | None] = mapped_column(BigInteger)
    archive_sha256: Mapped[str | None] = mapped_column(String(64))

    owner: Mapped[User] = relationship(lazy="select")
    files: Mapped[list[ExportFile]] = relationship(order_by="ExportFile.ordinal", lazy="select")

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING_STATES

    @property
    def is_settled(self) -> bool:
        return not self.is_pending


class ExportFile(Base):
    """A file of the archive. ``data_offset`` and ``compressed_bytes`` find it there, so it can be served alone.

    ``layout`` (JSON text) is what the encoder and the data package need: media type, columns, title, record range.
    ``raw_bytes``, ``crc32``, ``sha256`` are of the file as downloaded, and known once the archive is published.
    """

    __tablename__ = "export_file"

    export_id: Mapped[UUID] = mapped_column(Id, ForeignKey("export.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(100))
    layout: Mapped[str] = mapped_column(Text)
    promised_rows: Mapped[int | None] = mapped_column(BigInteger)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    raw_bytes: Mapped[int | None] = mapped_column(BigInteger)
    crc32: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    stored: Mapped[bool] = mapped_column(default=False)
    compressed_bytes: Mapped[int | None] = mapped_column(BigInteger)
    data_offset: Mapped[int | None] = mapped_column(BigInteger)


class ExportPart(Base):
    """A step of work that one worker claims: the plan, a run of fragments, or the publication.

    ``task`` (JSON text) of a run: ``{"runs": [[file's ordinal, number of its first fragment, [task, …]], …]}``; once it
    is done ``fragments`` says what was staged: ``[[file's ordinal, [fragment, …], the file's SHA-256 or null], …]``.

    ``fence`` rises with each claim; whatever a worker writes is written ``WHERE fence =`` its own, or it has lost.
    ``lease_until``, ``beat_at`` and ``not_before`` are by the database's clock.
    """

    __tablename__ = "export_part"
    __table_args__ = (
        one_of("step", STEPS, "step"),
        one_of("state", PART_STATES, "state"),
        Index("ix_export_part_state", "state", "export_id", "ordinal"),
    )

    export_id: Mapped[UUID] = mapped_column(Id, ForeignKey("export.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True)
    step: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default="queued")
    fence: Mapped[int] = mapped_column(Integer, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime | None] = mapped_column(Instant)
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    beat_at: Mapped[datetime | None] = mapped_column(Instant)
    worker: Mapped[str | None] = mapped_column(String(120))
    task: Mapped[str] = mapped_column(Text, default="{}")
    promised_rows: Mapped[int] = mapped_column(BigInteger, default=0)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    staged_key: Mapped[str | None] = mapped_column(String(200))
    fragments: Mapped[str | None] = mapped_column(Text)
    last_error: Mapped[str | None] = mapped_column(String(500))

"""Files that people attached to entities."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.extensions import Base
from app.models.types import Id, Instant, one_of

FILE_STATES = ("expected", "stored", "attached", "refused", "removed")


class StoredFile(Base):
    """A file's facts. Its bytes lie in storage under ``storage_key``, which is ours and never the user's text.

    A file belongs to one attribute of one entity once it is ``attached``. ``removed_revision`` is the revision at
    which it was taken off: an export of an earlier snapshot may still need its bytes.
    """

    __tablename__ = "stored_file"
    __table_args__ = (
        one_of("state", FILE_STATES, "state"),
        Index("ix_stored_file_entity", "entity_id", "attribute", "created_at"),
        Index("ix_stored_file_state", "state", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    organization_id: Mapped[UUID] = mapped_column(Id, ForeignKey("organization.id"))
    entity_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("entity.id", ondelete="SET NULL"))
    attribute: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(128))
    media_type: Mapped[str] = mapped_column(String(100))
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    storage_key: Mapped[str] = mapped_column(String(200), unique=True)
    preview_key: Mapped[str | None] = mapped_column(String(200))
    modality: Mapped[str | None] = mapped_column(String(16))
    page_count: Mapped[int | None] = mapped_column(Integer)
    uploaded_by: Mapped[UUID | None] = mapped_column(Id)
    parts: Mapped[int | None] = mapped_column(Integer)
    """How many parts were asked for when it was announced to come in parts; None: it comes in one."""
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)
    removed_revision: Mapped[int | None] = mapped_column(BigInteger)


class FilePiece(Base):
    """One part of a file that is still expected: where its bytes lie, and the tag under which its sender named it.

    Without ``storage_key`` its bytes, if they came, went to the object store directly. A part without ``told`` is
    not joined.
    """

    __tablename__ = "file_piece"
    __table_args__ = (CheckConstraint("number BETWEEN 1 AND 10000", name="number"),)

    file_id: Mapped[UUID] = mapped_column(Id, ForeignKey("stored_file.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    storage_key: Mapped[str | None] = mapped_column(String(200), unique=True)
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    etag: Mapped[str | None] = mapped_column(String(64))
    told: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)

"""Entities: current rows, the history of their earlier versions, what they can be found by, what they point at."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Base
from app.models.organization import Organization
from app.models.template import DATA_TYPES, Template
from app.models.types import Id, Instant, one_of


class VersionedFacts:
    """The columns that a current row and its earlier versions share.

    ``attributes`` and ``phi_attributes`` are JSON objects as text, of the entity's own attributes only: what
    identifies people, attached files among it, is in the second. ``document_bytes`` is their joint length in UTF-8.
    ``revision`` is the tenant's number at which this version came to be, ``changed_by`` who brought it (empty for a
    load from the shell).
    """

    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    data_type: Mapped[str] = mapped_column(String(32))
    template_id: Mapped[UUID] = mapped_column(Id, ForeignKey("template.id"))
    organization_id: Mapped[UUID] = mapped_column(Id, ForeignKey("organization.id"))
    location_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("location.id"))
    key: Mapped[str] = mapped_column(String(108))
    caption: Mapped[str] = mapped_column(String(300))
    attributes: Mapped[str] = mapped_column(Text, default="{}")
    phi_attributes: Mapped[str] = mapped_column(Text, default="{}")
    document_bytes: Mapped[int] = mapped_column(Integer, default=4)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    revision: Mapped[int] = mapped_column(BigInteger)
    changed_by: Mapped[UUID | None] = mapped_column(Id)


_COUNTED = ("organization_id", "template_id", "document_bytes")


class Entity(VersionedFacts, Base):
    """A patient, a device or another thing that an organization holds, as it is now.

    ``key`` is a device's own free-text id, and the id as text for everything else.
    """

    __tablename__ = "entity"
    __table_args__ = (
        one_of("data_type", DATA_TYPES, "data_type"),
        UniqueConstraint("tenant_id", "data_type", "key"),
        # What a plan counts is in the index too, so that it need not look at the rows.
        Index("ix_entity_by_creation", "tenant_id", "data_type", "created_at", "id", *_COUNTED),
        Index("ix_entity_by_change", "tenant_id", "data_type", "updated_at", "id", *_COUNTED),
        Index("ix_entity_by_caption", "tenant_id", "data_type", "caption", "id"),
        Index("ix_entity_by_organization", "organization_id", "data_type", "created_at", "id"),
        Index("ix_entity_by_organization_change", "organization_id", "data_type", "updated_at", "id"),
        Index("ix_entity_by_organization_caption", "organization_id", "data_type", "caption", "id"),
        Index("ix_entity_by_template", "template_id", "updated_at", "id"),
        Index("ix_entity_revision", "tenant_id", "revision"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)

    template: Mapped[Template] = relationship(lazy="select")
    organization: Mapped[Organization] = relationship(lazy="select", foreign_keys="Entity.organization_id")


class EntityHistory(VersionedFacts, Base):
    """A version that is no longer current: it held from ``revision`` until just before ``superseded_by``."""

    __tablename__ = "entity_history"
    __table_args__ = (
        Index("ix_entity_history_by_creation", "tenant_id", "data_type", "created_at", "id"),
        Index("ix_entity_history_by_change", "tenant_id", "data_type", "updated_at", "id"),
        Index("ix_entity_history_superseded", "tenant_id", "superseded_by"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    superseded_by: Mapped[int] = mapped_column(BigInteger)
    superseded_at: Mapped[datetime] = mapped_column(Instant)
    deleted_by: Mapped[UUID | None] = mapped_column(Id)
    deleted: Mapped[bool] = mapped_column(default=False)
    """The change that superseded this version was the entity's removal."""


class EntityValue(Base):
    """One attribute's value as filters and ``unique`` use it; ``text`` is case-folded and cut to 200 characters."""

    __tablename__ = "entity_value"
    __table_args__ = (
        Index("ix_entity_value_text", "tenant_id", "attribute", "text"),
        Index("ix_entity_value_number", "tenant_id", "attribute", "number"),
        Index("ix_entity_value_time", "tenant_id", "attribute", "time"),
    )

    entity_id: Mapped[UUID] = mapped_column(Id, ForeignKey("entity.id", ondelete="CASCADE"), primary_key=True)
    attribute: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(Id)
    text: Mapped[str | None] = mapped_column(String(200))
    number: Mapped[float | None] = mapped_column(Float(53))
    time: Mapped[datetime | None] = mapped_column(Instant)


class EntityWord(Base):
    """A word by which an entity is found: case-folded, from its caption, key and short text values."""

    __tablename__ = "entity_word"
    __table_args__ = (Index("ix_entity_word_entity", "entity_id", "word"),)

    tenant_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    data_type: Mapped[str] = mapped_column(String(32), primary_key=True)
    # Compared by code points: a word's beginning is looked up as a range.
    word: Mapped[str] = mapped_column(
        String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True
    )
    entity_id: Mapped[UUID] = mapped_column(Id, ForeignKey("entity.id", ondelete="CASCADE"), primary_key=True)


class Reference(Base):
    """An entity's attribute points at another entity; kept as rows so that the other side can list who does."""

    __tablename__ = "reference"
    __table_args__ = (Index("ix_reference_target", "target_id", "attribute"),)

    entity_id: Mapped[UUID] = mapped_column(Id, ForeignKey("entity.id", ondelete="CASCADE"), primary_key=True)
    attribute: Mapped[str] = mapped_column(String(64), primary_key=True)
    target_id: Mapped[UUID] = mapped_column(Id, ForeignKey("entity.id"))

"""Organizations (clinics) and their locations (wards)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.extensions import Base
from app.models.tenant import Tenant
from app.models.types import Id, Instant


class Organization(Base):
    """A clinic. It is also an entity (data type ``organization``) with the same id, which carries its versioned facts.

    Exactly one organization of a tenant is its root: its members see the whole tenant.
    """

    __tablename__ = "organization"
    __table_args__ = (
        Index(
            "uq_organization_root",
            "tenant_id",
            unique=True,
            sqlite_where=text("is_root = 1"),
            postgresql_where=text("is_root"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"), index=True)
    short_code: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    is_root: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)

    tenant: Mapped[Tenant] = relationship(lazy="joined")


class Location(Base):
    """A ward or a room of an organization."""

    __tablename__ = "location"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    organization_id: Mapped[UUID] = mapped_column(Id, ForeignKey("organization.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))

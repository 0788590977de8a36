"""Tenants: the top wall of isolation, and the counter that numbers every change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, String, update
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.extensions import Base, db
from app.models.types import MILLISECOND, Id, Instant


class Tenant(Base):
    """One customer of the deployment. Nothing of one tenant is ever visible to another."""

    __tablename__ = "tenant"
    __table_args__ = (
        CheckConstraint("retention_days BETWEEN 1 AND 3650", name="retention_days"),
        CheckConstraint("revision >= 0", name="revision"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    exports_enabled: Mapped[bool] = mapped_column(default=False)
    exports_off_reason: Mapped[str] = mapped_column(String(500), default="")
    """Said, while exports are off, to whoever would have launched one."""

    export_rights: Mapped[str] = mapped_column(String(200), default="")
    """What roles may export that may not export all: ``analyst:without-identifiers``, with spaces between."""

    callback_hosts: Mapped[str] = mapped_column(String(4000), default="")
    """Names of the hosts that may be called back, with spaces between; empty is every host that the deployment lets."""

    retention_days: Mapped[int] = mapped_column(default=30)
    requests_per_minute: Mapped[int] = mapped_column(default=2000)
    demonstration_notice: Mapped[str | None] = mapped_column(String(2000))
    """Said on every page when the tenant holds demonstration data: what it is and where it comes from."""

    second_step_for: Mapped[str] = mapped_column(String(200), default="")
    """Who must have a second step at sign-in: roles with spaces between, ``*`` for everybody."""

    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    changed_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)

    def export_right_of(self, role: str) -> str:
        """What a role of this tenant may export: ``full`` unless an administrator said less."""
        return dict(said.split(":") for said in self.export_rights.split()).get(role, "full")


@dataclass(frozen=True, slots=True)
class Revision:
    """A number in the tenant's order of changes, and when it was taken."""

    number: int
    at: datetime


def take_revision(tenant_id: UUID) -> Revision:
    """Take the tenant's next revision inside the writing transaction.

    The tenant's row stays locked until the commit, so the order of commits is the order of revisions, and the
    instants rise strictly. Call :func:`~app.models.transactions.begin_writing` before, and commit soon after.
    """
    counted = db.session.execute(
        update(Tenant)
        .where(Tenant.id == tenant_id)
        .values(revision=Tenant.revision + 1)
        .returning(Tenant.revision, Tenant.changed_at)
        .execution_options(synchronize_session=False)
    ).one()
    at = max(clock.now(), counted.changed_at + MILLISECOND)
    db.session.execute(
        update(Tenant).where(Tenant.id == tenant_id).values(changed_at=at).execution_options(synchronize_session=False)
    )
    return Revision(counted.revision, at)

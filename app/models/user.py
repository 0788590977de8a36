"""Who signs in: users, their roles in organizations, sign-in sessions, API tokens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.extensions import Base
from app.models.organization import Organization
from app.models.tenant import Tenant
from app.models.types import Id, Instant, one_of

ROLES = ("clinician", "analyst", "administrator")
TOKEN_KINDS = ("personal", "access", "refresh")


class User(Base):
    """A person who signs in. A person is also an entity with the same id, which carries their versioned facts.

    ``email`` is kept case-folded and unique in the deployment.
    """

    __tablename__ = "user_account"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"), index=True)
    handle: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)

    tenant: Mapped[Tenant] = relationship(lazy="joined")
    memberships: Mapped[list[Membership]] = relationship(back_populates="user", lazy="selectin")


class Membership(Base):
    """A role held in an organization; held in the root organization, it counts in the whole tenant."""

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("user_id", "organization_id", "role"),
        one_of("role", ROLES, "role"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"))
    organization_id: Mapped[UUID] = mapped_column(Id, ForeignKey("organization.id"), index=True)
    role: Mapped[str] = mapped_column(String(32))

    user: Mapped[User] = relationship(back_populates="memberships")
    organization: Mapped[Organization] = relationship(lazy="joined")


class SignInSession(Base):
    """One signed-in browser. Only the SHA-256 of the cookie's secret is kept."""

    __tablename__ = "sign_in_session"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    """The last time a person did something; polling does not count."""

    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the person last showed who they are; nothing: when the session began. By single sign-on it is when the
    provider says, which may be long before."""

    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    second_step: Mapped[bool] = mapped_column(default=False)
    """Whether more than the password was asked for."""

    user: Mapped[User] = relationship(lazy="joined")


class ApiToken(Base):
    """A machine's way in. ``prefix`` finds the row; the secret's SHA-256 is compared in constant time.

    ``personal`` tokens are made in the portal and last for long; a sign-in by e-mail address and password gives an
    ``access`` token for minutes and a ``refresh`` token for a day, which only gets new ones.
    """

    __tablename__ = "api_token"
    __table_args__ = (one_of("kind", TOKEN_KINDS, "kind"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16), default="personal")
    family_id: Mapped[UUID] = mapped_column(Id, index=True)
    """What ends together: all that came of one sign-in, or of one personal token (which carries its own id here)."""

    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    scopes: Mapped[str] = mapped_column(String(300), default="")
    """Permissions, with spaces between; what the person's roles do not allow is not allowed to the token either."""

    requests_per_minute: Mapped[int | None] = mapped_column()
    """A limit of its own below its tenant's; it counts for all that comes of it, and stands at the family's first."""

    address: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    spent_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a refresh token was exchanged for the next; it being shown again means that two hold it."""

    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    user: Mapped[User] = relationship(lazy="joined")

    def is_live(self, now: datetime) -> bool:
        """Neither ended nor expired, and its person may still sign in."""
        return self.ended_at is None and self.spent_at is None and now < self.expires_at and self.user.active

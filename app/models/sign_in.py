"""What signing in needs beside the password: links that are good once, the second step, the way between, identities."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.extensions import Base
from app.models.types import Id, Instant, one_of
from app.models.user import User

LINK_KINDS = ("invitation", "reset")


class SignInLink(Base):
    """A link by which a person sets their password, once. Only the SHA-256 of its secret is kept.

    The secret itself is made of the deployment's key and this row, so that what sends it needs no copy of it.
    """

    __tablename__ = "sign_in_link"
    __table_args__ = (one_of("kind", LINK_KINDS, "kind"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    nonce: Mapped[str] = mapped_column(String(43))
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    made_by: Mapped[UUID | None] = mapped_column(Id)
    """The administrator; None when the person asked for it."""

    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a newer link, or the end of the account's use, took its place."""

    user: Mapped[User] = relationship(lazy="joined")

    def is_open(self, now: datetime) -> bool:
        """Neither used, ended nor expired, and its person may still sign in."""
        return self.used_at is None and self.ended_at is None and now < self.expires_at and self.user.active


class SecondStep(Base):
    """A person's codes by time (RFC 6238). What the codes are made of is derived from the deployment's key and nonce.

    ``nonce`` and ``confirmed_at`` are empty until the first code came: till then it is asked for nowhere. The pending
    ones are for a telephone that is being set up, in place of none or of another. ``last_counter`` is the time step of
    the last code that was taken; that code and older ones are taken no more.
    """

    __tablename__ = "second_step"

    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"), primary_key=True)
    nonce: Mapped[str | None] = mapped_column(String(43))
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    pending_nonce: Mapped[str | None] = mapped_column(String(43))
    pending_at: Mapped[datetime | None] = mapped_column(Instant)
    last_counter: Mapped[int] = mapped_column(BigInteger, default=0)


class RecoveryCode(Base):
    """A code that stands in once for one of the telephone's. 120 random bits, of which the SHA-256 is kept."""

    __tablename__ = "recovery_code"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class HalfSignIn(Base):
    """A browser that gave the right password and still owes the second step. It opens nothing but that page."""

    __tablename__ = "half_sign_in"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    user: Mapped[User] = relationship(lazy="joined")


class SignInIdentity(Base):
    """Who a person is at an OpenID provider: the subject is its own name for them, which it never gives to another.

    A person is one subject at one provider: an e-mail address that the provider gave to somebody else opens nothing.
    """

    __tablename__ = "sign_in_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "issuer"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"))
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)

    user: Mapped[User] = relationship(lazy="joined")

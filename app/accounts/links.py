"""Links by which a person sets their password: invitations and resets. Good once, for a while, the newest alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from app import clock, outbox
from app.accounts.endings import end_password_sign_ins, end_sessions_of
from app.accounts.marking import digest
from app.accounts.passwords import check_password, hash_password
from app.accounts.strangers import account_named, find_user, note_stranger
from app.accounts.throttle import count_reset
from app.actor import Actor
from app.errors import Gone
from app.extensions import db
from app.mail import mailer
from app.models import SignInLink, User, begin_writing
from app.signing import signing

INVITATION, RESET = "invitation", "reset"
LIVES = {INVITATION: timedelta(days=7), RESET: timedelta(hours=1)}
MAIL = "mail.link"
PURPOSE = "sign-in link"
_SHAPE = 43
"""Signs of a secret: 256 bits in base 64."""

GONE = "This link has been used, has been replaced by a newer one, or is too old."


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link. ``url`` is there only when no mail is sent: then whoever made it hands it over."""

    id: UUID
    kind: str
    expires_at: datetime
    url: str | None


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Whose a good link is, for the page that asks for the password."""

    kind: str
    email: str
    name: str
    expires_at: datetime


class _Addresses:
    """Where the page for a link is; the face says, for the domain knows no addresses."""

    def __init__(self) -> None:
        self.of: Callable[[str], str] = lambda secret: secret

    def bind(self, of: Callable[[str], str]) -> None:
        self.of = of


addresses = _Addresses()


def add_link(user: User, made_by: Actor | None) -> MadeLink:
    """Add a link to the writing transaction, and end the person's earlier ones; a mail follows the commit.

    An invitation for whoever has no password yet, else a reset.

    :param made_by: the administrator, who is given the address when there is no mail server
    """
    kind, now = RESET if user.password_hash else INVITATION, clock.now()
    end_links_of(user.id)
    link = SignInLink(
        user_id=user.id, kind=kind, nonce=secrets.token_urlsafe(32), secret_sha256=b"", created_at=now,
        expires_at=now + LIVES[kind], made_by=made_by.user_id if made_by else None,
    )  # fmt: skip
    link.secret_sha256 = digest(secret_of(link))
    db.session.add(link)
    db.session.flush()
    if mailer.sends:
        outbox.post(user.tenant_id, MAIL, {"link": str(link.id)}, object_id=link.id)
    shown = addresses.of(secret_of(link)) if made_by is not None and not mailer.sends else None
    return MadeLink(link.id, kind, link.expires_at, shown)


def secret_of(link: SignInLink) -> str:
    """What the link carries. Made anew of the deployment's key each time, so that it is kept nowhere."""
    return signing.sign(PURPOSE, str(link.user_id), link.kind, link.nonce)


def is_of_this_key(link: SignInLink) -> bool:
    """Whether the deployment's key is still the one with which the link was made."""
    return digest(secret_of(link)) == link.secret_sha256


def end_links_of(user_id: UUID) -> None:
    """End, in the writing transaction, every link of a person that is still good."""
    db.session.execute(
        update(SignInLink)
        .where(SignInLink.user_id == user_id, SignInLink.used_at.is_(None), SignInLink.ended_at.is_(None))
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def open_link(secret: str) -> OpenLink:
    """Whose link this is. Looking uses nothing up: programs look at links in mail before people do.

    :raises Gone: it is used, replaced, expired, altered, or its person may not sign in; which is not said
    """
    link = _find(secret)
    if link is None or not link.is_open(clock.now()):
        raise Gone(GONE)
    return OpenLink(link.kind, link.user.email, link.user.name, link.expires_at)


def use_link(secret: str, password: str, *, address: str | None = None, request_id: str | None = None) -> str:
    """Set the password of the link's person and use the link up; answers their e-mail address.

    Whoever was signed in with an old password is signed out: browsers, and programs that used it.

    :raises Gone: as :func:`open_link`
    :raises Invalid: the password is too weak, under ``password``; the link stays good
    """
    known = open_link(secret)
    check_password(password, email=known.email, name=known.name)
    db.session.rollback()
    password_hash = hash_password(password)
    begin_writing()
    link = _find(secret, to_change=True)
    if link is None or not link.is_open(clock.now()):
        db.session.rollback()
        raise Gone(GONE)
    user = link.user
    link.used_at, user.password_hash = clock.now(), password_hash
    end_links_of(user.id)
    end_sessions_of(user.id)
    end_password_sign_ins(user.id)
    by = {"by": link.kind}
    note_stranger("user.password", user, outcome="done", details=by, address=address, request_id=request_id)
    email = user.email
    db.session.commit()
    return email


def request_reset(email: str, *, address: str | None = None, request_id: str | None = None) -> None:
    """Mail a link to whoever has this address and a password. Nothing that is answered tells whether anybody does.

    :raises Throttled: asked for too often, for this address or from this one
    """
    account = account_named(email)
    count_reset(account, address)
    begin_writing()
    user = find_user(account)
    known = user if user is not None and user.active and user.password_hash and mailer.sends else None
    if known is not None:
        add_link(known, None)
    outcome = "done" if known else "refused"
    note_stranger("user.forgot", user, outcome=outcome, address=address, request_id=request_id)
    db.session.commit()


def _find(secret: str, *, to_change: bool = False) -> SignInLink | None:
    if len(secret) != _SHAPE:
        return None
    # By the digest of 256 bits, so that the time of the comparison tells nothing.
    wanted = select(SignInLink).where(SignInLink.secret_sha256 == digest(secret))
    return db.session.scalar(wanted.with_for_update(of=SignInLink) if to_change else wanted)

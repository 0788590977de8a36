"""Sign-in sessions: one row for each signed-in browser, ended at sign-out, by idleness and by age."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from app import clock, record
from app.accounts.marking import digest, mark
from app.accounts.people import actor_of
from app.accounts.second_step import is_required_of
from app.actor import Actor
from app.extensions import db
from app.models import SignInSession, User, begin_writing

SECRET_BYTES = 32
IDLE_SECONDS = 30 * 60.0
SESSION_SECONDS = 12 * 3600.0
SEEN_EVERY = timedelta(seconds=60)
"""Being seen is written down once a minute at most, so that reading a page rarely writes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asking:
    """The browser that asks: its network address and what it calls itself, for the list of a person's sessions."""

    address: str | None
    user_agent: str | None
    request_id: str | None = None


def add_session(
    user: User, asking: Asking, *, second_step: bool, by: str = "password", proved_at: datetime | None = None
) -> str:
    """Begin a session in the writing transaction; answers the secret for the cookie, of which the SHA-256 is kept.

    :param by: what was shown last: ``password``, ``single-sign-on``, ``code``, ``recovery`` or ``set-up``
    :param proved_at: when that was, where it was not now
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = SignInSession(
        user_id=user.id,
        secret_sha256=digest(secret),
        address=asking.address,
        user_agent=(asking.user_agent or "")[:300] or None,
        second_step=second_step,
        proved_at=proved_at,
    )
    db.session.add(row)
    db.session.flush()
    actor = actor_of(user, via="session", via_id=row.id, address=asking.address, request_id=asking.request_id)
    record.note(actor, "session.begin", "session", row.id, details={"by": by})
    return secret


def actor_for_secret(
    secret: str,
    *,
    touch: bool,
    address: str | None = None,
    request_id: str | None = None,
    idle_seconds: float = IDLE_SECONDS,
    session_seconds: float = SESSION_SECONDS,
) -> Actor | None:
    """Who holds this secret; ``None`` when its session has ended, by idleness and by age too, or never was.

    :param touch: a person did something, which keeps the session alive; ``False`` for what a page asks alone
    """
    row = db.session.scalar(select(SignInSession).where(SignInSession.secret_sha256 == digest(secret)))
    now = clock.now()
    if row is None or row.ended_at is not None or not row.user.active:
        return None
    if not row.second_step and is_required_of(row.user):
        # Since the administrator asks for it, the password alone was not enough.
        return None
    too_old = now - row.created_at > timedelta(seconds=session_seconds)
    if too_old or now - row.seen_at > timedelta(seconds=idle_seconds):
        return None
    actor = actor_of(row.user, via="session", via_id=row.id, address=address, request_id=request_id)
    if touch and now - row.seen_at >= SEEN_EVERY:
        _see(row, now)
    return actor


def sign_out(actor: Actor) -> None:
    """End the actor's session; ending it twice is no fault."""
    begin_writing()
    ended = db.session.scalar(
        update(SignInSession)
        .where(SignInSession.id == actor.via_id, SignInSession.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(SignInSession.id)
    )
    if ended is not None:
        record.note(actor, "session.end", "session", actor.via_id)
    db.session.commit()


def _see(row: SignInSession, now: datetime) -> None:
    # Never an ended session again, never an earlier time than another request wrote.
    still = SignInSession.ended_at.is_(None), SignInSession.seen_at < now
    change = update(SignInSession).where(SignInSession.id == row.id, *still).values(seen_at=now)
    mark(change, log, "a sign-in session could not be marked as seen")

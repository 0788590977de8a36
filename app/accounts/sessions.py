"""Sign-in sessions: one row for each signed-in browser, ended at sign-out, by idleness and by age."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from app import clock, record
from app.accounts.people import actor_of
from app.accounts.proving import begin_as, prove
from app.actor import Actor
from app.extensions import db
from app.models import SignInSession, begin_writing

SECRET_BYTES = 32
IDLE_SECONDS = 30 * 60.0
SESSION_SECONDS = 12 * 3600.0
SEEN_EVERY = timedelta(seconds=60)
"""Being seen is written down once a minute at most, so that reading a page rarely writes."""

log = logging.getLogger(__name__)


def sign_in(
    email: str, password: str, *, address: str | None, user_agent: str | None, request_id: str | None = None
) -> str:
    """Begin a session and answer the secret for the cookie. It is told only once; its SHA-256 is kept.

    :param address: the network address that asks, for the throttle and the record
    :raises WrongCredentials: with words that do not say which of the two is wrong
    :raises Throttled: too many failures
    """
    user_id = prove(email, password, address=address, request_id=request_id)
    user = begin_as(user_id, password)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = SignInSession(
        user_id=user.id,
        secret_sha256=_digest(secret),
        address=address,
        user_agent=(user_agent or "")[:300] or None,
    )
    db.session.add(row)
    db.session.flush()
    actor = actor_of(user, via="session", via_id=row.id, address=address, request_id=request_id)
    record.note(actor, "session.begin", "session", row.id)
    db.session.commit()
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
    row = db.session.scalar(select(SignInSession).where(SignInSession.secret_sha256 == _digest(secret)))
    now = clock.now()
    if row is None or row.ended_at is not None or not row.user.active:
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
    session_id = row.id
    try:
        begin_writing()
        # Never an ended session again, never an earlier time than another request wrote.
        db.session.execute(
            update(SignInSession)
            .where(SignInSession.id == session_id, SignInSession.ended_at.is_(None), SignInSession.seen_at < now)
            .values(seen_at=now)
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
    except OperationalError:
        # A database that is busy with a long load must not keep anybody from reading a page.
        db.session.rollback()
        log.warning("a sign-in session could not be marked as seen")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

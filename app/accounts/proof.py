"""Showing once more that it is oneself who sits there, before what a browser left open must not do."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from app import clock, record
from app.accounts.own import prove_again
from app.actor import Actor
from app.errors import ProofNeeded
from app.extensions import db
from app.models import SignInSession, User, begin_writing

PROVED_FOR = timedelta(minutes=10)


def needs_proof(actor: Actor) -> bool:
    """Whether the person did not show within :data:`PROVED_FOR` who they are: by signing in, or once more since then.

    Coming by single sign-on shows it only where the provider says that it was shown there of late: a provider lets a
    browser that is known to it pass without a question.

    Programs need none: their token is for what they do. Nor does what goes on without the person.
    """
    if actor.via != "session":
        return False
    row = db.session.get(SignInSession, actor.via_id) if actor.via_id else None
    if row is None:
        return True
    return clock.now() - (row.proved_at or row.created_at) >= PROVED_FOR


def require_proof(actor: Actor, what: str) -> None:
    """Refuse whom :func:`needs_proof` names.

    :param what: a sentence: before what it is asked
    :raises ProofNeeded: nothing was changed; after :func:`prove_session` the very same may be asked again
    """
    if needs_proof(actor):
        raise ProofNeeded(what)


def prove_session(actor: Actor, password: str) -> None:
    """Take the password once more: the session counts as proved from now on, for a while.

    Refusals as :func:`~app.accounts.prove_again`.
    """
    prove_again(actor, password)
    begin_writing()
    this = update(SignInSession).where(SignInSession.id == actor.via_id, SignInSession.ended_at.is_(None))
    db.session.execute(this.values(proved_at=clock.now()))
    record.note(actor, "session.prove", "session", actor.via_id)
    db.session.commit()


def has_password(actor: Actor) -> bool:
    """Whether the person has a password to give; who came by single sign-on alone signs in again instead."""
    return db.session.get_one(User, actor.user_id).password_hash is not None

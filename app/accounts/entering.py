"""Signing in at the portal: by the password or another proof, and by a second step where one is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.accounts.halves import Owed, add_half
from app.accounts.proving import begin_as, prove
from app.accounts.second_step import needs_second_step
from app.accounts.sessions import Asking, add_session
from app.extensions import db
from app.models import User


@dataclass(frozen=True, slots=True)
class Entry:
    """What the right proof gives: the secret of a session or, when ``owes`` is set, of half a sign-in."""

    secret: str
    owes: Owed | None = None


def sign_in(
    email: str, password: str, *, address: str | None, user_agent: str | None, request_id: str | None = None
) -> Entry:
    """Begin a session, or half of a sign-in for who needs a second step. The secret for the cookie is told only once.

    :param address: the network address that asks, for the throttle and the record
    :raises WrongCredentials: with words that do not say which of the two is wrong
    :raises Throttled: too many failures
    """
    user = begin_as(prove(email, password, address=address, request_id=request_id), password)
    entry = let_in(user, Asking(address, user_agent, request_id))
    db.session.commit()
    return entry


def let_in(user: User, asking: Asking, *, by: str = "password", proved_at: datetime | None = None) -> Entry:
    """Begin, in the writing transaction, a session of somebody who showed who they are, or half a sign-in.

    :param by: how they showed it, for the record: ``password`` or ``single-sign-on``
    :param proved_at: when they did, where it was not now
    """
    if needs_second_step(user):
        return Entry(*add_half(user))
    return Entry(add_session(user, asking, second_step=False, by=by, proved_at=proved_at))

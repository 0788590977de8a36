"""Signing in at the portal: by the password, and by a second step where one is needed."""

from __future__ import annotations

from dataclasses import dataclass

from app.accounts.halves import Owed, add_half
from app.accounts.proving import begin_as, prove
from app.accounts.second_step import needs_second_step
from app.accounts.sessions import Asking, add_session
from app.extensions import db


@dataclass(frozen=True, slots=True)
class Entry:
    """What the right password gives: the secret of a session or, when ``owes`` is set, of half a sign-in."""

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
    if needs_second_step(user):
        entry = Entry(*add_half(user))
    else:
        asking = Asking(address, user_agent, request_id)
        entry = Entry(add_session(user, asking, second_step=False))
    db.session.commit()
    return entry

"""Proving who one is by e-mail address and password: the same for browsers and for machines."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, or_, select

from app import clock
from app.accounts import passwords
from app.accounts.strangers import account_named, find_user, note_stranger
from app.accounts.throttle import Attempt
from app.errors import Invalid, Throttled
from app.extensions import db
from app.models import ApiToken, SignInSession, User, begin_writing

KNOWN_FOR = timedelta(days=90)

log = logging.getLogger(__name__)


class WrongCredentials(Invalid):
    """Not the right password, or nobody by that name: which of the two is not said."""


def prove(email: str, password: str, *, address: str | None, request_id: str | None) -> UUID:
    """The id of whoever this address and password belong to.

    Unknown address, wrong password, a person who may not sign in any more: the same answer, the same work.

    :param address: the network address that asks, for the throttle and the record
    :raises WrongCredentials: with words that do not say which of them is wrong
    :raises Throttled: too many failures
    """
    account = account_named(email)
    user = find_user(account)
    known_here = user is not None and _signed_in_from(user, address)
    usable = user is not None and user.active
    user_id, password_hash = (user.id, user.password_hash) if user and usable else (None, None)
    # The hash takes its time: no transaction is left open meanwhile.
    db.session.rollback()
    try:
        attempt = Attempt.begin(account, address, known_here=known_here)
    except Throttled:
        log.warning("sign-in throttled", extra={"address": address})
        raise
    if not passwords.matches(password, password_hash) or user_id is None:
        begin_writing()
        note_stranger("session.refused", find_user(account), address=address, request_id=request_id)
        db.session.commit()
        raise WrongCredentials("Wrong e-mail address or password.")
    attempt.succeeded()
    return user_id


def begin_as(user_id: UUID, password: str) -> User:
    """Begin to write as somebody who just proved who they are; an old hash is made anew."""
    begin_writing()
    user = db.session.get_one(User, user_id)
    if user.password_hash is not None and passwords.needs_rehash(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    return user


def _signed_in_from(user: User, address: str | None) -> bool:
    if address is None:
        return False
    since = clock.now() - KNOWN_FOR
    here = (
        exists().where(known.user_id == user.id, known.address == address, known.created_at > since)
        for known in (SignInSession, ApiToken)
    )
    return bool(db.session.scalar(select(or_(*here))))

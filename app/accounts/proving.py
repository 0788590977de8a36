"""Proving who one is by e-mail address and password: the same for browsers and for machines."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
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
WRONG = "Wrong e-mail address or password."

log = logging.getLogger(__name__)


class WrongCredentials(Invalid):
    """Not the right password, or nobody by that name: which of the two is not said."""


@dataclass(frozen=True, slots=True)
class Proved:
    """Who it is, and by which hash the password was right: it may be another one by now."""

    user_id: UUID
    password_hash: str = field(repr=False)


def prove(email: str, password: str, *, address: str | None, request_id: str | None) -> Proved:
    """Whoever this address and password belong to.

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
    if not passwords.matches(password, password_hash) or user_id is None or password_hash is None:
        begin_writing()
        note_stranger("session.refused", find_user(account), address=address, request_id=request_id)
        db.session.commit()
        raise WrongCredentials(WRONG)
    attempt.succeeded()
    return Proved(user_id, password_hash)


def begin_as(proved: Proved, password: str) -> User:
    """Begin to write as somebody who just proved who they are; an old hash is made anew.

    :raises WrongCredentials: the password was changed, or the account disabled, while it was being proved: what ended
        everything that the old one had opened did not know of this
    """
    begin_writing()
    user = db.session.get_one(User, proved.user_id, populate_existing=True, with_for_update={"of": User})
    kept = user.password_hash
    # Another hash may be of the same password, made anew by a sign-in at the same moment.
    if not user.active or kept is None or (kept != proved.password_hash and not passwords.matches(password, kept)):
        db.session.rollback()
        raise WrongCredentials(WRONG)
    if passwords.needs_rehash(kept):
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

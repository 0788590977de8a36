"""Between the password and the second step: a browser that owes a code, or has to set codes up first."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Literal, NoReturn

from sqlalchemy import delete, select

from app import clock, record
from app.accounts.marking import digest
from app.accounts.people import actor_of
from app.accounts.second_step import (
    SetUp,
    begin_setting_up,
    finish_setting_up,
    has_second_step,
    setting_up,
    take_code,
)
from app.accounts.sessions import Asking, add_session
from app.accounts.strangers import note_stranger
from app.accounts.throttle import code_was_right, count_code
from app.errors import Gone, Invalid
from app.extensions import db
from app.models import HalfSignIn, User, begin_writing

HALF_LIFE = timedelta(minutes=15)
KEPT_FOR = timedelta(days=1)
WRONG = "This is not the code of now, or it was used already. Wait for the next one."

Owed = Literal["code", "set-up"]


class StartOver(Gone):
    """The password was given too long ago, or its sign-in has been finished or ended."""

    def __init__(self) -> None:
        super().__init__("This took too long. Sign in again.")


def add_half(user: User) -> tuple[str, Owed]:
    """Begin, in the writing transaction, what a right password gives a person who needs a second step."""
    secret = secrets.token_urlsafe(32)
    old = delete(HalfSignIn).where(HalfSignIn.user_id == user.id, HalfSignIn.created_at < clock.now() - KEPT_FOR)
    db.session.execute(old.execution_options(synchronize_session=False))
    db.session.add(HalfSignIn(user_id=user.id, secret_sha256=digest(secret)))
    if has_second_step(user.id):
        return secret, "code"
    begin_setting_up(user.id)
    return secret, "set-up"


def owed_by(half_secret: str) -> Owed:
    """What this browser still owes.

    :raises StartOver: nothing any more
    """
    return "code" if has_second_step(_open(half_secret).user_id) else "set-up"


def set_up_of(half_secret: str) -> SetUp:
    """What the person's telephone is to be told.

    :raises StartOver: the time for it is over, or somebody has set it up meanwhile
    """
    half = _open(half_secret)
    found = None if has_second_step(half.user_id) else setting_up(half.user)
    if found is None:
        raise StartOver
    return found


def finish_with_code(half_secret: str, typed: str, asking: Asking) -> tuple[str, bool]:
    """Finish a sign-in by the telephone's code or a recovery code: the session's secret, and whether by the latter.

    :raises Invalid: it is wrong, or was used before: under ``code``
    :raises Throttled: too many wrong ones
    :raises StartOver: nothing is owed any more
    """
    half = _begin(half_secret)
    by = take_code(half.user_id, typed)
    if by is None:
        _refuse(half.user, asking)
    code_was_right(half.user_id)
    half.ended_at = clock.now()
    secret = add_session(half.user, asking, second_step=True, by=by)
    db.session.commit()
    return secret, by == "recovery"


def finish_by_setting_up(half_secret: str, typed: str, asking: Asking) -> tuple[str, list[str]]:
    """Finish a sign-in by setting the second step up: the session's secret, and the recovery codes, told only here.

    Refusals as :func:`finish_with_code`.
    """
    half = _begin(half_secret)
    if has_second_step(half.user_id):
        db.session.rollback()
        raise StartOver
    codes = finish_setting_up(half.user_id, typed)
    if codes is None:
        _refuse(half.user, asking)
    code_was_right(half.user_id)
    half.ended_at = clock.now()
    actor = actor_of(half.user, via="session", address=asking.address, request_id=asking.request_id)
    record.note(actor, "second_step.on", "user", half.user_id)
    secret = add_session(half.user, asking, second_step=True, by="set-up")
    db.session.commit()
    return secret, codes


def _begin(half_secret: str) -> HalfSignIn:
    """The half sign-in in a writing transaction, after its try was counted."""
    count_code(_open(half_secret).user_id)
    begin_writing()
    return _open(half_secret, to_change=True)


def _open(half_secret: str, *, to_change: bool = False) -> HalfSignIn:
    wanted = select(HalfSignIn).where(HalfSignIn.secret_sha256 == digest(half_secret))
    row = db.session.scalar(wanted.with_for_update(of=HalfSignIn) if to_change else wanted)
    if row is None or row.ended_at is not None or not row.user.active or clock.now() - row.created_at > HALF_LIFE:
        if to_change:
            db.session.rollback()
        raise StartOver
    return row


def _refuse(user: User, asking: Asking) -> NoReturn:
    note_stranger("session.code_refused", user, address=asking.address, request_id=asking.request_id)
    db.session.commit()
    raise Invalid(fields={"code": WRONG})

"""What people do to their own account: the password, the second step, their sessions. Each asks the password again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from app import clock, record
from app.accounts.endings import end_password_sign_ins, end_sessions_of, forget_second_step
from app.accounts.links import end_links_of
from app.accounts.passwords import check_password, hash_password, matches
from app.accounts.second_step import (
    SetUp,
    begin_setting_up,
    finish_setting_up,
    has_second_step,
    is_required_of,
    new_recovery_codes,
    recovery_codes_left,
    setting_up,
)
from app.accounts.sessions import IDLE_SECONDS, SESSION_SECONDS
from app.accounts.throttle import Attempt, code_was_right, count_code
from app.actor import Actor
from app.errors import Forbidden, Invalid, NotFound, NotReady
from app.extensions import db
from app.models import SecondStep, SignInSession, User, begin_writing

WRONG_PASSWORD = "This is not your password."  # noqa: S105  words
NONE_TO_GIVE = "You have none here: you sign in by single sign-on. An administrator can send you a link for one."
WRONG_CODE = "This is not the code of now. Look at the telephone's clock, and wait for the next code."


@dataclass(frozen=True, slots=True)
class OwnAccess:
    """How a person signs in. ``tenant`` is its short name; ``roles``: (organization's name, role)."""

    email: str
    name: str
    tenant: str
    roles: tuple[tuple[str, str], ...]
    second_step_since: datetime | None
    second_step_required: bool
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A browser that is signed in."""

    id: UUID
    address: str | None
    user_agent: str | None
    begun_at: datetime
    seen_at: datetime
    is_current: bool


def own_access(actor: Actor) -> OwnAccess:
    """What the person's own account page says."""
    user = db.session.get_one(User, actor.user_id)
    step = db.session.get(SecondStep, user.id)
    return OwnAccess(
        email=user.email,
        name=user.name,
        tenant=user.tenant.slug,
        roles=tuple(sorted((one.organization.name, one.role) for one in user.memberships)),
        second_step_since=step.confirmed_at if step else None,
        second_step_required=is_required_of(user),
        recovery_codes_left=recovery_codes_left(user.id),
    )


def prove_again(actor: Actor, password: str) -> None:
    """Ask for the password once more, before something that a borrowed browser must not do.

    :raises Invalid: it is wrong, under ``password``
    :raises Throttled: too many wrong ones
    """
    user = db.session.get_one(User, actor.user_id)
    account, password_hash = user.email, user.password_hash
    db.session.rollback()
    if password_hash is None:
        raise Invalid(fields={"password": NONE_TO_GIVE})
    attempt = Attempt.begin(account, actor.address, known_here=True)
    if not matches(password, password_hash):
        begin_writing()
        record.note(actor, "session.password_refused", "user", actor.user_id, outcome="refused")
        db.session.commit()
        raise Invalid(fields={"password": WRONG_PASSWORD})
    attempt.succeeded()


def change_password(actor: Actor, password: str, new_password: str) -> None:
    """Change the password; other browsers, and programs that signed in with the old one, are signed out.

    :raises Invalid: under ``password`` (the present one is wrong) or ``new_password`` (it is too weak, or the same)
    :raises Throttled: too many wrong ones
    """
    prove_again(actor, password)
    user = db.session.get_one(User, actor.user_id)
    try:
        check_password(new_password, email=user.email, name=user.name)
    except Invalid as refusal:
        raise Invalid(fields={"new_password": refusal.fields["password"]}) from None
    if matches(new_password, user.password_hash):
        raise Invalid(fields={"new_password": "This is the password that you have."})
    db.session.rollback()
    password_hash = hash_password(new_password)
    begin_writing()
    db.session.get_one(User, actor.user_id).password_hash = password_hash
    _end_others(actor)
    end_links_of(actor.user_id)
    record.note(actor, "user.password", "user", actor.user_id, details={"by": "self"})
    db.session.commit()


def begin_second_step(actor: Actor, password: str) -> None:
    """Begin to set up a telephone; one that is in use stays so until the new one's first code came.

    Refusals as :func:`prove_again`.
    """
    prove_again(actor, password)
    begin_writing()
    begin_setting_up(actor.user_id)
    record.note(actor, "second_step.begin", "user", actor.user_id)
    db.session.commit()


def own_set_up(actor: Actor) -> SetUp:
    """What the telephone is to be told.

    :raises NotReady: nothing was begun, or too long ago
    """
    found = setting_up(db.session.get_one(User, actor.user_id))
    if found is None:
        raise NotReady("This took too long. Begin again with your password.")
    return found


def confirm_second_step(actor: Actor, code: str) -> list[str]:
    """Take the telephone's first code: from now on each sign-in asks for one. Answers recovery codes, told only here.

    Other browsers, and programs that signed in with the password, are signed out.

    :raises Invalid: under ``code``
    :raises Throttled: too many wrong ones
    :raises NotReady: as :func:`own_set_up`
    """
    own_set_up(actor)
    count_code(actor.user_id)
    begin_writing()
    codes = finish_setting_up(actor.user_id, code)
    if codes is None:
        db.session.rollback()
        raise Invalid(fields={"code": WRONG_CODE})
    code_was_right(actor.user_id)
    db.session.execute(update(SignInSession).where(SignInSession.id == actor.via_id).values(second_step=True))
    _end_others(actor)
    record.note(actor, "second_step.on", "user", actor.user_id)
    db.session.commit()
    return codes


def end_second_step(actor: Actor, password: str) -> None:
    """Sign in by the password alone from now on.

    :raises Forbidden: the tenant asks it of the person
    :raises Invalid: the password is wrong; ``Throttled`` as :func:`prove_again`
    """
    prove_again(actor, password)
    begin_writing()
    if is_required_of(db.session.get_one(User, actor.user_id)):
        db.session.rollback()
        raise Forbidden("Your organization asks for a second step. Set up another telephone instead.")
    if forget_second_step(actor.user_id):
        record.note(actor, "second_step.off", "user", actor.user_id)
    db.session.commit()


def renew_recovery_codes(actor: Actor, password: str) -> list[str]:
    """New recovery codes in place of the old, told only here.

    :raises NotReady: there is no second step for which they would stand in
    :raises Invalid: the password is wrong; ``Throttled`` as :func:`prove_again`
    """
    prove_again(actor, password)
    begin_writing()
    if not has_second_step(actor.user_id):
        db.session.rollback()
        raise NotReady("Recovery codes stand in for a second step, and you have none.")
    codes = new_recovery_codes(actor.user_id)
    record.note(actor, "second_step.recovery_codes", "user", actor.user_id)
    db.session.commit()
    return codes


def list_sessions(
    actor: Actor, *, idle_seconds: float = IDLE_SECONDS, session_seconds: float = SESSION_SECONDS
) -> list[SessionLine]:
    """The browsers in which the person is signed in, this one first, then by when they were last used."""
    now = clock.now()
    rows = db.session.scalars(
        select(SignInSession).where(
            SignInSession.user_id == actor.user_id,
            SignInSession.ended_at.is_(None),
            SignInSession.created_at >= now - timedelta(seconds=session_seconds),
            SignInSession.seen_at >= now - timedelta(seconds=idle_seconds),
        )
    )
    lines = [
        SessionLine(row.id, row.address, row.user_agent, row.created_at, row.seen_at, row.id == actor.via_id)
        for row in rows
    ]
    return sorted(lines, key=lambda line: (line.is_current, line.seen_at), reverse=True)


def end_session(actor: Actor, session_id: UUID) -> None:
    """Sign one of the person's browsers out; ending it twice is no fault.

    :raises NotFound: there is none, or it is somebody else's
    """
    begin_writing()
    row = db.session.scalar(
        select(SignInSession).where(SignInSession.id == session_id, SignInSession.user_id == actor.user_id)
    )
    if row is None:
        db.session.rollback()
        raise NotFound("There is no such session.")
    if row.ended_at is None:
        row.ended_at = clock.now()
        record.note(actor, "session.end", "session", row.id)
    db.session.commit()


def end_other_sessions(actor: Actor) -> int:
    """Sign every other browser of the person out; answers how many were signed in."""
    begin_writing()
    ended = end_sessions_of(actor.user_id, but=actor.via_id)
    if ended:
        record.note(actor, "session.end", "user", actor.user_id, details={"sessions": ended})
    db.session.commit()
    return ended


def _end_others(actor: Actor) -> None:
    end_sessions_of(actor.user_id, but=actor.via_id)
    end_password_sign_ins(actor.user_id)

"""What ends with a password, a second step or an account: browsers' sessions, programs' sign-ins."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select, update

from app import clock
from app.extensions import db
from app.models import ApiToken, HalfSignIn, RecoveryCode, SecondStep, SignInSession

_SIGNED_IN = ("access", "refresh")


def end_sessions_of(user_id: UUID, *, but: UUID | None = None) -> int:
    """End, in the writing transaction, a person's sessions and half sign-ins; answers how many sessions.

    :param but: the session that goes on
    """
    now = clock.now()
    open_ones = db.session.scalars(
        select(SignInSession.id).where(
            SignInSession.user_id == user_id, SignInSession.ended_at.is_(None), SignInSession.id != (but or UUID(int=0))
        )
    ).all()
    db.session.execute(
        update(SignInSession)
        .where(SignInSession.id.in_(open_ones))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(HalfSignIn)
        .where(HalfSignIn.user_id == user_id, HalfSignIn.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    return len(open_ones)


def end_password_sign_ins(user_id: UUID) -> None:
    """End, in the writing transaction, what programs got for the person's password; tokens they made stay."""
    # An access token also comes of a personal token, which is no password.
    families = select(ApiToken.family_id).where(ApiToken.user_id == user_id, ApiToken.kind == "refresh")
    db.session.execute(
        update(ApiToken)
        .where(ApiToken.family_id.in_(families), ApiToken.kind.in_(_SIGNED_IN), ApiToken.ended_at.is_(None))
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def forget_second_step(user_id: UUID) -> bool:
    """Remove, in the writing transaction, a person's second step and recovery codes; whether there was one."""
    for model in (RecoveryCode, SecondStep):
        gone = db.session.execute(
            delete(model).where(model.user_id == user_id).execution_options(synchronize_session=False)
        )
    return bool(gone.rowcount)  # type: ignore[attr-defined]

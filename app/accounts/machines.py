"""Sign-in for programs: an access token for minutes, a refresh token for a day, both ended together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from app import clock, record
from app.accounts.proving import WrongCredentials, begin_as, prove
from app.accounts.second_step import needs_second_step
from app.accounts.strangers import note_stranger
from app.accounts.tokens import (
    ACCESS,
    EVERYTHING,
    PERSONAL,
    REFRESH,
    add_token,
    end_family,
    find_token,
    home_of,
    token_actor,
)
from app.actor import Actor
from app.errors import Forbidden, NotFound
from app.extensions import db
from app.models import ApiToken, Organization, User, begin_writing

ACCESS_LIFE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(hours=24)
"""From the sign-in on: exchanging refresh tokens does not prolong it."""

KEPT_AFTER = timedelta(days=1)
SIGN_IN_NAME = "Signed in with the password"
SECOND_STEP_NEEDED = (
    "This person signs in with a second step, so a password gives no token. Make an API token in the portal, "
    "and let the program sign in as a service account."
)

log = logging.getLogger(__name__)


class WrongToken(Forbidden):
    """A refresh token that gives nothing: unknown, expired, spent or ended. Which of them is not said."""

    def __init__(self) -> None:
        super().__init__("The refresh token is not valid any more. Sign in again.", reason="token")


@dataclass(frozen=True, slots=True)
class Secret:
    """A token's text, told once, and when it stops to be of use."""

    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MachineSignIn:
    """What a program gets for a password or for a refresh token."""

    user_id: UUID
    organization_id: UUID
    access: Secret
    refresh: Secret


@dataclass(frozen=True, slots=True)
class Account:
    """A person's own account, as a contract's ``self`` tells of it."""

    user_id: UUID
    email: str
    name: str
    organization_id: UUID


def sign_in_machine(
    email: str, password: str, *, address: str | None = None, request_id: str | None = None
) -> MachineSignIn:
    """Sign a program in with a person's e-mail address and password.

    :raises WrongCredentials: with words that do not say which of the two is wrong
    :raises Throttled: too many failures, counted together with those at the portal
    :raises Forbidden: the password is right, but alone it is not enough for this person
    """
    user = begin_as(prove(email, password, address=address, request_id=request_id), password)
    _refuse_without_second_step(user, address, request_id)
    _forget_old(user.id)
    refresh, refresh_secret = add_token(
        user.id, REFRESH, SIGN_IN_NAME, EVERYTHING, expires_at=clock.now() + REFRESH_LIFE, address=address
    )
    signed_in = _with_access(refresh, refresh_secret, "token.sign_in", address, request_id)
    db.session.commit()
    return signed_in


def refresh_access(refresh_secret: str, *, address: str | None = None, request_id: str | None = None) -> MachineSignIn:
    """A new access token; the refresh token stays as it is and is answered again.

    :raises WrongToken: it gives nothing any more
    """
    row = _open_for_change(refresh_secret, address, request_id)
    signed_in = _with_access(row, refresh_secret, "token.refresh", address, request_id)
    db.session.commit()
    return signed_in


def renew_sign_in(refresh_secret: str, *, address: str | None = None, request_id: str | None = None) -> MachineSignIn:
    """A new pair for a refresh token, which is spent by it; shown once more, it ends all that came of the sign-in.

    :raises WrongToken: it gives nothing any more
    """
    row = _open_for_change(refresh_secret, address, request_id)
    row.spent_at = clock.now()
    following, following_secret = add_token(
        row.user_id, REFRESH, row.name, row.scopes.split(),
        expires_at=row.expires_at, family_id=row.family_id, address=address,
    )  # fmt: skip
    signed_in = _with_access(following, following_secret, "token.renew", address, request_id)
    _forget_old(row.user_id)
    db.session.commit()
    return signed_in


def sign_out_machine(refresh_secret: str, *, address: str | None = None, request_id: str | None = None) -> None:
    """End a sign-in: its refresh token and its access tokens. What has ended already is no fault.

    :raises WrongToken: there never was such a refresh token
    """
    if find_token(refresh_secret, (REFRESH,)) is None:
        raise WrongToken
    begin_writing()
    row = find_token(refresh_secret, (REFRESH,), to_change=True)
    if row is not None and end_family(row.family_id):
        actor = token_actor(row, address=address, request_id=request_id)
        record.note(actor, "token.sign_out", "token", row.id)
    db.session.commit()


def access_for_token(
    token_id: UUID, secret: str, *, address: str | None = None, request_id: str | None = None
) -> Secret:
    """A short-lived access token for a personal token, with its scopes: how a service account signs in.

    :param token_id: the personal token's id, which must be the secret's own
    :raises WrongCredentials: with words that do not say what is wrong
    """
    wrong = WrongCredentials("Wrong service account or secret.")
    seen = find_token(secret, (PERSONAL,))
    if seen is None or seen.id != token_id or not seen.is_live(clock.now()):
        raise wrong
    begin_writing()
    row = find_token(secret, (PERSONAL,), to_change=True)
    if row is None or not row.is_live(clock.now()):
        db.session.rollback()
        raise wrong
    _forget_old(row.user_id)
    given = _give_access(row, "token.sign_in", address, request_id)
    db.session.commit()
    return given


def own_account(actor: Actor) -> Account:
    """The account behind an actor."""
    user = db.session.get(User, actor.user_id)
    if user is None:
        raise NotFound("There is no such person.")
    return Account(user.id, user.email, user.name, _home(user))


def home_organization(user_id: UUID) -> UUID | None:
    """The organization that a contract calls a person's owner; ``None`` when there is no such person."""
    user = db.session.get(User, user_id)
    return None if user is None else _home(user)


def _open_for_change(refresh_secret: str, address: str | None, request_id: str | None) -> ApiToken:
    """The live refresh token, in a writing transaction that nobody else is in."""
    # Only who holds a token that once was ours makes the database write.
    if find_token(refresh_secret, (REFRESH,)) is None:
        raise WrongToken
    begin_writing()
    row = find_token(refresh_secret, (REFRESH,), to_change=True)
    if row is not None and row.is_live(clock.now()):
        # Asked for since the sign-in, by the person or by the tenant.
        _refuse_without_second_step(row.user, address, request_id)
        return row
    if row is None or row.spent_at is None or not end_family(row.family_id):
        db.session.rollback()
        raise WrongToken
    # Spent, and shown again: either it was stolen, or its successor was. Nobody can tell who is who.
    actor = token_actor(row, address=address, request_id=request_id)
    record.note(actor, "token.reused", "token", row.id, outcome="refused")
    db.session.commit()
    log.warning("a spent refresh token was shown again; its sign-in was ended", extra={"address": address})
    raise WrongToken


def _refuse_without_second_step(user: User, address: str | None, request_id: str | None) -> None:
    """A program cannot look at a telephone: it takes a personal token, which its owner makes after the second step."""
    if not needs_second_step(user):
        return
    note_stranger("token.refused", user, address=address, request_id=request_id)
    db.session.commit()
    raise Forbidden(SECOND_STEP_NEEDED, reason="second-step")


def _with_access(
    refresh: ApiToken, refresh_secret: str, action: str, address: str | None, request_id: str | None
) -> MachineSignIn:
    """A sign-in by its refresh token, and a new access token for it."""
    access = _give_access(refresh, action, address, request_id)
    return MachineSignIn(refresh.user_id, _home(refresh.user), access, Secret(refresh_secret, refresh.expires_at))


def _give_access(parent: ApiToken, action: str, address: str | None, request_id: str | None) -> Secret:
    """Add an access token to the writing transaction, and to the record what its parent was shown for."""
    access, text = add_token(
        parent.user_id, ACCESS, parent.name, parent.scopes.split(),
        expires_at=min(clock.now() + ACCESS_LIFE, parent.expires_at), family_id=parent.family_id, address=address,
    )  # fmt: skip
    record.note(token_actor(access, address=address, request_id=request_id), action, "token", parent.id)
    return Secret(text, access.expires_at)


def _forget_old(user_id: UUID) -> None:
    """Remove what a person's sign-ins left behind; the record keeps what was done with it."""
    db.session.execute(
        delete(ApiToken)
        .where(
            ApiToken.user_id == user_id,
            ApiToken.kind.in_((ACCESS, REFRESH)),
            ApiToken.expires_at < clock.now() - KEPT_AFTER,
        )
        .execution_options(synchronize_session=False)
    )


def _home(user: User) -> UUID:
    held = home_of(user)
    if held is not None:
        return held
    root = select(Organization.id).where(Organization.tenant_id == user.tenant_id, Organization.is_root)
    return db.session.scalars(root).one()

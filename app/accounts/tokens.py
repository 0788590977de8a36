"""API tokens: how they are made, found, limited and ended. One system for every contract.

A secret reads ``chartroom_<prefix>_<43 signs>``: 256 random bits, told once. The prefix finds the row.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from app import clock, record
from app.access import Permission, allows
from app.accounts.marking import digest, mark
from app.accounts.people import actor_of
from app.accounts.proof import require_proof
from app.actor import Actor
from app.errors import Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import ApiToken, User, begin_writing

PERSONAL, ACCESS, REFRESH = "personal", "access", "refresh"
BEARERS = (PERSONAL, ACCESS)
"""The kinds that open a door; a refresh token only gets new ones."""

EVERYTHING = tuple(permission.value for permission in Permission)
LONGEST_LIFE = timedelta(days=366)
MOST_LIVE = 50
LONGEST_NAME = 100
LISTED_AFTER = timedelta(days=90)
"""How long a token that has ended or expired is still listed."""

USED_EVERY = timedelta(seconds=60)
"""Being used is written down once a minute at most, so that reading rarely writes."""

PROOF = "A token opens Chartroom without your password."
_SHAPE = re.compile(r"chartroom_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_NOBODYS = bytes(32)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenLine:
    """A token as its owner sees it. ``state`` is ``live``, ``expired`` or ``ended``.

    ``kind`` is ``personal``, or ``refresh`` for a program that signed in with the owner's password.
    """

    id: UUID
    kind: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    address: str | None
    state: str


def allowed_scopes(actor: Actor) -> tuple[str, ...]:
    """What a token of this person may be given: what their roles allow somewhere."""
    return tuple(permission.value for permission in Permission if allows(actor, permission))


def issue_token(actor: Actor, name: str, scopes: Collection[str], expires_at: datetime) -> tuple[ApiToken, str]:
    """Make a token that somebody keeps for a program; answers its row and its secret, which is told only here.

    :param name: what its owner calls it, at most 100 characters; no other live token of theirs has it
    :param scopes: some of :func:`allowed_scopes`; roles that are taken away later are taken from the token too
    :param expires_at: after now, within 366 days
    :raises Forbidden: a token asks for a token
    :raises Invalid: with the reasons under ``name``, ``scopes``, ``expires_at``
    :raises ProofNeeded: the actor's session was not proved of late
    """
    if actor.via == "token":
        raise Forbidden("A token cannot make another token. Sign in to the portal.")
    known_as = " ".join(name.replace("\0", "").split())
    if faults := _faults(actor, known_as, scopes, expires_at):
        raise Invalid(fields=faults)
    require_proof(actor, PROOF)
    begin_writing()
    if faults := _faults_among(_live_names(actor), known_as):
        db.session.rollback()
        raise Invalid(fields=faults)
    row, secret = add_token(actor.user_id, PERSONAL, known_as, scopes, expires_at=expires_at, address=actor.address)
    record.note(actor, "token.issue", "token", row.id, details={"scopes": row.scopes.split()})
    db.session.commit()
    return row, secret


def add_token(
    user_id: UUID,
    kind: str,
    name: str,
    scopes: Collection[str],
    *,
    expires_at: datetime,
    family_id: UUID | None = None,
    address: str | None = None,
) -> tuple[ApiToken, str]:
    """Add a token's row to the writing transaction; without a family it begins one."""
    prefix = secrets.token_hex(8)
    secret = f"chartroom_{prefix}_{secrets.token_urlsafe(32)}"
    token_id = uuid4()
    row = ApiToken(
        id=token_id,
        user_id=user_id,
        kind=kind,
        family_id=family_id or token_id,
        name=name,
        prefix=prefix,
        secret_sha256=digest(secret),
        scopes=" ".join(scope for scope in EVERYTHING if scope in scopes),
        created_at=clock.now(),
        expires_at=expires_at,
        address=address,
    )
    db.session.add(row)
    db.session.flush()
    return row, secret


def actor_for_token(secret: str, *, address: str | None = None, request_id: str | None = None) -> Actor | None:
    """Who a request with this token acts for, limited to its scopes; ``None`` when it opens nothing (any more)."""
    row = find_token(secret, BEARERS)
    now = clock.now()
    if row is None or not row.is_live(now):
        return None
    actor = token_actor(row, address=address, request_id=request_id)
    if row.last_used_at is None or now - row.last_used_at >= USED_EVERY:
        _use(row.id, now)
    return actor


def token_actor(row: ApiToken, *, address: str | None, request_id: str | None) -> Actor:
    """The actor of a token's row."""
    whole = actor_of(row.user, via="token", via_id=row.id, address=address, request_id=request_id)
    return replace(whole, scopes=frozenset(row.scopes.split()))


def find_token(secret: str, kinds: Collection[str], *, to_change: bool = False) -> ApiToken | None:
    """The row of a secret, live or not; ``None`` when there is none of these kinds.

    :param to_change: nobody else changes it until the transaction ends
    """
    shaped = _SHAPE.fullmatch(secret)
    if shaped is None:
        return None
    wanted = select(ApiToken).where(ApiToken.prefix == shaped[1])
    if to_change:
        wanted = wanted.with_for_update(of=ApiToken)
    row = db.session.scalar(wanted)
    same = hmac.compare_digest(row.secret_sha256 if row else _NOBODYS, digest(secret))
    return row if row is not None and same and row.kind in kinds else None


def list_tokens(actor: Actor) -> list[TokenLine]:
    """The actor's own tokens and the programs that are signed in as them, newest first.

    Tokens that have ended or expired lately are among them; programs that have signed out are not.
    """
    now = clock.now()
    since = now - LISTED_AFTER
    theirs = ApiToken.user_id == actor.user_id
    last_used = select(ApiToken.family_id, func.max(ApiToken.last_used_at)).where(theirs).group_by(ApiToken.family_id)
    used: dict[UUID, datetime | None] = {row[0]: row[1] for row in db.session.execute(last_used)}
    own = (
        (ApiToken.kind == PERSONAL)
        & (ApiToken.expires_at > since)
        & (ApiToken.ended_at.is_(None) | (ApiToken.ended_at > since))
    )
    programs = (
        (ApiToken.kind == REFRESH)
        & (ApiToken.expires_at > now)
        & ApiToken.ended_at.is_(None)
        & ApiToken.spent_at.is_(None)
    )
    rows = db.session.scalars(
        select(ApiToken).where(theirs, own | programs).order_by(ApiToken.created_at.desc(), ApiToken.id)
    )
    return [_line(row, used.get(row.family_id), now) for row in rows]


def get_token(actor: Actor, token_id: UUID) -> TokenLine:
    """One of :func:`list_tokens`.

    :raises NotFound: there is none, or it is somebody else's
    """
    for line in list_tokens(actor):
        if line.id == token_id:
            return line
    raise NotFound("There is no such token.")


def end_token(actor: Actor, token_id: UUID) -> None:
    """End one of the actor's tokens and all that came of it; ending it twice is no fault.

    :raises NotFound: there is none, or it is somebody else's
    """
    begin_writing()
    row = db.session.scalar(select(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == actor.user_id))
    if row is None:
        db.session.rollback()
        raise NotFound("There is no such token.")
    if end_family(row.family_id):
        record.note(actor, "token.end", "token", row.id)
    db.session.commit()


def end_family(family_id: UUID) -> bool:
    """End, in the writing transaction, all that ends together; whether anything was still open."""
    ended = db.session.scalars(
        update(ApiToken)
        .where(ApiToken.family_id == family_id, ApiToken.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(ApiToken.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(ended)


def home_of(user: User) -> UUID | None:
    """The organization that a contract's ``owner organization`` of a person is: the tenant's root before any other."""
    held = sorted(user.memberships, key=lambda one: (not one.organization.is_root, str(one.organization_id)))
    return held[0].organization_id if held else None


def _line(row: ApiToken, used: datetime | None, now: datetime) -> TokenLine:
    state = "ended" if row.ended_at is not None else "live" if now < row.expires_at else "expired"
    return TokenLine(
        id=row.id,
        kind=row.kind,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=used,
        address=row.address,
        state=state,
    )


def _faults(actor: Actor, name: str, scopes: Collection[str], expires_at: datetime) -> dict[str, str]:
    faults, now = {}, clock.now()
    if not 1 <= len(name) <= LONGEST_NAME:
        faults["name"] = f"Give the token a name of at most {LONGEST_NAME} characters."
    if not scopes:
        faults["scopes"] = "Choose at least one thing that the token may do."
    elif not set(scopes) <= set(allowed_scopes(actor)):
        faults["scopes"] = "A token cannot be allowed more than you are."
    if expires_at <= now:
        faults["expires_at"] = "Choose a day that is still to come."
    elif expires_at - now > LONGEST_LIFE:
        faults["expires_at"] = f"A token ends within {LONGEST_LIFE.days} days."
    return faults


def _faults_among(names: Collection[str], name: str) -> dict[str, str]:
    if name in names:
        return {"name": "You have a token of this name. End it first, or choose another name."}
    if len(names) >= MOST_LIVE:
        return {"": f"You have {MOST_LIVE} tokens already. End one that is no longer needed."}
    return {}


def _live_names(actor: Actor) -> list[str]:
    live = select(ApiToken.name).where(
        ApiToken.user_id == actor.user_id,
        ApiToken.kind == PERSONAL,
        ApiToken.ended_at.is_(None),
        ApiToken.expires_at > clock.now(),
    )
    return list(db.session.scalars(live))


def _use(token_id: UUID, now: datetime) -> None:
    # Never an earlier time than another request wrote.
    rarely = (ApiToken.last_used_at.is_(None)) | (ApiToken.last_used_at < now)
    change = update(ApiToken).where(ApiToken.id == token_id, rarely).values(last_used_at=now)
    mark(change, log, "a token could not be marked as used")

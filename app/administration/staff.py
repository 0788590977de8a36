"""People for who administers them: listed, found, told of in full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, true

from app import clock
from app.access import Permission, require
from app.access.visibility import is_kept, organizations_with, within
from app.actor import Actor
from app.administration.rights import has_come_in, is_last_administrator, is_on_staff, is_over, require_over
from app.errors import NotFound
from app.extensions import db
from app.models import (
    ApiToken,
    Entity,
    Membership,
    Organization,
    OutboxMessage,
    SecondStep,
    SignInLink,
    SignInSession,
    User,
)

STATES = ("active", "invited", "disabled")
LONGEST_SEARCH = 200

Role = tuple[UUID, str]
"""A role in an organization."""


@dataclass(frozen=True, slots=True)
class PersonLine:
    """Somebody in the list. ``state``: may sign in; has no way in yet; may not."""

    id: UUID
    name: str
    email: str
    state: str
    roles: tuple[tuple[str, str], ...]
    has_second_step: bool
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class LinkState:
    """The newest link of a person. ``state``: open, used, ended or expired; ``mail``: None without mail, else words."""

    kind: str
    state: str
    created_at: datetime
    expires_at: datetime
    mail: str | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in full. ``may_change`` is False where the actor may only look."""

    line: PersonLine
    roles: frozenset[Role]
    sessions: int
    tokens: int
    second_step_since: datetime | None
    link: LinkState | None
    may_change: bool
    is_self: bool
    is_last_administrator: bool


def managed_organizations(actor: Actor) -> list[Organization]:
    """The organizations in which the actor gives and takes roles, the tenant's root first.

    :raises Forbidden: the actor administers nothing
    """
    by_name = select_managed(actor).order_by(Organization.is_root.desc(), Organization.name, Organization.id)
    return list(db.session.scalars(by_name))


def select_managed(actor: Actor) -> Select[Organization]:
    """The organizations that the actor administers, in no order.

    :raises Forbidden: the actor administers nothing
    """
    require(actor, Permission.MANAGE)
    return select(Organization).where(
        Organization.tenant_id == actor.tenant_id,
        within(Organization.id.expression, organizations_with(actor, Permission.MANAGE)),
        is_kept(),
    )


def list_people(
    actor: Actor, *, text: str = "", state: str | None = None, after: tuple[str, UUID] | None = None, limit: int = 50
) -> list[PersonLine]:
    """The people whom the actor may see as an administrator, by name.

    :param text: part of a name or an e-mail address
    :param state: one of :data:`STATES`
    :param after: name and id of the last one of the page before
    :raises Forbidden: the actor administers nothing
    """
    require(actor, Permission.MANAGE)
    wanted = select(User).where(*_visible(actor))
    if words := text.replace("\0", "").strip()[:LONGEST_SEARCH]:
        wanted = wanted.where(
            or_(User.name.icontains(words, autoescape=True), User.email.icontains(words, autoescape=True))
        )
    if state in STATES:
        wanted = wanted.where(_in_state(state))
    name = func.lower(User.name)
    if after is not None:
        wanted = wanted.where(or_(name > after[0], (name == after[0]) & (User.id > after[1])))
    return _lines(list(db.session.scalars(wanted.order_by(name, User.id).limit(limit))))


def get_person(actor: Actor, user_id: UUID) -> Person:
    """Somebody in full.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: there is no such person, or the actor may not know
    """
    user = load_person(actor, user_id)
    step = db.session.get(SecondStep, user.id)
    now = clock.now()
    tokens = select(func.count()).where(
        ApiToken.user_id == user.id, ApiToken.kind == "personal", ApiToken.ended_at.is_(None), ApiToken.expires_at > now
    )
    sessions = select(func.count()).where(SignInSession.user_id == user.id, SignInSession.ended_at.is_(None))
    return Person(
        line=_lines([user])[0],
        roles=roles_of(user),
        sessions=db.session.scalar(sessions.select_from(SignInSession)) or 0,
        tokens=db.session.scalar(tokens.select_from(ApiToken)) or 0,
        second_step_since=step.confirmed_at if step else None,
        link=_link_of(user),
        may_change=is_over(actor, user),
        is_self=user.id == actor.user_id,
        is_last_administrator=is_last_administrator(user),
    )


def _visible(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    managed = organizations_with(actor, Permission.MANAGE)
    held: ColumnElement[bool] = true()
    if managed is not None:
        home = exists().where(Entity.id == User.id, within(Entity.organization_id.expression, managed))
        member = exists().where(Membership.user_id == User.id, within(Membership.organization_id.expression, managed))
        held = or_(home, member)
    # Who was taken off the staff is nobody any more.
    return User.tenant_id == actor.tenant_id, is_on_staff(), held


def _in_state(state: str) -> ColumnElement[bool]:
    if state == "disabled":
        return ~User.active
    return User.active & (~has_come_in() if state == "invited" else has_come_in())


def load_person(actor: Actor, user_id: UUID) -> User:
    """The row of somebody whom the actor may see as an administrator.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: there is no such person, or the actor may not know
    """
    require(actor, Permission.MANAGE)
    user = db.session.scalar(select(User).where(User.id == user_id, *_visible(actor)))
    if user is None:
        raise NotFound("There is no such person.")
    return user


def load_to_change(actor: Actor, user_id: UUID) -> User:
    """As :func:`load_person`, and the actor may also change what they may do.

    :raises Forbidden: also when they belong where the actor does not administer
    """
    user = load_person(actor, user_id)
    require_over(actor, user)
    return user


def roles_of(user: User) -> frozenset[Role]:
    """The roles that somebody holds."""
    return frozenset((one.organization_id, one.role) for one in user.memberships)


def _lines(users: list[User]) -> list[PersonLine]:
    ids = [user.id for user in users]
    seen = dict(
        db.session.execute(
            select(SignInSession.user_id, func.max(SignInSession.seen_at))
            .where(SignInSession.user_id.in_(ids))
            .group_by(SignInSession.user_id)
        ).all()
    )
    stepped = set(
        db.session.scalars(
            select(SecondStep.user_id).where(SecondStep.user_id.in_(ids), SecondStep.confirmed_at.is_not(None))
        )
    )
    here = set(db.session.scalars(select(User.id).where(User.id.in_(ids), has_come_in())))
    return [
        PersonLine(
            user.id,
            user.name,
            user.email,
            "disabled" if not user.active else "active" if user.id in here else "invited",
            tuple(sorted((one.organization.name, one.role) for one in user.memberships)),
            user.id in stepped,
            seen.get(user.id),
        )
        for user in users
    ]


def _link_of(user: User) -> LinkState | None:
    newest = select(SignInLink).where(SignInLink.user_id == user.id).order_by(SignInLink.created_at.desc())
    link = db.session.scalar(newest.limit(1))
    if link is None:
        return None
    message = db.session.scalar(select(OutboxMessage).where(OutboxMessage.object_id == link.id))
    mail = None
    if message is not None:
        mail = "sent" if message.delivered_at else "failed" if message.given_up_at else "waiting"
    state = "open"
    if link.used_at is not None:
        state = "used"
    elif link.ended_at is not None:
        state = "ended"
    elif clock.now() >= link.expires_at:
        state = "expired"
    fault = message.last_error if message else None
    return LinkState(link.kind, state, link.created_at, link.expires_at, mail, fault)

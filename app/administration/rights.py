"""Who may change whom, and what nobody may: leave a tenant without an administrator."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select

from app.access import Permission, require
from app.access.visibility import organizations_with
from app.actor import Actor
from app.errors import Forbidden, MissingPermission
from app.extensions import db
from app.models import Entity, Membership, Organization, SignInIdentity, Tenant, User

ADMINISTRATOR = "administrator"
LAST = "This is the last administrator of the whole tenant. Make somebody else one first."
REMOVED = "@removed.invalid"
"""The e-mail address of somebody who was taken off the staff ends so."""
BEYOND = "This person also belongs where you do not administer. Ask an administrator of the whole tenant."


def require_whole_tenant(actor: Actor) -> None:
    """Refuse unless the actor administers the whole tenant.

    :raises MissingPermission: with words for the person who asked
    """
    require(actor, Permission.MANAGE)
    if organizations_with(actor, Permission.MANAGE) is not None:
        raise MissingPermission("This is for administrators of the whole tenant.", of_tenant=True)


def administers_tenant(actor: Actor) -> bool:
    """Whether the actor administers the whole tenant."""
    return organizations_with(actor, Permission.MANAGE) is None


def is_on_staff() -> ColumnElement[bool]:
    """The condition that a person was not taken off the staff."""
    return ~User.email.endswith(REMOVED)


def is_over(actor: Actor, user: User) -> bool:
    """Whether the actor administers every organization to which the person belongs.

    Who administers one organization must not get, by a new password for somebody, what that person has elsewhere.
    """
    managed = organizations_with(actor, Permission.MANAGE)
    if user.tenant_id != actor.tenant_id:
        return False
    if managed is None:
        return True
    home = db.session.scalar(select(Entity.organization_id).where(Entity.id == user.id))
    held = {one.organization_id for one in user.memberships} | ({home} if home else set())
    return bool(held) and held <= set(managed)


def require_over(actor: Actor, user: User) -> None:
    """Refuse unless :func:`is_over`.

    :raises Forbidden: with words for the person who asked
    """
    if not is_over(actor, user):
        raise Forbidden(BEYOND)


def require_administrator_left(tenant_id: UUID, *, without: UUID) -> None:
    """Refuse, in the writing transaction, to do to somebody what leaves the tenant without an administrator.

    :param without: the person who is one no more after it
    :raises Forbidden: nobody else who can sign in administers the whole tenant
    """
    # Two who take each other's right away at the same moment take turns.
    db.session.execute(select(Tenant.id).where(Tenant.id == tenant_id).with_for_update())
    others = _administrators(tenant_id)
    if without in others and len(others) == 1:
        raise Forbidden(LAST)


def is_last_administrator(user: User) -> bool:
    """Whether nobody else administers the whole tenant."""
    return _administrators(user.tenant_id) == {user.id}


def _administrators(tenant_id: UUID) -> Collection[UUID]:
    """Who can sign in and administer the whole tenant: an invitation that nobody took up is no administrator."""
    found = (
        select(User.id)
        .join(Membership, Membership.user_id == User.id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(
            User.tenant_id == tenant_id,
            User.active,
            has_come_in(),
            Organization.is_root,
            Membership.role == ADMINISTRATOR,
        )
    )
    return set(db.session.scalars(found))


def has_come_in() -> ColumnElement[bool]:
    """The condition that a person has a way in: a password, or single sign-on by which they came already."""
    return or_(User.password_hash.is_not(None), exists().where(SignInIdentity.user_id == User.id))

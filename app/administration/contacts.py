"""Whom somebody asks who lacks a right: the administrators who could give it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select

from app.actor import Actor
from app.administration.rights import ADMINISTRATOR
from app.extensions import db
from app.models import Membership, Organization, Tenant, User

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Contact:
    """An administrator: of the whole tenant, or of the organization ``place``."""

    name: str
    email: str
    place: str | None


def whom_to_ask(actor: Actor, *, of_tenant: bool = False) -> list[Contact]:
    """The active administrators of the actor's organizations, then those of the whole tenant; a few, by name.

    :param of_tenant: only those of the whole tenant could give it
    """
    reach: ColumnElement[bool] = Organization.is_root.is_(True)
    if not of_tenant:
        reach = or_(reach, Organization.id.in_(actor.organization_ids))
    return _contacts(User.tenant_id == actor.tenant_id, User.id != actor.user_id, reach)


def administrators_of(tenant_slug: str) -> list[Contact]:
    """The active administrators of a whole tenant, for somebody who is nobody there yet; a few, by name."""
    return _contacts(User.tenant.has(Tenant.slug == tenant_slug), Organization.is_root.is_(True))


def _contacts(*which: ColumnElement[bool]) -> list[Contact]:
    found = db.session.execute(
        select(User.id, User.name, User.email, Organization.name, Organization.is_root)
        .join(Membership, Membership.user_id == User.id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(User.active, Membership.role == ADMINISTRATOR, *which)
        .order_by(Organization.is_root, User.name, User.id)
    )
    known: dict[object, Contact] = {}
    for user_id, name, email, place, is_root in found:
        known.setdefault(user_id, Contact(name, email, None if is_root else place))
    return list(known.values())[:MOST_NAMED]

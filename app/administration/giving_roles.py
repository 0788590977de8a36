"""Giving people roles in organizations, and taking them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select

from app import record
from app.accounts import require_proof
from app.actor import Actor
from app.administration.rights import ADMINISTRATOR, require_administrator_left
from app.administration.staff import Role, load_to_change, managed_organizations, roles_of
from app.errors import Forbidden, Invalid
from app.extensions import db
from app.models import Membership, User, writing
from app.models.user import ROLES

PROOF = "This changes what somebody may do."


def change_roles(actor: Actor, user_id: UUID, wanted: Collection[Role]) -> tuple[frozenset[Role], frozenset[Role]]:
    """Give somebody exactly these roles; answers which they gained and which they lost.

    :raises NotFound: there is no such person, or the actor may not know
    :raises Forbidden: the actor does not administer all that they belong to; they would be the last administrator
    :raises Invalid: a role or an organization that is none, or is not the actor's to give
    :raises ProofNeeded: the actor's session was not proved of late
    """
    with writing():
        # Two who give the same role at the same moment take turns; the second one finds it given.
        db.session.execute(select(User.id).where(User.id == user_id).with_for_update())
        user = load_to_change(actor, user_id)
        gained, lost = _difference(actor, user, wanted)
        require_proof(actor, PROOF)
        for one in list(user.memberships):
            if (one.organization_id, one.role) in lost:
                db.session.delete(one)
        db.session.add_all(Membership(user_id=user.id, organization_id=where, role=role) for where, role in gained)
        if gained or lost:
            details = {"gained": _told(gained), "lost": _told(lost)}
            record.note(actor, "user.roles", "user", user.id, details=details)
        db.session.commit()
    return gained, lost


def role_changes(actor: Actor, user_id: UUID, wanted: Collection[Role]) -> tuple[frozenset[Role], frozenset[Role]]:
    """What :func:`change_roles` would give and take, for the page that asks whether it is meant. Refusals likewise."""
    return _difference(actor, load_to_change(actor, user_id), wanted)


def _difference(actor: Actor, user: User, wanted: Collection[Role]) -> tuple[frozenset[Role], frozenset[Role]]:
    mine = {one.id for one in managed_organizations(actor)}
    present, asked = roles_of(user), frozenset(wanted)
    changed = present ^ asked
    if any(where not in mine or role not in ROLES for where, role in changed):
        raise Invalid("One of these roles is not yours to give or to take.")
    if user.id == actor.user_id and any(role == ADMINISTRATOR for _, role in present - asked):
        raise Forbidden("You cannot take your own administration away. Another administrator can.")
    gained, lost = asked - present, present - asked
    if any(role == ADMINISTRATOR for _, role in lost) and not _still_administers(user, wanted):
        require_administrator_left(user.tenant_id, without=user.id)
    return gained, lost


def _still_administers(user: User, wanted: Collection[Role]) -> bool:
    roots = {one.organization_id for one in user.memberships if one.organization.is_root}
    return any(role == ADMINISTRATOR and where in roots for where, role in wanted)


def _told(roles: Collection[Role]) -> list[str]:
    return sorted(f"{role}@{where}" for where, role in roles)

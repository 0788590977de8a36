"""A user's row turned into an actor."""

from __future__ import annotations

from uuid import UUID

from app.actor import Actor, Standing
from app.errors import NotFound
from app.extensions import db
from app.models import User


def actor_for_user(user_id: UUID, via: str = "job") -> Actor:
    """The person as the domain sees them now, for work that goes on without them.

    :raises NotFound: there is no such person, or they may not sign in any more
    """
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None or not user.active:
        raise NotFound("There is no such person.")
    return actor_of(user, via=via)


def actor_of(
    user: User,
    *,
    via: str,
    via_id: UUID | None = None,
    address: str | None = None,
    request_id: str | None = None,
) -> Actor:
    """The actor that a user's row and memberships describe."""
    return Actor(
        user_id=user.id,
        tenant_id=user.tenant_id,
        name=user.name,
        standings=tuple(
            Standing(
                membership.organization_id,
                membership.role,
                membership.organization.is_root,
                user.tenant.export_right_of(membership.role),
            )
            for membership in user.memberships
        ),
        via=via,
        via_id=via_id,
        address=address,
        request_id=request_id,
    )

"""What an actor may see, as selects: the loader is the check, so no page can load and forget to ask."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true

from app.access.permissions import ROLE_PERMISSIONS, Permission
from app.actor import Actor
from app.models import Entity, Export, Organization
from app.models.user import Membership


def organizations_with(actor: Actor, permission: Permission) -> tuple[UUID, ...] | None:
    """The organizations in which the actor holds the permission; ``None`` means every one of the tenant."""
    if actor.scopes is not None and permission.value not in actor.scopes:
        return ()
    holding = [standing for standing in actor.standings if permission in ROLE_PERMISSIONS.get(standing.role, ())]
    if any(standing.is_root for standing in holding):
        return None
    return tuple(dict.fromkeys(standing.organization_id for standing in holding))


def within(column: ColumnElement[UUID], organization_ids: tuple[UUID, ...] | None) -> ColumnElement[bool]:
    """The condition that a row's organization is one of those; ``None`` is every one, none at all is never."""
    if organization_ids is None:
        return true()
    return column.in_(organization_ids) if organization_ids else false()


def visible_organizations(actor: Actor) -> Select[Organization]:
    """The organizations of the actor's tenant whose records the actor may see."""
    scope = organizations_with(actor, Permission.VIEW)
    return select(Organization).where(
        Organization.tenant_id == actor.tenant_id, within(Organization.id.expression, scope)
    )


def visible_entities(actor: Actor) -> Select[Entity]:
    """The entities of the actor's tenant, within the organizations where the actor may view."""
    scope = organizations_with(actor, Permission.VIEW)
    return select(Entity).where(Entity.tenant_id == actor.tenant_id, within(Entity.organization_id.expression, scope))


def visible_exports(actor: Actor) -> Select[Export]:
    """The actor's own exports; for those who manage, also the exports of their organizations' people."""
    conditions: list[ColumnElement[bool]] = [Export.owner_id == actor.user_id]
    managed = organizations_with(actor, Permission.MANAGE)
    if managed is None:
        conditions.append(true())
    elif managed:
        people = select(Membership.user_id).where(Membership.organization_id.in_(managed))
        conditions.append(Export.owner_id.in_(people))
    return select(Export).where(
        and_(Export.tenant_id == actor.tenant_id, Export.deleted_at.is_(None), or_(*conditions))
    )

"""What an actor may see, as selects: the loader is the check, so no page can load and forget to ask."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select, true
from sqlalchemy.orm import aliased

from app.access.permissions import ExportRight, Permission, allows, grants
from app.actor import Actor
from app.models import Entity, Export, Organization, Release, Repository
from app.models.user import Membership


def organizations_with(actor: Actor, permission: Permission) -> tuple[UUID, ...] | None:
    """The organizations in which the actor holds the permission; ``None`` means every one of the tenant."""
    if actor.scopes is not None and permission.value not in actor.scopes:
        return ()
    holding = [standing for standing in actor.standings if grants(standing, permission)]
    if any(standing.is_root for standing in holding):
        return None
    return tuple(dict.fromkeys(standing.organization_id for standing in holding))


def export_right(actor: Actor, organization_ids: Collection[UUID] | None) -> ExportRight:
    """What the actor may export out of a scope: the least of what holds in its organizations.

    This is the one rule on what leaves. In each organization the most generous of the roles that count there holds.

    :param organization_ids: the scope; ``None`` is the whole tenant
    """
    if actor.scopes is not None and Permission.EXPORT_DATA.value not in actor.scopes:
        return ExportRight.NONE
    ascending = list(ExportRight)
    places = [None] if organization_ids is None else list(organization_ids)
    best = [
        max(
            (
                ascending.index(ExportRight(standing.exports))
                for standing in actor.standings
                if grants(standing, Permission.EXPORT_DATA) and (standing.is_root or standing.organization_id == place)
            ),
            default=0,
        )
        for place in places
    ]
    return ascending[min(best, default=0)]


def within(
    column: ColumnElement[UUID] | ColumnElement[UUID | None], organization_ids: tuple[UUID, ...] | None
) -> ColumnElement[bool]:
    """The condition that a row's organization is one of those; ``None`` is every one, none at all is never."""
    if organization_ids is None:
        return true()
    return column.in_(organization_ids) if organization_ids else false()


def visible_organizations(actor: Actor) -> Select[Organization]:
    """The organizations of the actor's tenant whose records the actor may see."""
    scope = organizations_with(actor, Permission.VIEW)
    return select(Organization).where(
        Organization.tenant_id == actor.tenant_id, within(Organization.id.expression, scope), is_kept()
    )


def is_kept() -> ColumnElement[bool]:
    """The condition that an organization was not removed: only the row of one that was stays, for what names it."""
    itself = aliased(Entity)
    return exists().where(itself.id == Organization.id)


def visible_entities(actor: Actor) -> Select[Entity]:
    """The entities of the actor's tenant, within the organizations where the actor may view."""
    scope = organizations_with(actor, Permission.VIEW)
    return select(Entity).where(Entity.tenant_id == actor.tenant_id, within(Entity.organization_id.expression, scope))


def viewable(actor: Actor | None) -> ColumnElement[bool]:
    """The condition that a repository of the actor's tenant may be viewed; of a stranger, that it is open to the world.

    ``View`` and ``Edit`` are public within the tenant; ``None`` is for the owner, and the owning organization's people.
    """
    if actor is None:
        return Repository.open_to_world.is_(True)
    if not allows(actor, Permission.VIEW):
        return Repository.id.is_(None)
    ours = within(Repository.organization_id.expression, organizations_with(actor, Permission.VIEW))
    return or_(
        Repository.public_access != "None",
        Repository.user_id == actor.user_id,
        Repository.organization_id.is_not(None) & ours,
    )


def visible_repositories(actor: Actor | None) -> Select[Repository]:
    """The repositories that the actor may view."""
    own = true() if actor is None else Repository.tenant_id == actor.tenant_id
    return select(Repository).where(own, viewable(actor))


def visible_exports(actor: Actor) -> Select[Export]:
    """The actor's own exports; for those who manage, also the exports of their organizations' people.

    A bulk export is its tenant's, whose others have to wait for it: whoever may export from every organization to
    which its requester belongs sees it too.
    """
    conditions: list[ColumnElement[bool]] = [Export.owner_id == actor.user_id]
    managed = organizations_with(actor, Permission.MANAGE)
    if managed is None:
        conditions.append(true())
    elif managed:
        people = select(Membership.user_id).where(Membership.organization_id.in_(managed))
        conditions.append(Export.owner_id.in_(people))
    conditions.append(_of_tenant(actor))
    released = select(Release.export_id).join(Repository, Repository.id == Release.repository_id)
    conditions.append(Export.id.in_(released.where(Repository.tenant_id == actor.tenant_id, viewable(actor))))
    return select(Export).where(
        and_(Export.tenant_id == actor.tenant_id, Export.deleted_at.is_(None), or_(*conditions))
    )


def _of_tenant(actor: Actor) -> ColumnElement[bool]:
    """The condition that an export is a bulk one of no more than the actor may export."""
    is_bulk = Export.subject == str(actor.tenant_id)
    held = organizations_with(actor, Permission.EXPORT_DATA)
    if held is None:
        return is_bulk
    inside, outside = (
        select(Membership.user_id).where(condition)
        for condition in (within(Membership.organization_id.expression, held), Membership.organization_id.not_in(held))
    )
    return and_(is_bulk, Export.owner_id.in_(inside), Export.owner_id.not_in(outside))

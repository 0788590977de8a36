"""One entity, and the templates and organizations that filters offer: as far as the actor may see."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.access import Permission, allows, visible_entities, visible_organizations
from app.actor import Actor
from app.catalog.findability import can_be_kept
from app.errors import NotFound
from app.extensions import db
from app.models import Entity, Organization, Template
from app.models.template import DATA_TYPES

MADE_ELSEWHERE = frozenset({"organization", "organization-user"})
"""Data types whose facts are also rows of their own: administration changes both together."""


def get_entity(actor: Actor, entity_id: UUID, data_type: str | None = None) -> Entity:
    """The entity, if the actor may see it.

    :param data_type: refuse an entity of another one
    :raises NotFound: there is none, or the actor may not know
    """
    wanted = visible_entities(actor).where(Entity.id == entity_id)
    if data_type is not None:
        wanted = wanted.where(Entity.data_type == data_type)
    # An unknown kind is not even asked for: it may hold signs that PostgreSQL answers by a fault.
    asked = data_type is None or data_type in DATA_TYPES
    entity = db.session.scalar(wanted) if asked else None
    if entity is None:
        raise NotFound("There is no such record, or you may not see it.")
    return entity


def get_entity_by_key(actor: Actor, data_type: str, key: str) -> Entity:
    """The entity of that key (a device's own id), if the actor may see it.

    :raises NotFound: there is none, or the actor may not know
    """
    wanted = visible_entities(actor).where(Entity.data_type == data_type, Entity.key == key)
    entity = db.session.scalar(wanted) if can_be_kept(key) else None
    if entity is None:
        raise NotFound("There is no such record, or you may not see it.")
    return entity


def find_template(
    actor: Actor, data_type: str | None = None, *, template_id: UUID | None = None, name: str | None = None
) -> Template | None:
    """The tenant's template of that id or name, and of that data type if one is given."""
    wanted = select(Template).where(Template.tenant_id == actor.tenant_id)
    wanted = wanted.where(Template.id == template_id if name is None else Template.name == name)
    if data_type is not None:
        wanted = wanted.where(Template.data_type == data_type)
    return db.session.scalar(wanted) if name is None or can_be_kept(name) else None


def may_edit(actor: Actor, entity: Entity) -> bool:
    """Whether the actor may change the entity's attributes here."""
    return entity.data_type not in MADE_ELSEWHERE and allows(actor, Permission.EDIT, entity.organization_id)


def may_answer_for(actor: Actor, entity: Entity) -> bool:
    """Whether the actor administers the entity's organization: is told who has seen it, and may erase it."""
    return allows(actor, Permission.MANAGE, entity.organization_id)


def list_templates(actor: Actor, data_type: str | None = None) -> list[Template]:
    """The templates of the actor's tenant, by label; those of one data type if it is given."""
    wanted = select(Template).where(Template.tenant_id == actor.tenant_id)
    if data_type is not None:
        wanted = wanted.where(Template.data_type == data_type)
    return list(db.session.scalars(wanted.order_by(Template.label, Template.id)))


def list_organizations(actor: Actor) -> list[Organization]:
    """The organizations whose records the actor may see, by name; the tenant's root first."""
    wanted = visible_organizations(actor)
    return list(db.session.scalars(wanted.order_by(Organization.is_root.desc(), Organization.name, Organization.id)))

"""References, both ways. What the actor may not see is not named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select

from app.access import visible_entities
from app.actor import Actor
from app.catalog.listing import EntityQuery, count_entities, list_entities
from app.catalog.values import target_of, values_of
from app.extensions import db
from app.models import Entity, Reference, Template, TemplateAttribute


@dataclass(frozen=True, slots=True)
class Linked:
    """Another entity, as far as a link needs to know it."""

    id: UUID
    data_type: str
    caption: str


@dataclass(frozen=True, slots=True)
class Referrers:
    """Entities of one template that refer to an entity by one attribute: the last changed, and how many."""

    label: str
    data_type: str
    template_id: UUID
    attribute: str
    items: tuple[Entity, ...]
    count: int


def linked(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Linked]:
    """Those of the entities that the actor may see, by id."""
    wanted = set(ids)
    if not wanted:
        return {}
    seen = visible_entities(actor).with_only_columns(Entity.id, Entity.data_type, Entity.caption)
    return {row.id: Linked(*row) for row in db.session.execute(seen.where(Entity.id.in_(wanted)))}


def references_from(actor: Actor, entity: Entity) -> dict[UUID, Linked]:
    """What the entity refers to, by id; a target that the actor may not see is missing."""
    stored = values_of(entity)
    pointing = [known.name for known in entity.template.attributes if known.kind == "REFERENCE"]
    targets = (target_of(stored[name]) for name in pointing if name in stored)
    return linked(actor, (target for target in targets if target is not None))


def referencing(actor: Actor, entity: Entity, limit: int = 10) -> list[Referrers]:
    """What refers to the entity, by template and attribute; groups without a visible member are left out."""
    found = []
    for template, attribute in _ways_here(entity):
        query = EntityQuery(
            template.data_type,
            template_ids=(template.id,),
            refers_to=entity.id,
            by_attribute=attribute.name,
            page_size=limit,
        )
        items = list_entities(actor, query).items
        if items:
            label = attribute.reference_label or f"{template.label} · {attribute.label}"
            count = len(items) if len(items) < limit else count_entities(actor, query)
            found.append(Referrers(label, template.data_type, template.id, attribute.name, items, count))
    return found


def _ways_here(entity: Entity) -> list[tuple[Template, TemplateAttribute]]:
    """The template attributes by which something of the tenant refers to the entity."""
    used = select(Reference.attribute).where(Reference.target_id == entity.id).distinct()
    ways = (
        select(Template, TemplateAttribute)
        .join(TemplateAttribute, TemplateAttribute.template_id == Template.id)
        .where(
            Template.tenant_id == entity.tenant_id,
            TemplateAttribute.kind == "REFERENCE",
            TemplateAttribute.name.in_(used),
            or_(
                TemplateAttribute.reference_data_type.is_(None),
                TemplateAttribute.reference_data_type == entity.data_type,
            ),
        )
        .order_by(Template.label, Template.id, TemplateAttribute.position)
    )
    return [(template, attribute) for template, attribute in db.session.execute(ways)]

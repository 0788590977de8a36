"""What stands around entities, read for many at once: who owns them, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.access import visible_entities
from app.actor import Actor
from app.catalog.values import target_of, values_of
from app.extensions import db
from app.models import Entity, Membership, Template, User
from app.models.user import ROLES

_ADMINISTRATOR = ROLES[2]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another entity, as far as a reference to it needs to know it."""

    id: UUID
    data_type: str
    key: str
    caption: str
    organization_id: UUID
    template_id: UUID
    template_name: str
    template_label: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Neighbours by id: the owning organizations, whether or not the actor may look into them, and those targets of
    references that the actor may see."""

    owners: Mapping[UUID, Neighbour]
    targets: Mapping[UUID, Neighbour]


def surroundings(actor: Actor, entities: Iterable[Entity]) -> Surroundings:
    """What stands around these entities, which the actor was given."""
    known = list(entities)
    targets = {target for entity in known for target in _targets(entity)}
    return Surroundings(
        owners=_owners({entity.organization_id for entity in known}),
        targets=neighbours(actor, targets),
    )


def neighbours(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Neighbour]:
    """Those of the entities that the actor may see, by id."""
    wanted = set(ids)
    if not wanted:
        return {}
    seen = visible_entities(actor).with_only_columns(Entity.id)
    rows = db.session.execute(_columns().where(Entity.id.in_(wanted), Entity.id.in_(seen)))
    return {row[0]: Neighbour(*row) for row in rows}


def administrators_of(actor: Actor, organization_ids: Iterable[UUID]) -> dict[UUID, Neighbour]:
    """An administrator of each organization, as far as the actor may see them: the one with the least name."""
    wanted = set(organization_ids)
    held = (
        select(Membership.organization_id, User.id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.organization_id.in_(wanted), Membership.role == _ADMINISTRATOR, User.active)
        .order_by(User.name.desc(), User.id)
    )
    people = {row[0]: row[1] for row in db.session.execute(held)} if wanted else {}
    known = neighbours(actor, people.values())
    return {organization: known[person] for organization, person in people.items() if person in known}


def _owners(ids: set[UUID]) -> dict[UUID, Neighbour]:
    if not ids:
        return {}
    rows = db.session.execute(_columns().where(Entity.id.in_(ids), Entity.data_type == "organization"))
    return {row[0]: Neighbour(*row) for row in rows}


def _columns() -> Select[*tuple[Any, ...]]:
    return select(
        Entity.id, Entity.data_type, Entity.key, Entity.caption, Entity.organization_id,
        Template.id, Template.name, Template.label,
    ).join(Template, Template.id == Entity.template_id)  # fmt: skip


def _targets(entity: Entity) -> Iterable[UUID]:
    stored = values_of(entity)
    for attribute in entity.template.attributes:
        if attribute.kind == "REFERENCE" and attribute.name in stored:
            target = target_of(stored[attribute.name])
            if target is not None:
                yield target

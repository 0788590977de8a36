"""Find entities by conditions on anything that they hold: a page of them, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from app.access.patience import patiently
from app.actor import Actor
from app.catalog.conditions import Condition, Operand, in_sql, order_by
from app.catalog.findability import can_be_kept
from app.catalog.listing import within_walls
from app.catalog.search import matching_any, words_asked
from app.extensions import db
from app.models import Entity
from app.models.template import DATA_TYPES


@dataclass(frozen=True, slots=True)
class Wish:
    """What to find.

    :param conditions: all of them must hold
    :param text: words, at least one of which must begin a word of the entity
    :param order: (operands, descending), the first being the most important; made last first when empty
    :param offset: rows to pass over; faces keep it bounded
    """

    data_type: str
    conditions: tuple[Condition, ...] = ()
    text: str | None = None
    order: tuple[tuple[tuple[Operand, ...], bool], ...] = ()
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found, and how much there is on all pages."""

    entities: tuple[Entity, ...]
    total: int


def find_entities(actor: Actor, wish: Wish) -> Found:
    """The entities that the actor may see and that meet the wish.

    :raises Invalid: it takes too long
    """
    if wish.data_type not in DATA_TYPES:
        raise ValueError(f"no data type {wish.data_type}")
    found = within_walls(actor).where(Entity.data_type == wish.data_type, *map(in_sql, wish.conditions))
    if wish.text is not None:
        words = words_asked(wish.text)
        if not words:
            return Found((), 0)
        found = found.where(matching_any(actor.tenant_id, wish.data_type, words))
    order = [one for operands, descending in wish.order for one in order_by(operands, descending=descending)] or [
        Entity.created_at.desc()
    ]
    falling = wish.order[-1][1] if wish.order else True
    page = found.order_by(*order, Entity.id.desc() if falling else Entity.id.asc())
    with patiently():
        counted = found.with_only_columns(Entity.id).subquery()
        total = db.session.scalar(select(func.count()).select_from(counted)) or 0
        rows = tuple(db.session.scalars(page.limit(wish.limit).offset(wish.offset))) if total > wish.offset else ()
    return Found(rows, total)


def entity_ids_by_key(actor: Actor, data_type: str, keys: set[str]) -> dict[str, UUID]:
    """The ids behind keys (devices' own ids), as far as the actor may see them."""
    askable = {key for key in keys if can_be_kept(key)}
    if not askable:
        return {}
    seen = within_walls(actor).with_only_columns(Entity.key, Entity.id)
    found = db.session.execute(seen.where(Entity.data_type == data_type, Entity.key.in_(askable)))
    return {row.key: row.id for row in found}

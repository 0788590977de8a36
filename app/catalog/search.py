"""Search by words: each must begin a word of the entity; quick for rare words and for frequent ones."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, intersect, or_, select, union

from app.catalog.findability import known_id, words_in
from app.extensions import db
from app.models import Entity, EntityWord

MOST_ASKED = 8
FEW = 20_000
SAMPLE = 500
_BEYOND = "\U0010ffff"


def words_asked(search: str) -> list[str]:
    """The words of what a person typed; further ones than :data:`MOST_ASKED` are not looked at."""
    return words_in(search)[:MOST_ASKED]


def matching(tenant_id: UUID, data_type: str, words: list[str]) -> list[ColumnElement[bool]]:
    """Conditions on ``Entity`` that every word begins one of its words.

    What few entities match is looked up first. What many match is asked of each entity in the list's own order,
    where a page is full soon.
    """
    rarest = min(words, key=lambda word: _few(_holding(tenant_id, data_type, word)))
    found = set(db.session.scalars(_holding(tenant_id, data_type, rarest).distinct().limit(FEW + 1)))
    if len(found) <= FEW:
        asked = known_id(rarest)
        others = [_has(word) for word in words if word != rarest]
        return [Entity.id.in_(found | {asked} if asked else found), *others]
    if len(words) > 1 and _seldom_meet(words, list(found)[:SAMPLE]):
        meeting = intersect(*(_holding(tenant_id, data_type, word) for word in words)).subquery()
        found = set(db.session.scalars(select(meeting.c.entity_id).limit(FEW + 1)))
        if len(found) <= FEW:
            return [Entity.id.in_(found)]
    return [_has(word) for word in words]


def matching_any(tenant_id: UUID, data_type: str, words: list[str]) -> ColumnElement[bool]:
    """The condition on ``Entity`` that at least one of the words begins one of its words, or is its id."""
    holding = union(*(_holding(tenant_id, data_type, word) for word in words)).subquery()
    found = Entity.id.in_(select(holding.c.entity_id))
    ids = [known for known in map(known_id, words) if known]
    return or_(found, Entity.id.in_(ids)) if ids else found


def _seldom_meet(words: list[str], sample: list[UUID]) -> bool:
    """Whether frequent words stand together in few of some entities that have one of them."""
    both = select(func.count()).select_from(Entity).where(Entity.id.in_(sample), *map(_has, words))
    return (db.session.scalar(both) or 0) * 20 < len(sample)


def _holding(tenant_id: UUID, data_type: str, word: str) -> Select[UUID]:
    here = EntityWord.tenant_id == tenant_id, EntityWord.data_type == data_type
    return select(EntityWord.entity_id).where(*here, *_begins(word))


def _begins(word: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return EntityWord.word >= word, EntityWord.word < word + _BEYOND


def _few(holding: Select[UUID]) -> int:
    return db.session.scalar(select(func.count()).select_from(holding.limit(FEW + 1).subquery())) or 0


def _has(word: str) -> ColumnElement[bool]:
    """Whether the entity at hand has the word; by its own words, so tenant and data type go without saying."""
    return exists().where(EntityWord.entity_id == Entity.id, *_begins(word))

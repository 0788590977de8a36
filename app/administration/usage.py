"""What the records of a template keep under an attribute: how many have a value, and whether one ever had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import aliased

from app.catalog.conditions import NUMBERS, TIMES
from app.extensions import db
from app.models import Entity, EntityHistory, EntityValue, Template, TemplateAttribute
from app.models.template import FILE_TYPES


def records_of(template: Template) -> int:
    """How many records of the template there are now."""
    wanted = select(func.count()).select_from(Entity).where(Entity.template_id == template.id)
    return db.session.scalar(wanted) or 0


def records_with(attribute: TemplateAttribute) -> int:
    """How many records have a value there now."""
    wanted = select(func.count()).select_from(Entity).where(Entity.template_id == attribute.template_id)
    if attribute.kind in FILE_TYPES:
        return db.session.scalar(wanted.where(_names(Entity, attribute.name))) or 0
    wanted = wanted.join(EntityValue, EntityValue.entity_id == Entity.id)
    return db.session.scalar(wanted.where(EntityValue.attribute == attribute.name)) or 0


def was_ever_used(attribute: TemplateAttribute) -> bool:
    """Whether a record has or had a value there, removed ones among them; a look at every version decides."""
    return any(True for _ in _values_ever(attribute))


def count_values(attribute: TemplateAttribute) -> Counter[str]:
    """The texts that records have there now, each with how many do."""
    return Counter(str(kept) for kept in _values_of(Entity, attribute))


def used_choices(attribute: TemplateAttribute, values: Iterable[str]) -> list[str]:
    """Those of the choices that a record has or had there."""
    return [value for value in values if any(_has(kept, value) for kept in _values_ever(attribute, value))]


def has_repeated_values(attribute: TemplateAttribute, template: Template) -> bool:
    """Whether a record has a value there that another of the same data type has, too; long texts count by their
    first 200 characters."""
    column = "number" if attribute.kind in NUMBERS else "time" if attribute.kind in TIMES else "text"
    own, other, others = EntityValue, aliased(EntityValue), aliased(Entity)
    wanted = (
        select(own.entity_id)
        .join(Entity, Entity.id == own.entity_id)
        .join(other, (other.tenant_id == own.tenant_id) & (other.attribute == own.attribute))
        .join(others, others.id == other.entity_id)
        .where(
            Entity.template_id == template.id,
            own.tenant_id == template.tenant_id,
            own.attribute == attribute.name,
            getattr(other, column) == getattr(own, column),
            other.entity_id != own.entity_id,
            others.data_type == template.data_type,
        )
    )
    return db.session.scalar(wanted.limit(1)) is not None


def _values_ever(attribute: TemplateAttribute, choice: str | None = None) -> Iterator[Any]:
    """Every value there, of every version of every record.

    :param choice: only of versions in whose text it stands somewhere
    """
    for model in (Entity, EntityHistory):
        yield from _values_of(model, attribute, choice)


def _values_of(
    model: type[Entity] | type[EntityHistory], attribute: TemplateAttribute, choice: str | None = None
) -> Iterator[Any]:
    wanted = select(model.attributes, model.phi_attributes).where(
        model.template_id == attribute.template_id, _names(model, attribute.name)
    )
    if choice is not None:
        wanted = wanted.where(_holds(model, _json(choice)))
    with closing(db.session.execute(wanted.execution_options(yield_per=500))) as rows:
        for values in (orjson.loads(text) for row in rows for text in row):
            if attribute.name in values:
                yield values[attribute.name]


def _has(kept: Any, choice: str) -> bool:
    return choice in kept if isinstance(kept, list) else bool(kept == choice)


def _names(model: type[Entity] | type[EntityHistory], name: str) -> ColumnElement[bool]:
    return _holds(model, f"{_json(name)}:")


def _holds(model: type[Entity] | type[EntityHistory], text: str) -> ColumnElement[bool]:
    return or_(model.attributes.contains(text, autoescape=True), model.phi_attributes.contains(text, autoescape=True))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()

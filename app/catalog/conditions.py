"""Conditions on entities as plain values, and what they are in SQL: over columns and over ``EntityValue`` by index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, select, true

from app.catalog.findability import VALUE_LENGTH, folded
from app.models import Entity, EntityValue, Template

Kind = Literal["text", "number", "time", "id"]
Operator = Literal["eq", "in", "like", "lt", "lte", "gt", "gte", "is_null"]

COLUMNS: dict[str, tuple[ColumnElement[Any], Kind]] = {
    "id": (Entity.id.expression, "id"),
    "key": (Entity.key.expression, "text"),
    "caption": (Entity.caption.expression, "text"),
    "created_at": (Entity.created_at.expression, "time"),
    "updated_at": (Entity.updated_at.expression, "time"),
    "organization_id": (Entity.organization_id.expression, "id"),
    "template_id": (Entity.template_id.expression, "id"),
}
NUMBERS = ("INTEGER", "DECIMAL", "BOOLEAN")
TIMES = ("DATE", "DATE_TIME")


@dataclass(frozen=True, slots=True)
class Column:
    """A fact that every entity has: one of :data:`COLUMNS`, or ``template_name``."""

    name: str

    @property
    def kind(self) -> Kind:
        return "text" if self.name == "template_name" else COLUMNS[self.name][1]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of some templates, of one kind in all of them; ``attribute_kind`` is the template's word for it."""

    name: str
    attribute_kind: str
    template_ids: tuple[UUID, ...]

    @property
    def kind(self) -> Kind:
        if self.attribute_kind in NUMBERS:
            return "number"
        return "time" if self.attribute_kind in TIMES else "text"


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same value for every entity; ``None`` is no value."""

    value: str | int | None


Operand = Column | Attribute | Fixed


@dataclass(frozen=True, slots=True)
class Holds:
    """One operand's value against ``value``: a text (compared case-folded, ``like``: contains), a number, an instant,
    an id, or for ``in`` several of them; ``is_null`` takes none. True when it is for any of the operands, and for
    ``is_null`` when all are without a value."""

    operands: tuple[Operand, ...]
    operator: Operator
    value: Any = None


@dataclass(frozen=True, slots=True)
class Every:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    condition: Condition


Condition = Holds | Every | Some | Negated


def in_sql(condition: Condition) -> ColumnElement[bool]:
    """The condition on ``Entity``."""
    if isinstance(condition, Every):
        return and_(true(), *map(in_sql, condition.conditions))
    if isinstance(condition, Some):
        return or_(false(), *map(in_sql, condition.conditions))
    if isinstance(condition, Negated):
        return not_(in_sql(condition.condition))
    tests = [_test(operand, condition.operator, condition.value) for operand in condition.operands]
    return and_(true(), *tests) if condition.operator == "is_null" else or_(false(), *tests)


def _test(operand: Operand, operator: Operator, value: Any) -> ColumnElement[bool]:
    if isinstance(operand, Fixed):
        return true() if _holds(operand.value, operator, value) else false()
    if isinstance(operand, Attribute):
        return _on_attribute(operand, operator, value)
    if operator == "is_null":
        return false()  # what every entity has
    if operand.name == "template_name":
        named = select(Template.id).where(_compared(Template.name.expression, "text", operator, value, fold=False))
        return Entity.template_id.in_(named)
    column, kind = COLUMNS[operand.name]
    return _compared(column, kind, operator, value, fold=False)


def _on_attribute(operand: Attribute, operator: Operator, value: Any) -> ColumnElement[bool]:
    here = Entity.template_id.in_(operand.template_ids)
    own = (EntityValue.entity_id == Entity.id, EntityValue.attribute == operand.name)
    if operator == "is_null":
        return not_(and_(here, exists().where(*own)))
    column = getattr(EntityValue, operand.kind)
    compared = _compared(column, operand.kind, operator, value, fold=True)
    if operator == "like":
        # No index finds what stands in the middle of a text: each entity's own value is looked at.
        return and_(here, exists().where(*own, compared))
    tenant = select(Template.tenant_id).where(Template.id == operand.template_ids[0]).scalar_subquery()
    found = select(EntityValue.entity_id).where(
        EntityValue.tenant_id == tenant, EntityValue.attribute == operand.name, compared
    )
    return and_(here, Entity.id.in_(found))


def _compared(column: Any, kind: Kind, operator: Operator, value: Any, *, fold: bool) -> ColumnElement[bool]:
    read = _folded if kind == "text" and fold else _same
    if operator == "in":
        return column.in_([read(one) for one in value]) if value else false()
    if operator == "like":
        return column.icontains(read(value), autoescape=True) if kind == "text" else false()
    return _COMPARISONS[operator](column, read(value))


def _folded(value: Any) -> str:
    return folded(str(value))[:VALUE_LENGTH]


def _same(value: Any) -> Any:
    return value


_COMPARISONS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
}


def _holds(known: str | int | None, operator: Operator, value: Any) -> bool:
    if operator == "is_null":
        return known is None
    if known is None:
        return False
    if operator == "in":
        return known in value
    return str(value) in str(known) if operator == "like" else operator == "eq" and known == value


def order_by(operands: Sequence[Operand], *, descending: bool) -> list[ColumnElement[Any]]:
    """The expressions that put entities in the order of the first operand that has a value; those without come last.

    One for each column that the values lie in.
    """
    columns = [COLUMNS[one.name][0] for one in operands if isinstance(one, Column) and one.name in COLUMNS]
    if columns:
        return [columns[0].desc() if descending else columns[0].asc()]
    ordered: list[ColumnElement[Any]] = []
    for kind in ("text", "number", "time"):
        names = {one.name for one in operands if isinstance(one, Attribute) and one.kind == kind}
        if names:
            value = (
                select(getattr(EntityValue, kind))
                .where(EntityValue.entity_id == Entity.id, EntityValue.attribute.in_(names))
                .order_by(EntityValue.attribute)
                .limit(1)
                .scalar_subquery()
            )
            ordered.append(value.desc().nulls_last() if descending else value.asc().nulls_last())
    return ordered

"""New values of an entity against its template: all are judged, so a person sees all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.access import visible_entities
from app.actor import Actor
from app.catalog.codes import read_code
from app.catalog.findability import VALUE_LENGTH, can_be_kept, comparable
from app.catalog.reading import Unreadable, read_value
from app.catalog.values import Values, is_absent, target_of, values_of
from app.extensions import db
from app.models import Entity, EntityValue
from app.models.template import FILE_TYPES, TemplateAttribute


@dataclass(slots=True)
class Checked:
    """The values after the change, the names of those that changed, and what is wrong.

    ``taken`` names those of the faults that only say that another record has the value.
    """

    values: Values
    changed: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)


class _Taken(Unreadable):
    """Another record has a value that must be unique."""


def check_values(actor: Actor, entity: Entity, given: Mapping[str, Any]) -> Checked:
    """Read and judge the given values; attributes that are not given keep theirs, and so do files.

    A choice, reference or code that does not change is not judged again, or a template that has grown stricter, or a
    concept that was retired, would stand in the way of every other change; but a mandatory attribute must have a value.
    """
    present = values_of(entity)
    checked = Checked(dict(present))
    known = {attribute.name: attribute for attribute in entity.template.attributes}
    for name in given.keys() - known.keys():
        checked.faults[name] = "There is no such attribute."
    for name, attribute in known.items():
        if name in given:
            try:
                _judge(actor, entity, attribute, given[name], present.get(name), checked)
            except Unreadable as fault:
                checked.faults[name] = f"{attribute.label} {fault}."
                if isinstance(fault, _Taken):
                    checked.taken.append(name)
    return checked


def check_new(actor: Actor, draft: Entity, given: Mapping[str, Any]) -> Checked:
    """As :func:`check_values` for an entity that is to be; what is mandatory must be given, but for files."""
    checked = check_values(actor, draft, given)
    for attribute in draft.template.attributes:
        missing = attribute.mandatory and attribute.kind not in FILE_TYPES and attribute.name not in checked.values
        if missing and attribute.name not in checked.faults:
            checked.faults[attribute.name] = f"{attribute.label} must have a value."
    return checked


def _judge(
    actor: Actor, entity: Entity, attribute: TemplateAttribute, given: Any, present: Any, checked: Checked
) -> None:
    if attribute.kind in FILE_TYPES:
        raise Unreadable("is changed by attaching and removing files")
    if is_absent(given.strip() if isinstance(given, str) else given):
        if attribute.mandatory:
            raise Unreadable("must have a value")
        if present is not None:
            del checked.values[attribute.name]
            checked.changed.append(attribute.name)
        return
    value = _read(actor, attribute, given, present)
    if value == present:
        return
    if attribute.unique and _taken(entity, attribute, value):
        raise _Taken("must be unique; another record has this value")
    checked.values[attribute.name] = value
    checked.changed.append(attribute.name)


def _read(actor: Actor, attribute: TemplateAttribute, given: Any, present: Any) -> Any:
    if attribute.kind == "SINGLE_SELECT":
        return given if given == present else _choice(attribute, given)
    if attribute.kind == "MULTI_SELECT":
        return _several(attribute, given, present)
    if attribute.kind == "REFERENCE":
        return _reference(actor, attribute, given, present)
    if attribute.repository_id is not None:
        return read_code(actor, attribute, given, present)
    return read_value(attribute, given)


def _choice(attribute: TemplateAttribute, given: Any) -> Any:
    for choice in attribute.choices or ():
        if choice["value"] == given:
            return given
    raise Unreadable("must be one of the choices")


def _several(attribute: TemplateAttribute, given: Any, present: Any) -> list[Any]:
    chosen = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else []
    kept = [value for value in present or () if value in chosen]
    offered = [choice["value"] for choice in attribute.choices or ()]
    if any(value not in offered and value not in kept for value in chosen):
        raise Unreadable("must be some of the choices")
    if set(chosen) == set(present or ()):
        return list(present)
    return [value for value in offered if value in chosen] + [value for value in kept if value not in offered]


def _reference(actor: Actor, attribute: TemplateAttribute, given: Any, present: Any) -> Any:
    text = str(given.get("id") if isinstance(given, Mapping) else given).strip()
    target = _as_id(text)
    if target is not None and target == target_of(present):
        return present
    found = _targets(actor, attribute, text, target) if can_be_kept(text) else []
    if len(found) > 1:
        raise Unreadable("is ambiguous: several records are called that; give the ID of one")
    if not found:
        raise Unreadable("must name a record that exists and that you may see")
    return {"id": str(found[0])}


def _targets(actor: Actor, attribute: TemplateAttribute, text: str, target: UUID | None) -> list[UUID]:
    """By id, else by key, else by caption: the first of these that finds something."""
    visible = visible_entities(actor).with_only_columns(Entity.id)
    if attribute.reference_data_type is not None:
        visible = visible.where(Entity.data_type == attribute.reference_data_type)
    ways = [Entity.key == text, Entity.caption == text]
    if target is not None:
        ways.insert(0, Entity.id == target)
    for way in ways:
        found = list(db.session.scalars(visible.where(way).limit(2)))
        if found:
            return found
    return []


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _taken(entity: Entity, attribute: TemplateAttribute, value: Any) -> bool:
    """Whether another entity of the tenant and data type has the value, seen by the actor or not."""
    known = comparable(attribute.kind, value)
    column = next(name for name, part in known.items() if part is not None)
    same = (
        select(Entity)
        .join(EntityValue, EntityValue.entity_id == Entity.id)
        .where(
            EntityValue.tenant_id == entity.tenant_id,
            EntityValue.attribute == attribute.name,
            getattr(EntityValue, column) == known[column],
            Entity.data_type == entity.data_type,
            Entity.id != entity.id,
        )
    )
    if column == "text" and len(known["text"]) == VALUE_LENGTH:
        # Cut texts are alike up to there; the whole ones decide.
        others = db.session.scalars(same.limit(100))
        return any(values_of(other).get(attribute.name) == value for other in others)
    return db.session.scalar(same.limit(1)) is not None

"""The attributes of templates, added and changed by who administers them; what records hold already stays right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from app import record
from app.accounts import require_proof
from app.actor import Actor
from app.administration.attribute_rules import UNIQUE_TYPES, is_of_the_house, judged, spec_of
from app.administration.rights import require_whole_tenant
from app.administration.schemas import get_template, load_to_shape, touch
from app.administration.sources import fault_of_source
from app.administration.specs import SELECT_TYPES, AttributeSpec
from app.administration.templates import attribute_row
from app.administration.usage import has_repeated_values, records_of, records_with, used_choices, was_ever_used
from app.catalog import parting
from app.catalog.values import Schema
from app.errors import Duplicate, Invalid, NotFound
from app.extensions import db
from app.models import Template, TemplateAttribute, take_revision, writing
from app.models.template import FILE_TYPES

MOST_ATTRIBUTES = 300
MOST_PARTED = 20_000
"""So many records get a new version at once when an attribute is marked as PHI, or no longer is: some seconds."""
FIELDS = tuple(one.name for one in fields(AttributeSpec) if one.name != "name")
"""What can be changed of an attribute, in the order in which people are told of it."""
PROOF = "What identifies people would leave with every export, and without your password."
CHANGED_MEANWHILE = "Somebody else changed this template after you opened the page. Look at it again, then change it."


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of an attribute before and after."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AttributeUse:
    """How many records of the template there are, and how many of them have a value under the attribute now."""

    records: int
    held: int


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What a change of an attribute would come to, for the page that asks whether it is meant."""

    changes: tuple[FieldChange, ...]
    use: AttributeUse


def get_attribute(actor: Actor, template_id: UUID, attribute_id: UUID) -> TemplateAttribute:
    """An attribute of a template.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: the tenant has no such template, or the template no such attribute
    """
    return _of(get_template(actor, template_id), attribute_id)


def add_attribute(actor: Actor, template_id: UUID, spec: AttributeSpec) -> UUID:
    """Add an attribute behind the others; answers its id. Records that there are have no value there.

    :raises Forbidden: the actor does not administer the whole tenant
    :raises NotFound: the tenant has no such template
    :raises Duplicate: the template has an attribute of that name
    :raises Invalid: by the fields of :class:`AttributeSpec`
    """
    get_template(actor, template_id)
    require_whole_tenant(actor)
    kept, faults = judged(spec)
    if kept.unique and kept.kind not in UNIQUE_TYPES:
        faults["unique"] = "Values of this type cannot be asked to be unique."
    if fault := fault_of_source(actor, kept.repository_id):
        faults["repository_id"] = fault
    if faults:
        raise Invalid(fields=faults)
    with writing():
        template = load_to_shape(actor, template_id)
        if template.attribute(kept.name) is not None:
            raise Duplicate(fields={"name": f"There is an attribute {kept.name} already."})
        if len(template.attributes) >= MOST_ATTRIBUTES:
            raise Invalid(f"A template has at most {MOST_ATTRIBUTES} attributes.")
        position = max((one.position for one in template.attributes), default=-1) + 1
        row = attribute_row(position, kept)
        template.attributes.append(row)
        touch(template)
        db.session.flush()
        details = {"attribute": kept.name, "type": kept.kind, "phi": kept.phi, "mandatory": kept.mandatory}
        record.note(actor, "template.attribute_add", "template", template_id, details=details)
        attribute_id = row.id
        db.session.commit()
    return attribute_id


def plan_change(actor: Actor, template_id: UUID, attribute_id: UUID, spec: AttributeSpec) -> PlannedChange:
    """What :func:`change_attribute` would change. Refusals likewise."""
    template = get_template(actor, template_id)
    attribute = _of(template, attribute_id)
    require_whole_tenant(actor)
    changes = _changes(actor, template, attribute, spec)
    return PlannedChange(changes, AttributeUse(records_of(template), records_with(attribute)))


def change_attribute(
    actor: Actor, template_id: UUID, attribute_id: UUID, spec: AttributeSpec, *, seen: str | None = None
) -> tuple[FieldChange, ...]:
    """Change an attribute to what is given, but for its name; answers what changed.

    :param seen: :func:`version_of` of the template as the person had it before their eyes
    :raises Forbidden: the actor does not administer the whole tenant
    :raises NotFound: the tenant has no such template, or the template no such attribute
    :raises Invalid: by the fields of :class:`AttributeSpec`; without fields when it was changed meanwhile
    :raises ProofNeeded: a mark as identifying is taken away, and the actor's session was not proved of late
    """
    get_attribute(actor, template_id, attribute_id)
    with writing():
        template = load_to_shape(actor, template_id)
        attribute = _of(template, attribute_id)
        if seen is not None and seen != version_of(template):
            raise Invalid(CHANGED_MEANWHILE)
        changes = _changes(actor, template, attribute, spec)
        if any(change.field == "phi" and not change.after for change in changes):
            require_proof(actor, PROOF)
        before = Schema.of(template)
        for change in changes:
            setattr(attribute, change.field, _plain(change.after))
        if changes:
            touch(template)
            details: dict[str, Any] = {
                "attribute": attribute.name,
                "before": {change.field: _told(change.before) for change in changes},
                "after": {change.field: _told(change.after) for change in changes},
            }
            if any(change.field == "phi" for change in changes):
                details["records"] = _part_anew(actor, template, attribute, before)
            record.note(actor, "template.attribute_edit", "template", template_id, details=details)
        db.session.commit()
    return changes


def _part_anew(actor: Actor, template: Template, attribute: TemplateAttribute, before: Schema) -> int:
    if not records_with(attribute):
        return 0
    revision = take_revision(actor.tenant_id)
    return parting.part_anew(template, attribute.name, before, revision=revision, changed_by=actor.user_id)


def version_of(template: Template) -> str:
    """The template's version as a form carries it: when it was last changed."""
    return template.updated_at.isoformat()


def _of(template: Template, attribute_id: UUID) -> TemplateAttribute:
    found = next((one for one in template.attributes if one.id == attribute_id), None)
    if found is None:
        raise NotFound("There is no such attribute.")
    return found


def _changes(
    actor: Actor, template: Template, attribute: TemplateAttribute, wanted: AttributeSpec
) -> tuple[FieldChange, ...]:
    """What differs, once it was judged.

    :raises Invalid: by field
    """
    present = spec_of(attribute)
    kept, faults = judged(wanted)
    faults.pop("name", None)
    changes = tuple(
        FieldChange(name, getattr(present, name), getattr(kept, name))
        for name in FIELDS
        if _differ(getattr(present, name), getattr(kept, name))
    )
    for change in changes:
        judge = _JUDGES.get(change.field)
        fault = judge(template, attribute, kept) if judge and change.field not in faults else None
        if change.field == "repository_id":
            fault = fault_of_source(actor, kept.repository_id, attribute)
        if is_of_the_house(template, attribute.name) and change.field not in ("label", "hint"):
            fault = "Chartroom itself needs this attribute as it is: only its label and its hint can be changed."
        if fault:
            faults[change.field] = fault
    if faults:
        raise Invalid(fields=faults)
    return changes


def _fault_of_kind(_template: Template, attribute: TemplateAttribute, _wanted: AttributeSpec) -> str | None:
    if not was_ever_used(attribute):
        return None
    return (
        f"{attribute.label} has or had values, so its type cannot be changed: they would no longer fit. "
        "Add another attribute of the new type."
    )


def _fault_of_phi(_template: Template, attribute: TemplateAttribute, wanted: AttributeSpec) -> str | None:
    if wanted.kind in FILE_TYPES:
        return "What files are called often says whose they are: they always count as PHI."
    held = records_with(attribute)
    if held <= MOST_PARTED:
        return None
    return (
        f"{held:,} records have a value there. Each would get a new version, and everybody would wait for that: it is "
        f"done for up to {MOST_PARTED:,}. Add another attribute with the right mark instead."
    )


def _fault_of_choices(_template: Template, attribute: TemplateAttribute, wanted: AttributeSpec) -> str | None:
    if wanted.kind not in SELECT_TYPES or attribute.kind not in SELECT_TYPES:
        return None
    offered = {choice["value"] for choice in wanted.choices or ()}
    gone = {choice["value"]: choice["label"] for choice in attribute.choices or () if choice["value"] not in offered}
    used = [str(gone[value]) for value in used_choices(attribute, gone)]
    if not used:
        return None
    named = ", ".join(used[:5]) + (f" and {len(used) - 5} more" if len(used) > 5 else "")
    return f"Records have or had {named}: a choice that was made cannot be taken away, only called otherwise."


def _fault_of_unique(template: Template, attribute: TemplateAttribute, wanted: AttributeSpec) -> str | None:
    if not wanted.unique:
        return None
    if wanted.kind not in UNIQUE_TYPES:
        return "Values of this type cannot be asked to be unique."
    if has_repeated_values(attribute, template):
        return "Some records have the same value there. Change those first."
    return None


_JUDGES: dict[str, Callable[[Template, TemplateAttribute, AttributeSpec], str | None]] = {
    "kind": _fault_of_kind,
    "phi": _fault_of_phi,
    "choices": _fault_of_choices,
    "unique": _fault_of_unique,
}


def _differ(before: Any, after: Any) -> bool:
    return bool(_plain(before) != _plain(after))


def _plain(value: Any) -> Any:
    return [dict(one) if isinstance(one, dict) else one for one in value] if isinstance(value, tuple) else value


def _told(value: Any) -> Any:
    """A field's value for the record: choices by their values alone."""
    if isinstance(value, tuple):
        return [str(one["value"]) if isinstance(one, dict) else one for one in value][:50]
    return value

"""Add an entity, and remove one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from app import record
from app.access import Permission, require, visible_organizations
from app.actor import Actor
from app.catalog import records
from app.catalog.checking import check_new
from app.catalog.editing import require_edit
from app.catalog.findability import can_be_kept
from app.catalog.loading import MADE_ELSEWHERE, get_entity
from app.errors import Duplicate, Forbidden, Invalid
from app.extensions import db
from app.models import Entity, Organization, Template, take_revision, writing

KEY_LENGTH = 108


def create_entity(
    actor: Actor, template_id: UUID, organization_id: UUID, values: Mapping[str, Any], *, key: str | None = None
) -> Entity:
    """Add an entity of a template to an organization.

    :param values: by attribute, as for :func:`~app.catalog.edit_entity`; files are attached afterwards
    :param key: a device's own id, unique among the tenant's devices; nothing else has one
    :raises Forbidden: the actor may see the organization, but not change its records
    :raises Duplicate: the key, or a value that must be unique, is another record's
    :raises Invalid: by field (``template``, ``organization``, ``key``, an attribute's name)
    """
    with writing():
        # Taking the revision locks the tenant: what is found unique after it stays so until the commit.
        revision = take_revision(actor.tenant_id)
        template = _template(actor, template_id)
        require(actor, Permission.EDIT, _organization(actor, organization_id).id)
        _check_key(actor, template, key)
        draft = Entity(
            id=uuid4(), tenant_id=actor.tenant_id, data_type=template.data_type, template=template,
            attributes="{}", phi_attributes="{}",
        )  # fmt: skip
        checked = check_new(actor, draft, values)
        if checked.faults:
            refusal = Duplicate if set(checked.faults) == set(checked.taken) else Invalid
            raise refusal(fields=checked.faults)
        entity = records.add_entity(
            template, organization_id=organization_id, values=checked.values, revision=revision,
            entity_id=draft.id, key=key, changed_by=actor.user_id,
        )  # fmt: skip
        record.note(actor, "entity.create", entity.data_type, entity.id, details={"revision": revision.number})
        db.session.commit()
    return entity


def delete_entity(actor: Actor, entity_id: UUID, data_type: str | None = None) -> None:
    """Remove an entity; its versions stay in the history.

    :raises NotFound: there is none, or the actor may not know
    :raises Forbidden: the actor may see it, but not remove it
    :raises Invalid: other records refer to it, or it has measurements
    """
    require_edit(actor, get_entity(actor, entity_id, data_type))
    with writing():
        revision = take_revision(actor.tenant_id)
        entity = get_entity(actor, entity_id, data_type)
        require_edit(actor, entity)
        kind, known_id = entity.data_type, entity.id
        records.delete_entity(entity, revision, actor.user_id)
        record.note(actor, "entity.delete", kind, known_id, details={"revision": revision.number})
        db.session.commit()


def _template(actor: Actor, template_id: UUID) -> Template:
    template = db.session.get(Template, template_id)
    if template is None or template.tenant_id != actor.tenant_id:
        raise Invalid(fields={"template": "There is no such template."})
    if template.data_type in MADE_ELSEWHERE:
        raise Forbidden("People and organizations are made by administration, not here.")
    return template


def _organization(actor: Actor, organization_id: UUID) -> Organization:
    found = db.session.scalar(visible_organizations(actor).where(Organization.id == organization_id))
    if found is None:
        raise Invalid(fields={"organization": "There is no such organization, or you may not see it."})
    return found


def _check_key(actor: Actor, template: Template, key: str | None) -> None:
    if template.data_type != "device":
        if key is not None:
            raise Invalid(fields={"key": "Only devices have an id of their own."})
        return
    if not key or fault_of_key(key):
        raise Invalid(fields={"key": fault_of_key(key or "") or "A device has an id of its own."})
    same = select(Entity.id).where(Entity.tenant_id == actor.tenant_id, Entity.data_type == "device", Entity.key == key)
    if db.session.scalar(same) is not None:
        raise Duplicate(fields={"key": "Another device has this id."})


def fault_of_key(key: str) -> str | None:
    """What stands against a device's id: it must be one line, and an address must be able to name it."""
    if not 1 <= len(key) <= KEY_LENGTH:
        return f"A device's id has 1 to {KEY_LENGTH} characters."
    if not can_be_kept(key) or not key.isprintable() or key != key.strip():
        return "A device's id is printable, without spaces around it."
    if any(part in ("", ".", "..") for part in key.split("/")):
        return "A device's id cannot be . or .., nor begin or end with a slash, nor hold two in a row."
    return None

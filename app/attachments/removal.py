"""Take a file off its entity."""

from __future__ import annotations

from uuid import UUID

from app.access import Permission, require
from app.actor import Actor
from app.attachments.attaching import detach
from app.attachments.holding import as_value, file_attribute, get_holder, held_files
from app.attachments.reading import get_file
from app.catalog.records import write_values
from app.catalog.values import values_of
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Entity, StoredFile, TemplateAttribute, take_revision, writing


def may_remove(actor: Actor, file_id: UUID) -> StoredFile:
    """Ask what :func:`remove_file` asks, before showing the confirmation.

    :raises NotFound: unknown, or of an entity that the actor may not see
    :raises Gone: it was removed before
    :raises Forbidden: the actor may not remove files there
    """
    return _held(actor, file_id)[0]


def _held(actor: Actor, file_id: UUID) -> tuple[StoredFile, Entity, TemplateAttribute]:
    file = get_file(actor, file_id)
    if file.entity_id is None or file.attribute is None:
        raise NotFound("There is no such file.")
    entity = get_holder(actor, file.entity_id)
    require(actor, Permission.ATTACH, entity.organization_id)
    return file, entity, file_attribute(entity, file.attribute)


def remove_file(actor: Actor, file_id: UUID) -> StoredFile:
    """Take a file off its entity, as a new version of it.

    Its bytes stay until :func:`~app.attachments.upkeep.sweep_files` finds that no export needs them.

    :raises NotFound: unknown, or of an entity that the actor may not see
    :raises Gone: it was removed before
    :raises Forbidden: the actor may not remove files there
    :raises Invalid: it is the last of an attribute that must hold one and may hold several: attach another
        first
    """
    with writing():
        return _remove(actor, file_id)


def _remove(actor: Actor, file_id: UUID) -> StoredFile:
    revision = take_revision(actor.tenant_id)
    file, entity, attribute = _held(actor, file_id)
    left = [held for held in held_files(entity, attribute) if held.get("id") != str(file.id)]
    if attribute.mandatory and attribute.max_files > 1 and not left:
        raise Invalid(f"{attribute.label} must hold a file. Attach another one before you remove this one.")
    values = {**values_of(entity), attribute.name: as_value(attribute, left)}
    write_values(entity, values, revision=revision, changed_by=actor.user_id)
    detach(actor, entity, attribute, file, revision)
    db.session.commit()
    return file

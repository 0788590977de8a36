"""Files that came by themselves are given to an entity's attribute, inside the edit of that entity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn
from uuid import UUID

from sqlalchemy import select

from app import clock
from app.access import Permission, require
from app.actor import Actor
from app.attachments.announced import find_own
from app.attachments.holding import (
    File,
    as_value,
    file_attribute,
    held_files,
    media_types_of,
    named,
    size_limit_of,
    too_large,
)
from app.attachments.kinds import kind_for
from app.errors import Invalid, TooLarge
from app.extensions import db
from app.models import Entity, Revision, StoredFile, TemplateAttribute
from app.record import note

UNKNOWN = "There is no such file, or it is not for you to attach."


def attach_stored(
    actor: Actor, entity: Entity, attribute_name: str, file_ids: Sequence[UUID], revision: Revision
) -> list[File] | File | None:
    """Let an attribute hold exactly these files; answers the value to be written with the entity's others.

    Files that it holds already stay, those that are not named any more count as removed. Call it inside the writing
    transaction of an edit, after :func:`take_revision` and after the entity was loaded for this actor; neither the
    entity's values nor the commit are its business. :func:`settle` each new file before that transaction begins.

    :raises Forbidden: the actor may not attach files there
    :raises TooLarge: a file is larger than the attribute's bound
    :raises Invalid: ``fields`` names the attribute: no such attribute, too many files, or a file that is unknown, has
        not come, is attached already, is another organization's, or of a kind that the template does not take
    """
    require(actor, Permission.ATTACH, entity.organization_id)
    attribute = file_attribute(entity, attribute_name)
    held = {str(file.get("id")): file for file in held_files(entity, attribute)}
    wanted = list(dict.fromkeys(str(one) for one in file_ids))
    if len(wanted) > attribute.max_files:
        _refuse(attribute, f"holds at most {attribute.max_files} file{'s' if attribute.max_files > 1 else ''}")
    if attribute.mandatory and not wanted:
        _refuse(attribute, "must hold a file")
    now_held = [held[one] if one in held else _attach(actor, entity, attribute, UUID(one), revision) for one in wanted]
    for gone in held.keys() - set(wanted):
        file = db.session.get(StoredFile, UUID(gone))
        if file is not None and file.state == "attached":
            detach(actor, entity, attribute, file, revision)
    value: list[File] | File | None = as_value(attribute, now_held)
    return value


def _attach(actor: Actor, entity: Entity, attribute: TemplateAttribute, file_id: UUID, revision: Revision) -> File:
    file = _attachable(actor, entity, attribute, file_id)
    limit = size_limit_of(attribute)
    if (file.byte_count or 0) > limit:
        raise TooLarge(fields={attribute.name: too_large(limit)})
    try:
        kind_for(file.name, media_types_of(attribute))
    except Invalid as refusal:
        raise Invalid(fields={attribute.name: refusal.message}) from None
    file.state = "attached"
    file.entity_id, file.attribute = entity.id, attribute.name
    file.organization_id = entity.organization_id
    # The order of an attribute's files is that in which they were attached.
    file.created_at = revision.at
    details = {"entity": str(entity.id), "attribute": attribute.name, "media_type": file.media_type}
    note(actor, "file.attach", "file", file.id, details=details, byte_count=file.byte_count)
    return named(file)


def _attachable(actor: Actor, entity: Entity, attribute: TemplateAttribute, file_id: UUID) -> StoredFile:
    file = find_own(actor, file_id, locked=True) or _of_colleague(actor, entity, file_id)
    if file is None:
        _refuse(attribute, UNKNOWN)
    if file.state == "expected":
        _refuse(attribute, "The bytes of this file have not come yet: send them to its signed address first.")
    if file.state != "stored":
        _refuse(attribute, "This file was attached before; a file belongs to one record. Upload it once more.")
    return file


def _of_colleague(actor: Actor, entity: Entity, file_id: UUID) -> StoredFile | None:
    """A file that somebody else sent for the organization whose record it is."""
    theirs = select(StoredFile).where(
        StoredFile.id == file_id,
        StoredFile.tenant_id == actor.tenant_id,
        StoredFile.organization_id == entity.organization_id,
    )
    return db.session.scalar(theirs.with_for_update())


def detach(actor: Actor, entity: Entity, attribute: TemplateAttribute, file: StoredFile, revision: Revision) -> None:
    """A file counts as removed from this revision on; the entity's values are the caller's business."""
    file.state, file.removed_at, file.removed_revision = "removed", clock.now(), revision.number
    details = {"entity": str(entity.id), "attribute": attribute.name}
    note(actor, "file.remove", "file", file.id, details=details, byte_count=file.byte_count)


def _refuse(attribute: TemplateAttribute, words: str) -> NoReturn:
    raise Invalid(fields={attribute.name: words})

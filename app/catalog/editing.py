"""Change an entity's attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from app import record
from app.access import Permission, require
from app.actor import Actor
from app.catalog.checking import check_values
from app.catalog.loading import MADE_ELSEWHERE, get_entity
from app.catalog.records import write_values
from app.catalog.values import values_of
from app.errors import Forbidden, Invalid
from app.extensions import db
from app.models import Entity, Revision, take_revision, writing

FilesOf = Callable[[Entity, Revision], Mapping[str, Any]]
"""Attaches files within an edit; answers the values of the attributes that hold them."""


def no_files(_entity: Entity, _revision: Revision) -> Mapping[str, Any]:
    """An edit that leaves files alone."""
    return {}


class EditedMeanwhile(Invalid):
    """Somebody else changed the record after it was shown to the one who now wants to change it."""


def edit_entity(
    actor: Actor, entity_id: UUID, values: Mapping[str, Any], *, seen_revision: int | None, files: FilesOf = no_files
) -> Entity:
    """Change the given attributes; the others, files among them, stay as they are.

    Values may be a form's text or already typed; None and empty take a value away. Nothing changed means no
    new version and no entry in the record.

    :param seen_revision: the revision of the version that the person had before their eyes; None when nobody
        had one, as with a program that only says what it wants changed
    :param files: of the room that keeps files
    :raises NotFound: there is no such entity, or the actor may not know
    :raises Forbidden: the actor may see it, but not change it
    :raises EditedMeanwhile: it is no longer the version that was seen
    :raises Invalid: ``fields`` says for each attribute what is wrong
    """
    require_edit(actor, get_entity(actor, entity_id))
    with writing():
        entity = _change(actor, entity_id, values, seen_revision, files)
        db.session.commit()
    return entity


def require_edit(actor: Actor, entity: Entity) -> None:
    """Refuse unless the actor may change the entity here.

    :raises Forbidden: with words
    """
    if entity.data_type in MADE_ELSEWHERE:
        raise Forbidden("People and organizations are changed by administration, not here.")
    require(actor, Permission.EDIT, entity.organization_id)


def _change(
    actor: Actor, entity_id: UUID, values: Mapping[str, Any], seen_revision: int | None, files: FilesOf
) -> Entity:
    # Taking the revision locks the tenant: what is read after it stays true until the commit.
    revision = take_revision(actor.tenant_id)
    entity = get_entity(actor, entity_id)
    require_edit(actor, entity)
    if seen_revision is not None and entity.revision != seen_revision:
        raise EditedMeanwhile(
            "This record was changed after you opened it. "
            "Your changes stand below, on top of what is kept now: check them, then save again."
        )
    checked = check_values(actor, entity, values)
    if checked.faults:
        raise Invalid(fields=checked.faults)
    present = values_of(entity)
    held = {name: value for name, value in files(entity, revision).items() if value != present.get(name)}
    checked.values.update(held)
    checked.changed.extend(held)
    if not checked.changed:
        db.session.rollback()
        return get_entity(actor, entity_id)
    write_values(entity, checked.values, revision=revision, changed_by=actor.user_id)
    record.note(
        actor,
        "entity.edit",
        entity.data_type,
        entity.id,
        details={"attributes": checked.changed, "revision": revision.number},
    )
    return entity

"""Change an entity's values and its files in one edit: both, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app import catalog
from app.actor import Actor
from app.attachments.attaching import attach_stored
from app.attachments.settling import settle
from app.models import Entity, Revision


def edit_with_files(
    actor: Actor, entity_id: UUID, values: Mapping[str, Any], files: Mapping[str, Sequence[UUID]]
) -> Entity:
    """As :func:`~app.catalog.edit_entity`, and let attributes hold exactly the files that are named for them.

    :param files: for each FILE or IMAGE attribute that changes, the ids of the files that it holds then
    :raises NotFound, Forbidden, Invalid: as :func:`~app.catalog.edit_entity` and :func:`attach_stored`
    """
    catalog.require_edit(actor, catalog.get_entity(actor, entity_id))
    for file_id in {one for ids in files.values() for one in ids}:
        settle(actor, file_id)

    def attach(entity: Entity, revision: Revision) -> dict[str, Any]:
        return {name: attach_stored(actor, entity, name, ids, revision) for name, ids in files.items()}

    return catalog.edit_entity(actor, entity_id, values, seen_revision=None, files=attach)

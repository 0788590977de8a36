"""What is kept of looking: who saw which record that identifies somebody, alone or on a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from app import clock, record
from app.actor import Actor
from app.extensions import db
from app.models import Entity, begin_writing
from app.record.reading import fingerprint

SEEN_FOR = timedelta(minutes=10)
"""What a page asks for by itself, thumbnails and a chart's next zoom, is not kept once more so soon after the page."""


def note_view(actor: Actor, entity: Entity, part: str = "record") -> None:
    """Keep that the actor saw an entity; nothing for one without a value that identifies somebody.

    The session is fresh afterwards: read from the entity before.

    :param part: what of it: ``record``, ``history``, ``form``, ``measurements``, ``chart``
    """
    if not _identifies(entity):
        return
    data_type, entity_id = entity.data_type, entity.id
    if part == "chart" and record.has_seen(actor, entity_id, clock.now() - SEEN_FOR):
        return
    begin_writing()
    record.note(actor, "entity.view", data_type, entity_id, details={"part": part})
    db.session.commit()


def note_list(actor: Actor, data_type: str, entities: Sequence[Entity], asked: Any, total: int | None = None) -> None:
    """Keep that the actor was shown these entities together, values and all; nothing when none identifies anybody.

    The session is fresh afterwards: read from the entities before.

    :param asked: what was asked for; only a keyed digest of it is kept, for people search by patients' names
    :param total: how many were found in all
    """
    shown: list[UUID] = [entity.id for entity in entities if _identifies(entity)]
    if not shown:
        return
    begin_writing()
    details: dict[str, Any] = {"data_type": data_type, "filter": fingerprint(asked), "ids": [str(one) for one in shown]}
    if total is not None:
        details["found"] = total
    record.note(actor, "entity.list", details=details, row_count=len(entities))
    db.session.commit()


def _identifies(entity: Entity) -> bool:
    return entity.phi_attributes != "{}"

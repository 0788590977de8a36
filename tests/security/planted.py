"""A door as nobody should build it, for the walks to find."""

from __future__ import annotations

from uuid import UUID

from app.extensions import db
from app.models import Entity

ANSWER = ("It is not yours.", 403)
HEADERS: dict[str, str] = {}


def give_away(entity_id: UUID) -> tuple[str, int, dict[str, str]]:
    """Everybody is told of everything, and what there is looks otherwise than what there is not."""
    words, status = ANSWER if db.session.get(Entity, entity_id) else ("Nothing is there.", 404)
    return words, status, HEADERS

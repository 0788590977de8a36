"""Cursors: where a page of a list begins or ends, as a short opaque text for an address."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import orjson

from app.models.types import from_milliseconds

Direction = Literal["after", "before"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an order: the row that stands there.

    Only an id and, for orders by time, milliseconds: a caption may be a patient's name, and addresses are
    logged.
    """

    sort: str
    direction: Direction
    entity_id: UUID
    milliseconds: int | None = None

    def text(self) -> str:
        kept = [self.sort, self.direction, self.entity_id.hex, self.milliseconds]
        return base64.urlsafe_b64encode(orjson.dumps(kept)).decode().rstrip("=")


def read_cursor(text: str | None, sort: str) -> Cursor | None:
    """The cursor that a text holds; None, so the first page, when it is broken or of another order."""
    if not text or len(text) > 200:
        return None
    try:
        known = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        its_sort, direction, entity_id, milliseconds = known
        if its_sort != sort or direction not in {"after", "before"}:
            return None
        if milliseconds is not None:
            if type(milliseconds) is not int:
                return None
            # Refuses what is before the first year or after the last.
            from_milliseconds(milliseconds)
        return Cursor(sort, direction, UUID(hex=entity_id), milliseconds)
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error):
        return None

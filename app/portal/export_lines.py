"""Lines of an export's summary: words, links to records, an instant in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app import catalog
from app.actor import Actor
from app.errors import NotFound
from app.portal.presenting import entity_url

LISTED = 20
"""So many of the chosen records are named one by one."""

Link = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary: words, or links, or an instant in a sentence."""

    label: str
    words: str = ""
    links: tuple[Link, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


def record_links(actor: Actor, entity_ids: tuple[UUID, ...]) -> tuple[Link, ...]:
    """The first of the records with their addresses, and how many more there are."""
    links = [record_link(actor, one) for one in entity_ids[:LISTED]]
    if len(entity_ids) > LISTED:
        links.append((f"and {len(entity_ids) - LISTED:,} more", None))
    return tuple(links)


def record_link(actor: Actor, entity_id: UUID) -> Link:
    """A record's caption and address, or words alone when the actor may not see it (any more)."""
    try:
        entity = catalog.get_entity(actor, entity_id)
    except NotFound:
        return "a record that is not there for you to see", None
    return entity.caption, entity_url(entity.data_type, entity.id)

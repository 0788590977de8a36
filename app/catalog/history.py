"""What changed on an entity: who did it, when, and what was there before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.access import Permission, allows, visible_organizations
from app.actor import Actor
from app.catalog.links import Linked, linked
from app.catalog.loading import get_entity
from app.catalog.values import Values, files_of, target_of, values_of
from app.extensions import db
from app.models import Entity, EntityHistory, TemplateAttribute, User
from app.models.template import FILE_TYPES

Row = Entity | EntityHistory


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute's change from one version to the next.

    ``before`` and ``after`` are stored values, None when there was none. ``hidden``: it is a patient value
    that the actor may not see, so both are None. For files, ``added`` and ``removed`` are their names.
    """

    attribute: TemplateAttribute
    before: Any = None
    after: Any = None
    hidden: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an entity and how it differs from the one before.

    ``by`` is a person's name, None for a load from the shell. ``linked`` holds what references in the changes
    point at, as far as the actor may see it. ``moved_to`` names the organization when the version changed it.
    """

    revision: int
    at: datetime
    by: str | None
    is_first: bool
    changes: tuple[Change, ...]
    linked: Mapping[UUID, Linked]
    moved_to: str | None = None


def history_of(actor: Actor, entity_id: UUID, *, before: int | None = None, limit: int = 50) -> list[Version]:
    """The versions of an entity, newest first; the last one of all says ``is_first``.

    :param before: only versions older than this revision, to page on
    :raises NotFound: there is no such entity, or the actor may not know
    """
    entity = get_entity(actor, entity_id)
    rows = _rows(entity, before, limit + 1)
    names = _names(row.changed_by for row in rows)
    places = {known.id: known.name for known in db.session.scalars(visible_organizations(actor))}
    changes = [tuple(_changes(actor, entity, old, new)) for new, old in pairwise(rows)]
    targets = linked(actor, (target for each in changes for target in _targets(each)))
    versions = [
        Version(
            revision=new.revision,
            at=_since(old),
            by=_by(new, names),
            is_first=False,
            changes=each,
            linked=targets,
            moved_to=_moved_to(old, new, places),
        )
        for (new, old), each in zip(pairwise(rows), changes, strict=True)
    ]
    if rows and len(rows) <= limit:
        first = rows[-1]
        versions.append(Version(first.revision, first.created_at, _by(first, names), True, (), targets))
    return versions


def values_at(actor: Actor, entity: Entity, revision: int) -> Values | None:
    """The values of the entity's version of just that revision; None when there is none to be seen."""
    if entity.revision == revision:
        return values_of(entity)
    past = db.session.scalar(
        select(EntityHistory).where(EntityHistory.id == entity.id, EntityHistory.revision == revision)
    )
    if past is None or not allows(actor, Permission.VIEW, past.organization_id):
        return None
    return values_of(past)


def _rows(entity: Entity, before: int | None, count: int) -> list[Row]:
    """The versions from the newest on; each is followed by the one that it superseded."""
    past = select(EntityHistory).where(EntityHistory.id == entity.id)
    rows: list[Row] = []
    if before is None:
        rows.append(entity)
    else:
        past = past.where(EntityHistory.revision < before)
    past = past.order_by(EntityHistory.revision.desc()).limit(count - len(rows))
    rows += db.session.scalars(past)
    return rows


def _since(old: Row) -> datetime:
    """When the version after this one came to be; a load may have given its ``updated_at`` another date."""
    if isinstance(old, EntityHistory):
        return old.superseded_at
    raise TypeError("a current version has no successor")


def _by(row: Row, names: Mapping[UUID, str]) -> str | None:
    return None if row.changed_by is None else names.get(row.changed_by, "Somebody who has left")


def _names(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    wanted = {known for known in ids if known is not None}
    people = select(User.id, User.name).where(User.id.in_(wanted))
    return {row.id: row.name for row in db.session.execute(people)} if wanted else {}


def _moved_to(old: Row, new: Row, places: Mapping[UUID, str]) -> str | None:
    if old.organization_id == new.organization_id:
        return None
    return places.get(new.organization_id, "another organization")


def _changes(actor: Actor, entity: Entity, old: Row, new: Row) -> Iterator[Change]:
    was, became = values_of(old), values_of(new)
    sees_all = all(allows(actor, Permission.VIEW, row.organization_id) for row in (old, new))
    for attribute in entity.template.attributes:
        before, after = was.get(attribute.name), became.get(attribute.name)
        if before == after:
            continue
        if attribute.is_identifying and not sees_all:
            yield Change(attribute, hidden=True)
        elif attribute.kind in FILE_TYPES:
            yield Change(attribute, added=_names_of(after, before), removed=_names_of(before, after))
        else:
            yield Change(attribute, before, after)


def _names_of(files: Any, without: Any) -> tuple[str, ...]:
    known = {file.get("id") for file in files_of(without)}
    return tuple(str(file.get("name", "a file")) for file in files_of(files) if file.get("id") not in known)


def _targets(changes: Iterable[Change]) -> Iterator[UUID]:
    for change in changes:
        if change.attribute.kind == "REFERENCE":
            for value in (change.before, change.after):
                target = target_of(value)
                if target is not None:
                    yield target

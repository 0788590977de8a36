"""What a version draws on: which rows of which repository, at which revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import func, select, text

from app.extensions import db
from app.models import CollectionReference, Release, Repository
from app.rows.terms import CONCEPTS, MAPPINGS, Drawn, bounds_of, facts_statement


@dataclass(frozen=True, slots=True)
class Draw:
    """Of one repository at one revision: all concepts and mappings (``None``), or those of the ids, which rise."""

    repository_id: int
    revision: int
    concepts: tuple[int, ...] | None
    mappings: tuple[int, ...] | None

    def ids(self, table: str) -> tuple[int, ...] | None:
        return self.concepts if table == CONCEPTS else self.mappings

    def plain(self) -> list[Any]:
        """JSON values, which :meth:`from_plain` reads back."""
        return [self.repository_id, self.revision, self.concepts, self.mappings]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Draw:
        repository_id, revision, *ids = plain
        return cls(repository_id, revision, *(None if some is None else tuple(some) for some in ids))


def references_at(collection_id: int, revision: int | None = None) -> list[CollectionReference]:
    """A collection's references now, or at one of its revisions, in the order in which they came."""
    of = CollectionReference
    statement = select(of).where(of.collection_id == collection_id).order_by(of.id)
    if revision is None:
        statement = statement.where(of.superseded_by.is_(None))
    else:
        later = of.superseded_by.is_(None) | (of.superseded_by > revision)
        statement = statement.where(of.revision <= revision, later)
    return list(db.session.scalars(statement))


def draws_of_heads(collections: Sequence[Repository]) -> dict[int, tuple[tuple[Draw, ...], datetime]]:
    """What collections draw on now, and when that changed last; by the collection's id."""
    of = CollectionReference
    ids = [one.id for one in collections]
    now = select(of).where(of.collection_id.in_(ids), of.superseded_by.is_(None)).order_by(of.id)
    references = list(db.session.scalars(now)) if ids else []
    sources = _sources({one.source_id for one in references})
    pinned = _pinned({one.release_id for one in references if one.release_id is not None})
    by_collection = _grouped(references, attrgetter("collection_id"))
    found = {}
    for collection in collections:
        changed = [collection.content_changed_at or collection.created_at]
        draws = []
        for source_id, own in _grouped(by_collection.get(collection.id, ()), attrgetter("source_id")).items():
            release = pinned.get(own[0].release_id) if own[0].release_id is not None else None
            source = sources[source_id]
            changed.append(
                release.content_changed_at if release else source.content_changed_at or collection.created_at
            )
            draws.append(draw_of(source_id, release.revision if release else source.revision, own))
        found[collection.id] = tuple(draws), max(changed)
    return found


def draw_of(source_id: int, revision: int, references: Iterable[CollectionReference]) -> Draw:
    """What some references to one source come to."""
    own = list(references)
    if any(one.concept_id is None and one.mapping_id is None for one in own):
        return Draw(source_id, revision, None, None)
    concepts = sorted({one.concept_id for one in own if one.concept_id is not None})
    mappings = sorted({one.mapping_id for one in own if one.mapping_id is not None})
    return Draw(source_id, revision, tuple(concepts), tuple(mappings))


def counted(draws: Iterable[Draw]) -> tuple[int, int, int, int]:
    """Concepts, active ones, mappings and active ones that the draws come to."""
    totals = []
    for table in (CONCEPTS, MAPPINGS):
        whole = active = 0
        for draw in draws:
            found = _count(Drawn(table, draw.repository_id, draw.revision, draw.ids(table)))
            whole, active = whole + found[0], active + found[1]
        totals += [whole, active]
    return totals[0], totals[1], totals[2], totals[3]


def _count(drawn: Drawn) -> tuple[int, int]:
    if drawn.ids is not None and not drawn.ids:
        return 0, 0
    after, until = bounds_of(drawn.repository_id)
    rows = facts_statement(drawn, "CASE WHEN retired THEN 0 ELSE 1 END AS active", after, until)
    found = db.session.execute(text(f"SELECT count(*), coalesce(sum(active), 0) FROM ({rows}) AS at")).one()  # noqa: S608
    return int(found[0]), int(found[1])


def lock_sources(collection: Repository) -> None:
    """Within a writing transaction: whoever changes a source drawn on has committed, or waits until we have.

    So what is frozen holds every change up to now, and whatever comes later is of a later instant.
    """
    ids = select(CollectionReference.source_id).where(
        CollectionReference.collection_id == collection.id, CollectionReference.superseded_by.is_(None)
    )
    db.session.execute(
        select(Repository.id).where(Repository.id.in_(ids)).order_by(Repository.id).with_for_update()
    ).all()
    db.session.expire_all()


def is_drawn_on(release: Release) -> bool:
    """Whether a collection draws on that release now."""
    drawing = select(func.count()).where(
        CollectionReference.release_id == release.id, CollectionReference.superseded_by.is_(None)
    )
    return bool(db.session.scalar(drawing))


def _grouped(
    references: Iterable[CollectionReference], key: Callable[[CollectionReference], int]
) -> dict[int, list[CollectionReference]]:
    found: defaultdict[int, list[CollectionReference]] = defaultdict(list)
    for one in references:
        found[key(one)].append(one)
    return dict(sorted(found.items()))


def _sources(ids: set[int]) -> dict[int, Repository]:
    found = db.session.scalars(select(Repository).where(Repository.id.in_(ids))).unique() if ids else ()
    return {one.id: one for one in found}


def _pinned(ids: set[Any]) -> dict[Any, Release]:
    found = db.session.scalars(select(Release).where(Release.id.in_(ids))).unique() if ids else ()
    return {one.id: one for one in found}

"""What left a version since an instant: removed concepts and mappings, and what a collection no longer draws on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text

from app.extensions import db
from app.models import CollectionReference, ConceptHistory, MappingHistory, Repository
from app.models.terminology import NUMBERS_OF_A_REPOSITORY
from app.rows.terms import CONCEPTS, Drawn, bounds_of, facts_statement
from app.terminology.addresses import Address
from app.terminology.documents import Json, instant_text
from app.terminology.drawing import Draw
from app.terminology.versions import Version

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Departed:
    """A concept or mapping that is no longer there."""

    code: str
    url: str
    at: datetime

    def plain(self) -> Json:
        return {"id": self.code, "url": self.url, "deleted_on": instant_text(self.at)}


def departed(version: Version, table: str, since: datetime) -> tuple[Departed, ...]:
    """What left at that instant or later, and is not there (again) in the version; in the order of leaving."""
    found: dict[int, tuple[str, datetime]] = {}
    for draw in version.draws:
        found |= _deleted(draw, table, since)
    if version.repository.kind == "collection":
        found |= _undrawn(version, table, since)
    held = _held(version, table, found)
    urls = _paths({one // NUMBERS_OF_A_REPOSITORY for one in found})
    gone = [
        Departed(code, _url(urls[one // NUMBERS_OF_A_REPOSITORY], table, code), at)
        for one, (code, at) in found.items()
        if one not in held and one // NUMBERS_OF_A_REPOSITORY in urls
    ]
    return tuple(sorted(gone, key=lambda one: (one.at, one.url)))


def _deleted(draw: Draw, table: str, since: datetime) -> dict[int, tuple[str, datetime]]:
    history = ConceptHistory if table == CONCEPTS else MappingHistory
    rows = db.session.execute(
        select(history.id, history.code, history.superseded_at)
        .where(
            history.repository_id == draw.repository_id,
            history.deleted.is_(True),
            history.superseded_by <= draw.revision,
            history.superseded_at >= since,
        )
        .order_by(history.superseded_by)
    )
    ids = draw.ids(table)
    members = None if ids is None else set(ids)
    return {one: (code, at) for one, code, at in rows if members is None or one in members}


def _undrawn(version: Version, table: str, since: datetime) -> dict[int, tuple[str, datetime]]:
    """Of references that were removed since then: everything that they can have named. Too much does no harm: what the
    version holds is taken out again, and a subscriber never had the rest."""
    of = CollectionReference
    removed = db.session.scalars(
        select(of)
        .where(
            of.collection_id == version.repository.id,
            of.superseded_by <= version.revision,
            of.removed_at >= since,
        )
        .order_by(of.superseded_by)
    )
    wholes: dict[int, datetime] = {}
    terms: dict[int, datetime] = {}
    for one in removed:
        own = one.concept_id if table == CONCEPTS else one.mapping_id
        if own is not None:
            terms[own] = one.removed_at or since
        elif one.concept_id is None and one.mapping_id is None:
            wholes[one.source_id] = one.removed_at or since
    found: dict[int, tuple[str, datetime]] = {}
    for source_id, at in wholes.items():
        found |= {term: (code, at) for term, code in _known(table, f"repository_id = {source_id:d}")}
    ids = list(terms)
    for begin in range(0, len(ids), _AT_ONCE):
        some = ", ".join(f"{one:d}" for one in ids[begin : begin + _AT_ONCE])
        found |= {term: (code, terms[term]) for term, code in _known(table, f"id IN ({some})")}
    return found


def _known(table: str, where: str) -> list[tuple[int, str]]:
    """Ids and codes of rows, of now and of ever.

    :param where: of whole numbers and our own names
    """
    union = " UNION ".join(f"SELECT id, code FROM {name} WHERE {where}" for name in (table, f"{table}_history"))  # noqa: S608
    return [(row[0], row[1]) for row in db.session.execute(text(union))]


def _held(version: Version, table: str, ids: Iterable[int]) -> set[int]:
    """Which of the ids the version holds."""
    wanted = sorted(ids)
    held: set[int] = set()
    for drawn in version.drawn(table):
        after, until = bounds_of(drawn.repository_id)
        own = [one for one in wanted if after < one <= until]
        if drawn.ids is not None:
            own = sorted(set(own) & set(drawn.ids))
        for begin in range(0, len(own), _AT_ONCE):
            some = Drawn(table, drawn.repository_id, drawn.revision, tuple(own[begin : begin + _AT_ONCE]))
            held |= set(db.session.scalars(text(facts_statement(some, "id", after, until))))
    return held


def _paths(repository_ids: set[int]) -> dict[int, Address]:
    found = db.session.scalars(select(Repository).where(Repository.id.in_(repository_ids))).unique()
    return {one.id: Address.of(one) for one in found} if repository_ids else {}


def _url(address: Address, table: str, code: str) -> str:
    return address.of_concept(code) if table == CONCEPTS else address.of_mapping(code)

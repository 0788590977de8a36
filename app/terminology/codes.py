"""What codes mean that are kept elsewhere, such as the diagnoses of records: many at once, by one question."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import and_

from app.access.visibility import visible_repositories
from app.actor import Actor
from app.extensions import db
from app.models import Concept, Repository
from app.terminology.addresses import Address, is_code


@dataclass(frozen=True, slots=True)
class Coded:
    """A concept as it is now."""

    code: str
    display_name: str
    retired: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where codes are of."""

    name: str
    address: Address


@dataclass(frozen=True, slots=True)
class Codes:
    """The sources that were asked for, by id, as far as the actor may view them, and what they hold of the codes."""

    sources: Mapping[int, Source]
    concepts: Mapping[tuple[int, str], Coded]


def read_codes(actor: Actor, repository_ids: Collection[int], codes: Collection[str]) -> Codes:
    """What sources hold of some codes now. Without ids the database is not asked."""
    if not repository_ids:
        return Codes({}, {})
    held = and_(Concept.repository_id == Repository.id, Concept.code.in_(set(filter(is_code, codes))))
    wanted = (
        visible_repositories(actor)
        .where(Repository.id.in_(set(repository_ids)))
        .outerjoin(Concept, held)
        .add_columns(Concept.code, Concept.display_name, Concept.retired)
    )
    sources, concepts = {}, {}
    for repository, code, name, retired in db.session.execute(wanted):
        sources[repository.id] = Source(repository.name, Address.of(repository))
        if code is not None:
            concepts[repository.id, code] = Coded(code, name, retired)
    return Codes(sources, concepts)

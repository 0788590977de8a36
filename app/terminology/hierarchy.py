"""The hierarchy of a source: parents and children, as each concept's document names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from sqlalchemy import select

from app.actor import Actor
from app.errors import Invalid
from app.extensions import db
from app.models import Concept, Repository
from app.rows.terms import CONCEPTS
from app.terminology.addresses import HEAD, Address, is_code, last_code
from app.terminology.terms import captions_at, term_of
from app.terminology.versions import get_version

DEEPEST = 64
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Relative:
    """A concept as its relatives see it."""

    code: str
    display_name: str
    retired: bool


@dataclass(frozen=True, slots=True)
class Relatives:
    """``ancestors`` from the top down by the first parent of each; ``parents`` and ``children`` of the concept."""

    ancestors: tuple[Relative, ...]
    parents: tuple[Relative, ...]
    children: tuple[Relative, ...]


def relatives_of(actor: Actor | None, address: Address, code: str, version: str = HEAD) -> Relatives:
    """What stands above and below a concept in a version.

    :raises NotFound: there is no such concept
    """
    held = get_version(actor, address, version)
    document = term_of(held, CONCEPTS, code).json
    parents = list(map(last_code, document["parent_concept_urls"]))
    children = list(map(last_code, document["child_concept_urls"]))
    line: list[str] = []
    above = parents
    while above and above[0] not in line and len(line) < DEEPEST:
        line.insert(0, above[0])
        above = list(map(last_code, term_of(held, CONCEPTS, above[0]).json["parent_concept_urls"]))
    known = captions_at(held, list(dict.fromkeys([*line, *parents, *children])))

    def told(codes: Iterable[str]) -> tuple[Relative, ...]:
        return tuple(Relative(one, *known[one]) for one in codes if one in known)

    return Relatives(told(line), told(parents), told(children))


def top_of(repository: Repository, *, limit: int = 100, after: str | None = None) -> list[Relative]:
    """The concepts of a source at hand that have no parent now, by code.

    :param after: the code of the last one already shown
    """
    wanted = (
        select(Concept.code, Concept.display_name, Concept.retired)
        .where(Concept.repository_id == repository.id, Concept.at_top.is_(True))
        .order_by(Concept.code)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(Concept.code > after)
    return [Relative(*row) for row in db.session.execute(wanted)]


def codes_below(source: Repository, code: str) -> list[str]:
    """Every code below a concept now, level by level."""
    found: dict[str, None] = {}
    level = [code]
    while level:
        below = [child for children in _children(source.id, level).values() for child in children]
        level = [one for one in dict.fromkeys(below) if one not in found and one != code]
        found |= dict.fromkeys(level)
    return list(found)


def check_parents(repository_id: int, code: str, parents: Iterable[str]) -> None:
    """
    :raises Invalid: a parent is not there, or stands below the concept: a hierarchy has no circles
    """
    wanted = list(parents)
    if code in wanted:
        raise Invalid(fields={"parents": "A concept cannot stand below itself."})
    known = _parents(repository_id, list(filter(is_code, wanted)))
    if missing := [one for one in wanted if one not in known]:
        raise Invalid(fields={"parents": f"There is no concept {missing[0]} in this repository."})
    seen: set[str] = set()
    level = wanted
    while level:
        seen |= set(level)
        above = {one for parents_of_it in _parents(repository_id, level).values() for one in parents_of_it}
        if code in above:
            words = f"{code} stands above {wanted[0]}, or another of them, already: that would be a circle."
            raise Invalid(fields={"parents": words})
        level = sorted(above - seen)


def _parents(repository_id: int, codes: list[str]) -> dict[str, list[str]]:
    return _relatives(repository_id, codes, "parent_concept_urls")


def _children(repository_id: int, codes: list[str]) -> dict[str, list[str]]:
    return _relatives(repository_id, codes, "child_concept_urls")


def _relatives(repository_id: int, codes: list[str], key: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for begin in range(0, len(codes), _AT_ONCE):
        rows = db.session.execute(
            select(Concept.code, Concept.document).where(
                Concept.repository_id == repository_id, Concept.code.in_(codes[begin : begin + _AT_ONCE])
            )
        )
        for code, document in rows:
            found[code] = list(map(last_code, orjson.loads(document)[key]))
    return found

"""Search by words: each that is asked must begin a word of the concept, or its code. See docs/decisions/0006."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, exists, func, select

from app.access.visibility import visible_repositories
from app.actor import Actor
from app.extensions import db
from app.models import Concept, ConceptWord, Repository
from app.terminology.addresses import Address
from app.terminology.repositories import get_repository
from app.terminology.words import folded, words_asked

FEW = 2_000
_BEYOND = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Found:
    """A concept that a search found, as it is now."""

    address: Address
    code: str
    display_name: str
    concept_class: str
    retired: bool


def search_concepts(
    actor: Actor | None, text: str, address: Address | None = None, *, limit: int = 25, in_use: bool = False
) -> list[Found]:
    """Concepts of one source, or of every one that the actor may view: the code itself first, active ones before
    retired ones.

    :param in_use: without those that are retired
    :raises NotFound: there is no such repository
    :raises Forbidden: it is private
    """
    if address is not None:
        sources = [get_repository(actor, address)]
    else:
        wanted = visible_repositories(actor).where(Repository.kind == "source").order_by(Repository.id)
        sources = list(db.session.scalars(wanted).unique())
    asked = words_asked(text)
    known = {one.id: Address.of(one) for one in sources}
    if not asked or not known:
        return []
    ids = list(known)
    words = [word for whole, runs in asked for word in _chosen(ids, whole, runs)]
    page = db.session.execute(_page(ids, words, folded(text).strip(), limit, in_use))
    return [Found(known[source], code, name, kind, retired) for source, code, name, kind, retired in page]


def _page(
    ids: Sequence[int], words: list[str], code: str, limit: int, in_use: bool
) -> Select[int, str, str, str, bool]:
    columns = Concept.repository_id, Concept.code, Concept.display_name, Concept.concept_class, Concept.retired
    counts = {word: _few(ids, word) for word in words}
    rarest = min(words, key=counts.__getitem__)
    others = [_has(word) for word in words if word != rarest]
    if in_use:
        others.append(Concept.retired.is_(False))
    if counts[rarest] <= FEW:
        found = set(db.session.scalars(_holding(ids, rarest)))
        exact = case((func.lower(Concept.code) == code, 0), else_=1)
        return (
            select(*columns)
            .where(Concept.id.in_(found), *others)
            .order_by(exact, Concept.retired, Concept.code, Concept.id)
            .limit(limit)
        )
    # What many have is asked of each concept in the order of codes, where a page is full soon.
    return (
        select(*columns)
        .where(Concept.repository_id.in_(ids), _has(rarest), *others)
        .order_by(Concept.repository_id, Concept.code)
        .limit(limit)
    )


def _chosen(ids: Sequence[int], whole: str, runs: list[str]) -> list[str]:
    """``a15.1`` as a whole where that begins a code; its runs otherwise."""
    if runs != [whole] and _few(ids, whole):
        return [whole]
    return runs


def _holding(ids: Sequence[int], word: str) -> Select[int]:
    return select(ConceptWord.concept_id).where(ConceptWord.repository_id.in_(ids), *_begins(word))


def _few(ids: Sequence[int], word: str) -> int:
    return db.session.scalar(select(func.count()).select_from(_holding(ids, word).limit(FEW + 1).subquery())) or 0


def _begins(word: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return ConceptWord.word >= word, ConceptWord.word < word + _BEYOND


def _has(word: str) -> ColumnElement[bool]:
    return exists().where(ConceptWord.concept_id == Concept.id, *_begins(word))

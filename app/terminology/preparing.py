"""Preparing a load: every concept and mapping that differs from what the source holds, as rows in a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import orjson
from sqlalchemy import select

from app.errors import Invalid
from app.extensions import db
from app.models import Repository
from app.terminology.concepts import ConceptWish, check_wish
from app.terminology.documents import NOW, ConceptSays, Facts, Home, MappingSays, words
from app.terminology.keeping import (
    AT_ONCE,
    TABLES,
    Row,
    concept_row,
    mapping_row,
    removed_versions,
    term_id,
    words_said,
)
from app.terminology.mappings import check_loaded
from app.terminology.repositories import RepositoryFacts
from app.terminology.saying import concept_of, mapping_of, next_version
from app.terminology.spool import Spool
from app.terminology.versions import number_of


@dataclass(frozen=True, slots=True)
class Given:
    """What a terminology tells of a concept or mapping besides what it says. A ``number`` is taken where it is free."""

    number: int | None = None
    version: int = 1
    created_by: str | None = None
    updated_by: str | None = None
    update_comment: str | None = None
    retire_reason: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedConcept:
    """A concept to be loaded. ``children`` only tells their order: who they are, their own parents tell."""

    wish: ConceptWish
    retired: bool = False
    children: tuple[str, ...] = ()
    given: Given = Given()


@dataclass(slots=True)
class Loaded:
    """What a load came to, of concepts and mappings together."""

    added: int = 0
    changed: int = 0
    retired: int = 0
    deleted: int = 0
    unchanged: int = 0
    versions: list[str] = field(default_factory=list)

    @property
    def is_nothing(self) -> bool:
        return not (self.added or self.changed or self.retired or self.deleted)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows to be added and changed, and ids to be deleted, by table; made for a source at ``revision``."""

    revision: int
    last_number: int
    added: dict[str, Spool]
    changed: dict[str, Spool]
    deleted: dict[str, list[int]]
    retired: int
    unchanged: int
    facts: RepositoryFacts = field(default_factory=lambda: RepositoryFacts(""))

    def loaded(self) -> Loaded:
        changed = sum(spool.count for spool in self.changed.values())
        return Loaded(
            added=sum(spool.count for spool in self.added.values()),
            changed=changed - self.retired,
            retired=self.retired,
            deleted=sum(map(len, self.deleted.values())),
            unchanged=self.unchanged,
        )

    def close(self) -> None:
        for spool in (*self.added.values(), *self.changed.values()):
            spool.close()

    def __enter__(self) -> Prepared:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_ID_BYTES = 8
"""What the source holds under a code is kept as the bytes of its id and of its checksum: there may be many."""


class Preparing:
    """One load, as it is put together.

    :param repository: the source as it is; None when it is still to be made
    """

    def __init__(self, repository: Repository | None, home: Home, handle: str) -> None:
        self._id = 0 if repository is None else repository.id
        self._revision = 0 if repository is None else repository.revision
        self._last = 0 if repository is None else repository.last_number
        self._takes_numbers = self._last == 0
        self._home, self._handle = home, handle
        self._added = {table: Spool() for table in TABLES}
        self._changed = {table: Spool() for table in TABLES}
        self._deleted: dict[str, list[int]] = {table: [] for table in TABLES}
        self._known = {table: _known(table, self._id) for table in TABLES}
        self._removed = {table: removed_versions(table, self._id) for table in TABLES}
        self._waiting: list[tuple[Any, Given, int]] = []
        self._children: dict[str, list[str]] = {}
        self._retired = self._unchanged = 0

    def done(self) -> Prepared:
        return Prepared(
            self._revision, self._last, self._added, self._changed, self._deleted, self._retired, self._unchanged
        )

    def take_concepts(
        self, hierarchy: Iterable[tuple[str, tuple[str, ...]]], concepts: Iterable[LoadedConcept], missing: str
    ) -> None:
        """
        :param missing: what will become of the others (see :meth:`end_missing`): those that stay keep their parents
        :raises Invalid: one cannot be kept, or the hierarchy is none
        """
        parents = dict(hierarchy)
        children = _children(parents)
        if missing != "delete":
            self._keep_others_below(parents, children)
        self._children = children
        numbers: set[int] = set()
        for one in concepts:
            code = one.wish.code
            above = parents.pop(code, None)
            if above is None:
                raise Invalid(f"{code} is there twice.")
            _check(one)
            known = self._known["concept"].pop(code, None)
            number = number_of(_id(known)) if known else self._number(one.given, numbers)
            below = _ordered(children.pop(code, []), one.children)
            self._take("concept", _says(one, number, above, below), one.given, number, known)
        self._flush("concept")

    def take_mappings(self, mappings: Iterable[tuple[MappingSays, Given | None]]) -> None:
        numbers: set[int] = set()
        codes: set[str] = set()
        for says, told in mappings:
            given = told or Given()
            check_loaded(says)
            if says.code in codes:
                raise Invalid(f"The mapping {says.code} is there twice.")
            codes.add(says.code)
            known = self._known["mapping"].pop(says.code, None)
            number = number_of(_id(known)) if known else self._number(given, numbers)
            self._take("mapping", says, given, number, known)
        self._flush("mapping")

    def end_missing(self, missing: str) -> None:
        """What was not taken is retired, deleted or kept."""
        for table, known in self._known.items():
            gone = list(map(_id, known.values()))
            if missing == "delete":
                self._deleted[table] = gone
            elif missing == "retire" or table == "concept":
                self._let_stay(table, gone, retire=missing == "retire")

    def _let_stay(self, table: str, ids: list[int], *, retire: bool) -> None:
        for says, facts in _documents(table, ids):
            now = says
            if table == "concept":
                now = replace(says, children=_ordered(self._children.get(says.code, []), says.children))
            if retire and not says.retired:
                self._spool_change(table, replace(now, retired=True), facts, Given(retire_reason="It left."))
                self._retired += 1
            elif now != says:
                self._spool_change(table, now, facts, Given(retire_reason=facts.retire_reason))

    def _keep_others_below(self, parents: dict[str, tuple[str, ...]], children: defaultdict[str, list[str]]) -> None:
        """What the source has and the terminology has not stays where it stood, as children of those it stands below:
        the two must always name each other."""
        others = sorted(_id(one) for code, one in self._known["concept"].items() if code not in parents)
        for says, _ in _documents("concept", others):
            for parent in says.parents:
                children[parent].append(says.code)

    def _number(self, given: Given, numbers: set[int]) -> int:
        wanted = given.number
        if self._takes_numbers and wanted is not None and wanted not in numbers and 0 < wanted < 10**8:
            self._last = max(self._last, wanted)
            numbers.add(wanted)
            return wanted
        self._last += 1
        while self._last in numbers:
            self._last += 1
        numbers.add(self._last)
        return self._last

    def _take(self, table: str, says: Any, given: Given, number: int, known: bytes | None) -> None:
        if known is None:
            self._add(table, says, given, number)
            return
        if bytes.fromhex(says.standard()) == known[_ID_BYTES:]:
            self._unchanged += 1
            return
        self._waiting.append((says, given, number))
        if len(self._waiting) == AT_ONCE:
            self._flush(table)

    def _add(self, table: str, says: Any, given: Given, number: int) -> None:
        # Of a source with a past, a code may be one that was deleted: it is that one again.
        earlier = self._removed[table].get(says.code)
        if earlier is not None:
            number = number_of(earlier[0])
        version = given.version if earlier is None else earlier[1] + 1
        by = given.created_by or self._handle
        facts = Facts(number, version, NOW, by, NOW, given.updated_by or by, given.update_comment, given.retire_reason)
        self._added[table].add(self._row(table, says, facts))

    def _flush(self, table: str) -> None:
        waiting, self._waiting = self._waiting, []
        wanted = {says.code: (says, given) for says, given, _ in waiting}
        ids = [term_id(self._id, number) for _, _, number in waiting]
        for earlier, facts in _documents(table, ids):
            says, given = wanted[earlier.code]
            self._spool_change(table, says, facts, given)

    def _spool_change(self, table: str, says: Any, facts: Facts, given: Given) -> None:
        facts = next_version(
            facts,
            on=NOW,
            by=given.updated_by or self._handle,
            comment=given.update_comment,
            reason=given.retire_reason,
        )
        self._changed[table].add(self._row(table, says, facts))

    def _row(self, table: str, says: Any, facts: Facts) -> Row:
        if table == "mapping":
            return mapping_row(self._home, self._id, says, facts) | {"number": facts.number}
        row = concept_row(self._home, self._id, says, facts)
        return row | {"number": facts.number, "words": words_said(says)}


def _known(table: str, repository_id: int) -> dict[str, bytes]:
    current = TABLES[table][0]
    rows = db.session.execute(
        select(current.c.code, current.c.id, current.c.checksum).where(current.c.repository_id == repository_id),
        execution_options={"yield_per": 5_000},
    )
    return {code: one.to_bytes(_ID_BYTES) + bytes.fromhex(checksum) for code, one, checksum in rows}


def _id(known: bytes) -> int:
    return int.from_bytes(known[:_ID_BYTES])


def _documents(table: str, ids: list[int]) -> Iterator[tuple[Any, Facts]]:
    current = TABLES[table][0]
    read: Any = concept_of if table == "concept" else mapping_of
    for begin in range(0, len(ids), AT_ONCE):
        rows = select(current.c.document).where(current.c.id.in_(ids[begin : begin + AT_ONCE]))
        for document in db.session.scalars(rows).all():
            yield read(orjson.loads(document))


def _check(one: LoadedConcept) -> None:
    try:
        check_wish(one.wish)
    except Invalid as refusal:
        raise Invalid(f"{one.wish.code}: {refusal.message}") from None


def _says(one: LoadedConcept, number: int, parents: tuple[str, ...], children: tuple[str, ...]) -> ConceptSays:
    wish = one.wish
    return ConceptSays(
        code=wish.code,
        concept_class=wish.concept_class,
        datatype=wish.datatype,
        names=words(wish.names, number, "name"),
        descriptions=words(wish.descriptions, number, "description"),
        extras=dict(wish.extras),
        external_id=wish.external_id,
        retired=one.retired,
        parents=parents,
        children=children,
    )


def _ordered(own: list[str], told: tuple[str, ...]) -> tuple[str, ...]:
    """The children, in the order told as far as that tells of them all but for the last ones."""
    first = own[: len(told)]
    return (*told, *own[len(told) :]) if set(told) == set(first) and len(told) == len(first) else tuple(own)


def _children(parents: dict[str, tuple[str, ...]]) -> defaultdict[str, list[str]]:
    """
    :raises Invalid: a parent is not there, or stands below itself
    """
    children: defaultdict[str, list[str]] = defaultdict(list)
    for code, above in parents.items():
        for parent in above:
            if parent not in parents:
                raise Invalid(f"{code} stands below {parent}, which is not there.")
            children[parent].append(code)
    left = {code: len(above) for code, above in parents.items()}
    free = [code for code, count in left.items() if not count]
    while free:
        code = free.pop()
        del left[code]
        for child in children.get(code, ()):
            left[child] -= 1
            if not left[child]:
                free.append(child)
    if left:
        raise Invalid(f"The hierarchy has a circle: {min(left)} stands below itself.")
    return children

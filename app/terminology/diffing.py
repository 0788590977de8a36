"""What changed between two versions of a repository: by intervals of revisions, not by comparing all that they hold.

Of a collection it is what its sources changed within what it draws on, and what came into it or left it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Table, select, text

from app.actor import Actor
from app.errors import Invalid
from app.extensions import db
from app.models import Repository
from app.models.terminology import NUMBERS_OF_A_REPOSITORY
from app.rows.terms import CONCEPTS, MAPPINGS, Drawn, bounds_of, facts_statement
from app.terminology.addresses import HEAD, Address
from app.terminology.documents import Json
from app.terminology.drawing import Draw
from app.terminology.keeping import TABLES
from app.terminology.repositories import Listed, get_repository
from app.terminology.versions import Version, get_version, latest_versions, version_within

ADDED, CHANGED, RETIRED, RESTORED, DELETED = "added", "changed", "retired", "restored", "deleted"
OUTCOMES = (ADDED, CHANGED, RETIRED, RESTORED, DELETED)
_AT_ONCE = 500
_NEVER_SAID = frozenset(
    {
        "version", "version_url", "previous_version_url", "updated_on", "updated_by", "version_created_on",
        "version_created_by", "version_updated_on", "version_updated_by", "update_comment", "checksums", "versions",
        "is_latest_version",
    }
)  # fmt: skip
"""What every new version says anew."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A key of the document that says something else."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """A concept or mapping (``table``) that is not in both versions alike: of the repository at ``home``.

    ``caption`` is what it is called.
    """

    table: str
    home: Address
    code: str
    caption: str
    outcome: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Diff:
    """``counts`` is of all: ``{("concept", "added"): 3, …}``; ``page`` some of them, concepts first, by code."""

    older: Version
    newer: Version
    counts: Counter[tuple[str, str]]
    page: Listed[Difference]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a release would hold if it were made now, and how that differs from the newest one, if there is any."""

    head: Version
    since: Version | None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Touched:
    id: int
    code: str
    caption: str
    before: tuple[int, bool] | None
    after: tuple[int, bool] | None
    """Revision, and whether it was retired."""

    @property
    def outcome(self) -> str:
        if self.before is None:
            return ADDED
        if self.after is None:
            return DELETED
        if self.before[1] != self.after[1]:
            return RETIRED if self.after[1] else RESTORED
        return CHANGED


def diff(
    actor: Actor | None,
    address: Address,
    older: str,
    newer: str = HEAD,
    *,
    what: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Diff:
    """What changed from one version of a repository to a later one.

    :param what: only one of :data:`OUTCOMES`
    :param limit: so many differences of all come with their changed fields
    :raises NotFound: there is no such repository or version
    :raises Invalid: ``older`` is the later one
    """
    repository = get_repository(actor, address)
    before, after = (version_within(repository, one) for one in (older, newer))
    if before.order > after.order:
        raise Invalid("Name the older version first.")
    touched = [(table, one) for table in (CONCEPTS, MAPPINGS) for one in _touched(table, before, after)]
    counts = Counter((table, one.outcome) for table, one in touched)
    wanted = [(table, one) for table, one in touched if what in (None, one.outcome)]
    page = _by_table(wanted[offset : offset + limit])
    homes = _homes(repository, [one for _, some in page for one in some])
    told = [one for table, some in page for one in _told(table, some, homes)]
    return Diff(before, after, counts, Listed(told, len(wanted)))


def preview_release(actor: Actor, address: Address) -> Preview:
    """What a release made now would hold, compared with the newest released one.

    :raises NotFound: there is no such repository
    :raises Forbidden: it is private
    """
    head = get_version(actor, address)
    newest = latest_versions([head.repository]).get(head.repository.id)
    if newest is None:
        return Preview(head, None)
    return Preview(head, newest, diff(actor, address, newest.id, limit=0).counts)


def _touched(table: str, before: Version, after: Version) -> list[_Touched]:
    """What is not in both alike, by code."""
    was = {draw.repository_id: draw for draw in before.draws}
    is_now = {draw.repository_id: draw for draw in after.draws}
    touched = [
        one
        for source in sorted(was.keys() | is_now.keys())
        for one in _touched_in(table, was.get(source), is_now.get(source))
    ]
    return sorted(touched, key=lambda one: (one.code, one.id))


def _touched_in(table: str, was: Draw | None, is_now: Draw | None) -> Iterator[_Touched]:
    """Of one repository, of which either version may draw on all, on some or on nothing."""
    ids = _may_differ(table, was, is_now)
    before, after = (_states(table, ids, draw) for draw in (was, is_now))
    for one in ids:
        old, new = before.get(one), after.get(one)
        known = new or old
        if known is None or (old is not None and new is not None and old[2] == new[2]):
            continue
        yield _Touched(one, known[0], known[1], old and (old[2], old[3]), new and (new[2], new[3]))


def _may_differ(table: str, was: Draw | None, is_now: Draw | None) -> list[int]:
    """What began or ended between the two revisions, and what only one of them draws on."""
    if was is None or is_now is None:
        return [one for draw in (was, is_now) if draw is not None for one in _ids_of(table, draw)]
    old, new = was.ids(table), is_now.ids(table)
    # A collection may go back to an older release of a source.
    first, last = sorted((was.revision, is_now.revision))
    found = _changed_between(table, was.repository_id, first, last)
    if old is None and new is None:
        return sorted(found)
    held, wanted = (set(_ids_of(table, draw)) for draw in (was, is_now))
    return sorted((found & (held | wanted)) | (held ^ wanted))


def _changed_between(table: str, repository_id: int, older: int, newer: int) -> set[int]:
    """Whatever began or ended in ``(older, newer]``."""
    current, history = TABLES[table]
    found: set[int] = set()
    for columns in (current.c, history.c):
        within = columns.revision > older, columns.revision <= newer
        found |= set(db.session.scalars(select(columns.id).where(columns.repository_id == repository_id, *within)))
    ended = history.c.superseded_by > older, history.c.superseded_by <= newer
    return found | set(db.session.scalars(select(history.c.id).where(history.c.repository_id == repository_id, *ended)))


def _ids_of(table: str, draw: Draw) -> Sequence[int]:
    """Everything that it draws on; of all, what is there at its revision."""
    ids = draw.ids(table)
    if ids is not None:
        return ids
    drawn = Drawn(table, draw.repository_id, draw.revision)
    return sorted(db.session.scalars(text(facts_statement(drawn, "id", *bounds_of(draw.repository_id)))))


def _states(table: str, ids: Sequence[int], draw: Draw | None) -> dict[int, tuple[str, str, int, bool]]:
    """Code, caption, revision and whether it is retired, of each that was drawn on and there at its revision."""
    found: dict[int, tuple[str, str, int, bool]] = {}
    if draw is None:
        return found
    members = draw.ids(table)
    if members is not None:
        held = set(members)
        ids = [one for one in ids if one in held]
    for one, columns in _rows_at(table, ids, draw.revision, ("code", *_caption(table), "revision", "retired")):
        *caption, own_revision, retired = columns[1:]
        found[one] = (columns[0], " → ".join(caption), own_revision, bool(retired))
    return found


def _caption(table: str) -> tuple[str, ...]:
    return ("display_name",) if table == CONCEPTS else ("from_code", "to_code")


def _rows_at(
    table: str, ids: Sequence[int], revision: int, names: tuple[str, ...]
) -> Iterable[tuple[int, tuple[Any, ...]]]:
    for begin in range(0, len(ids), _AT_ONCE):
        some = ids[begin : begin + _AT_ONCE]
        for model, earlier in zip(TABLES[table], (False, True), strict=True):
            wanted = select(model.c.id, *(model.c[name] for name in names)).where(
                model.c.id.in_(some), model.c.revision <= revision
            )
            if earlier:
                wanted = wanted.where(model.c.superseded_by > revision)
            for row in db.session.execute(wanted):
                yield row[0], tuple(row[1:])


def _by_table(wanted: Sequence[tuple[str, _Touched]]) -> list[tuple[str, list[_Touched]]]:
    return [(table, [one for of, one in wanted if of == table]) for table in (CONCEPTS, MAPPINGS)]


def _homes(repository: Repository, some: Iterable[_Touched]) -> dict[int, Address]:
    """Where the repositories are that some concepts or mappings are of, by their ids."""
    ids = {one.id // NUMBERS_OF_A_REPOSITORY for one in some} - {repository.id}
    others = db.session.scalars(select(Repository).where(Repository.id.in_(ids))).unique() if ids else ()
    return {one.id: Address.of(one) for one in (repository, *others)}


def _told(table: str, some: Sequence[_Touched], homes: Mapping[int, Address]) -> list[Difference]:
    documents = _documents(TABLES[table], [one for one in some if one.outcome not in (ADDED, DELETED)])
    told = []
    for one in some:
        changes: tuple[FieldChange, ...] = ()
        if one.before is not None and one.after is not None:
            changes = changed_fields(documents[one.id, one.before[0]], documents[one.id, one.after[0]])
        home = homes[one.id // NUMBERS_OF_A_REPOSITORY]
        told.append(Difference(table, home, one.code, one.caption, one.outcome, changes))
    return told


def _documents(tables: tuple[Table, Table], some: Sequence[_Touched]) -> dict[tuple[int, int], Json]:
    wanted = {(one.id, state[0]) for one in some for state in (one.before, one.after) if state}
    ids = [one.id for one in some]
    found: dict[tuple[int, int], Json] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        for table in tables:
            rows = select(table.c.id, table.c.revision, table.c.document).where(
                table.c.id.in_(ids[begin : begin + _AT_ONCE])
            )
            for one, revision, document in db.session.execute(rows):
                if (one, revision) in wanted:
                    found[one, revision] = orjson.loads(document)
    return found


def changed_fields(before: Json, after: Json) -> tuple[FieldChange, ...]:
    """What two versions of one document say differently, in the document's order."""
    return tuple(
        FieldChange(key, before.get(key), value)
        for key, value in after.items()
        if key not in _NEVER_SAID and before.get(key) != value
    )

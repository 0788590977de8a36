"""What changed between two versions of a source: by intervals of revisions, never by comparing all that they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Table, select

from app.actor import Actor
from app.errors import Invalid, NotFound
from app.extensions import db
from app.rows.terms import CONCEPTS, MAPPINGS
from app.terminology.addresses import HEAD, Address
from app.terminology.documents import Json
from app.terminology.keeping import TABLES
from app.terminology.repositories import Listed
from app.terminology.versions import Version, get_version, latest_version

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
    """A concept or mapping (``table``) that is not in both versions alike. ``caption`` is what it is called."""

    table: str
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
    """What changed from one version of a source to a later one.

    :param what: only one of :data:`OUTCOMES`
    :param limit: so many differences of all come with their changed fields
    :raises NotFound: there is no such repository or version
    :raises Invalid: the repository is a collection, or ``older`` is the later one
    """
    before, after = get_version(actor, address, older), get_version(actor, address, newer)
    if before.repository.kind != "source":
        raise Invalid("Versions of a collection are compared source by source.")
    if before.revision > after.revision:
        raise Invalid("Name the older version first.")
    touched = [
        (table, one)
        for table in (CONCEPTS, MAPPINGS)
        for one in _touched(table, before.repository.id, before.revision, after.revision)
    ]
    counts = Counter((table, one.outcome) for table, one in touched)
    wanted = [(table, one) for table, one in touched if what in (None, one.outcome)]
    page = [_told(table, some) for table, some in _by_table(wanted[offset : offset + limit])]
    return Diff(before, after, counts, Listed([one for told in page for one in told], len(wanted)))


def preview_release(actor: Actor, address: Address) -> Preview:
    """What a release made now would hold; compared with the newest released one when that is of a source.

    :raises NotFound: there is no such repository
    :raises Forbidden: it is private
    """
    head = get_version(actor, address)
    try:
        newest = latest_version(actor, address)
    except NotFound:
        return Preview(head, None)
    if head.repository.kind != "source":
        return Preview(head, newest)
    return Preview(head, newest, diff(actor, address, newest.id, limit=0).counts)


def _touched(table: str, repository_id: int, older: int, newer: int) -> list[_Touched]:
    """What may differ, by code: whatever began or ended in ``(older, newer]``."""
    current, history = TABLES[table]
    found: set[int] = set()
    for columns in (current.c, history.c):
        within = columns.revision > older, columns.revision <= newer
        found |= set(db.session.scalars(select(columns.id).where(columns.repository_id == repository_id, *within)))
    ended = history.c.superseded_by > older, history.c.superseded_by <= newer
    found |= set(db.session.scalars(select(history.c.id).where(history.c.repository_id == repository_id, *ended)))
    ids = sorted(found)
    before, after = (_states(table, ids, revision) for revision in (older, newer))
    touched = []
    for one in ids:
        was, is_now = before.get(one), after.get(one)
        known = is_now or was
        if known is None or (was is not None and is_now is not None and was[2] == is_now[2]):
            continue
        touched.append(_Touched(one, known[0], known[1], was and (was[2], was[3]), is_now and (is_now[2], is_now[3])))
    return sorted(touched, key=lambda one: one.code)


def _states(table: str, ids: Sequence[int], revision: int) -> dict[int, tuple[str, str, int, bool]]:
    """Code, caption, revision and whether it is retired, of each that was there at a revision."""
    found: dict[int, tuple[str, str, int, bool]] = {}
    for one, columns in _rows_at(table, ids, revision, ("code", *_caption(table), "revision", "retired")):
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


def _told(table: str, some: Sequence[_Touched]) -> list[Difference]:
    documents = _documents(TABLES[table], [one for one in some if one.outcome not in (ADDED, DELETED)])
    told = []
    for one in some:
        changes: tuple[FieldChange, ...] = ()
        if one.before is not None and one.after is not None:
            changes = changed_fields(documents[one.id, one.before[0]], documents[one.id, one.after[0]])
        told.append(Difference(table, one.code, one.caption, one.outcome, changes))
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

"""What a version holds: its documents page by page, with the contract's filters, and what left it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from app.actor import Actor
from app.extensions import db
from app.models.terminology import NUMBERS_OF_A_REPOSITORY
from app.models.types import to_milliseconds
from app.rows.terms import CONCEPTS, MAPPINGS, Drawn, bounds_of, documents_statement, facts_statement, stretches
from app.terminology.addresses import HEAD, Address
from app.terminology.departures import Departed, departed
from app.terminology.details import repository_detail, version_detail
from app.terminology.documents import Json
from app.terminology.references import joined_since, reference_rows
from app.terminology.versions import Version, get_version

PAGE_ROWS = 2_000
PAGE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a version's content.

    :param retired: retired ones too
    :param since: only what changed at that instant or later (or came into a collection)
    :param deleted: with ``since``: say what left, too
    :param limit: at most so many concepts, and so many mappings; 0 is all. ``offset`` skips as many of each
    """

    concepts: bool = False
    mappings: bool = False
    references: bool = False
    retired: bool = False
    since: datetime | None = None
    deleted: bool = False
    limit: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """A version and what was wanted of it. Counts are of everything that fits the wish, before limit and offset."""

    version: Version
    wish: Wish
    concept_count: int
    mapping_count: int
    deleted_concepts: tuple[Departed, ...] = ()
    deleted_mappings: tuple[Departed, ...] = ()
    _joined: dict[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)

    def documents(self, table: str) -> Iterator[list[str]]:
        """The documents of ``concept`` or ``mapping`` in pages, in the order of exports.

        Each page is a short transaction: a version is a number, so pages belong together whatever is changed meanwhile.
        """
        yield from _pages(self.version, table, self.wish, self._joined.get(table, ()))

    @property
    def concepts(self) -> list[str]:
        """All concepts that are wanted, as JSON texts; for wishes with a limit."""
        return [one for page in self.documents(CONCEPTS) for one in page]

    @property
    def mappings(self) -> list[str]:
        return [one for page in self.documents(MAPPINGS) for one in page]

    def detail(self) -> Json:
        """The repository's (HEAD) or version's own JSON, without content."""
        version = self.version
        return repository_detail(version.repository, version) if version.is_head else version_detail(version)


def get_content(actor: Actor | None, address: Address, version: str = HEAD, wish: Wish | None = None) -> Content:
    """What a version holds.

    :raises NotFound: there is no such repository or version
    :raises Forbidden: it is private
    """
    return content_of(get_version(actor, address, version), wish or Wish(concepts=True, mappings=True))


def content_of(version: Version, wish: Wish) -> Content:
    """As :func:`get_content`, of a version at hand."""
    joined = {} if wish.since is None else joined_since(version, wish.since)
    counts = {
        table: _count(version, table, wish, joined.get(table, ())) if wanted else 0
        for table, wanted in ((CONCEPTS, wish.concepts), (MAPPINGS, wish.mappings))
    }
    gone: dict[str, tuple[Departed, ...]] = {}
    if wish.deleted and wish.since is not None:
        gone = {table: departed(version, table, wish.since) for table in (CONCEPTS, MAPPINGS)}
    return Content(
        version,
        wish,
        counts[CONCEPTS],
        counts[MAPPINGS],
        gone.get(CONCEPTS, ()) if wish.concepts else (),
        gone.get(MAPPINGS, ()) if wish.mappings else (),
        joined,
    )


def content_json(content: Content, more: Mapping[str, Any] | None = None) -> Iterator[bytes]:
    """The repository's or version's JSON with its content, in pieces; the same rows as an export's, joined alike.

    What it says of itself is read at once, and only documents while the pieces are taken: an answer is sent when its
    request, and the session with the repository's row, have ended.

    :param more: what its own JSON says besides, or otherwise
    """
    head = orjson.dumps(content.detail() | dict(more or {}))
    of_collection = content.version.repository.kind == "collection"
    rows = reference_rows(content.version) if content.wish.references and of_collection else None
    return _pieces(content, head, None if rows is None else orjson.dumps(rows))


def _pieces(content: Content, head: bytes, references: bytes | None) -> Iterator[bytes]:
    wish = content.wish
    yield head[:-1]
    if wish.concepts:
        yield from _array(b'"concepts"', content.documents(CONCEPTS))
    if references is not None:
        yield b',"references":' + references
    if wish.mappings:
        yield from _array(b'"mappings"', content.documents(MAPPINGS))
    if wish.deleted and wish.since is not None:
        for name, gone in (("concepts", content.deleted_concepts), ("mappings", content.deleted_mappings)):
            yield f',"deleted_{name}":'.encode() + orjson.dumps([one.plain() for one in gone])
    yield b"}"


def _array(key: bytes, pages: Iterator[list[str]]) -> Iterator[bytes]:
    yield b"," + key + b":["
    begun = False
    for page in pages:
        if page:
            yield (b",\n" if begun else b"") + ",\n".join(page).encode()
            begun = True
    yield b"]"


def _count(version: Version, table: str, wish: Wish, joined: tuple[Any, ...]) -> int:
    counts = version.counts
    if wish.since is None:
        whole, active = (
            (counts.concepts, counts.active_concepts)
            if table == CONCEPTS
            else (counts.mappings, counts.active_mappings)
        )
        return whole if wish.retired else active
    total = 0
    for drawn in _drawn(version, table, wish):
        rows = facts_statement(drawn, "id, updated_at", *_bounds(drawn))
        condition = _since(wish.since, drawn, joined)
        total += db.session.execute(text(f"SELECT count(*) FROM ({rows}) AS at WHERE {condition}")).scalar_one()  # noqa: S608
    return total


def _pages(version: Version, table: str, wish: Wish, joined: tuple[Any, ...]) -> Iterator[list[str]]:
    drawn = _drawn(version, table, wish)
    if wish.since is None and not wish.limit and not wish.offset:
        for one in drawn:
            yield from _all_pages(one)
        return
    left, skip = wish.limit or None, wish.offset
    for one in drawn:
        ids = _ids(one, wish, joined, skip, left)
        if not ids and skip:
            skip -= _how_many(one, wish, joined, skip)
            continue
        skip = 0
        left = None if left is None else left - len(ids)
        for begin in range(0, len(ids), PAGE_ROWS):
            yield _documents(one, tuple(ids[begin : begin + PAGE_ROWS]))
        if left == 0:
            return


def _all_pages(drawn: Drawn) -> Iterator[list[str]]:
    laid = list(stretches(db.session.connection(), drawn, PAGE_ROWS, PAGE_BYTES))
    for one in laid:
        rows = db.session.execute(text(documents_statement(drawn, one.after, one.until))).all()
        db.session.rollback()
        yield [document for _, document in sorted(rows)]


def _ids(drawn: Drawn, wish: Wish, joined: tuple[Any, ...], skip: int, left: int | None) -> list[int]:
    """The ids of a page: looked for in the index, documents are read for those alone."""
    columns = "id" if wish.since is None else "id, updated_at"
    rows = facts_statement(drawn, columns, *_bounds(drawn))
    condition = f" WHERE {_since(wish.since, drawn, joined)}" if wish.since is not None else ""
    # SQLite knows no OFFSET without a LIMIT.
    most = NUMBERS_OF_A_REPOSITORY if left is None else left
    page = f"SELECT id FROM ({rows}) AS at{condition} ORDER BY id LIMIT {most:d} OFFSET {skip:d}"  # noqa: S608
    return list(db.session.scalars(text(page)))


def _how_many(drawn: Drawn, wish: Wish, joined: tuple[Any, ...], at_most: int) -> int:
    return len(_ids(drawn, wish, joined, 0, at_most))


def _documents(drawn: Drawn, ids: tuple[int, ...]) -> list[str]:
    some = Drawn(drawn.table, drawn.repository_id, drawn.revision, ids)
    rows = db.session.execute(text(documents_statement(some, ids[0] - 1, ids[-1]))).all()
    return [document for _, document in sorted(rows)]


def _drawn(version: Version, table: str, wish: Wish) -> tuple[Drawn, ...]:
    return version.drawn(table, active_only=not wish.retired)


def _bounds(drawn: Drawn) -> tuple[int, int]:
    return bounds_of(drawn.repository_id)


def _since(since: datetime, drawn: Drawn, joined: tuple[Any, ...]) -> str:
    """Changed since then, or in a collection only since then."""
    if any(whole == drawn.repository_id for whole, _ in joined if _ is None):
        return "1 = 1"
    ids = [one for of, one in joined if of == drawn.repository_id and one is not None]
    moment = instant_literal(since)
    changed = f"updated_at >= {moment}"
    return f"({changed} OR id IN ({', '.join(f'{one:d}' for one in ids)}))" if ids else changed


def instant_literal(instant: datetime) -> str:
    """An instant in the words of the database at hand."""
    if db.engine.dialect.name == "postgresql":
        return f"to_timestamp({to_milliseconds(instant)} / 1000.0)"
    return str(to_milliseconds(instant))

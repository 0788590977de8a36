"""Concepts and mappings as they were at a revision: current rows and history rows in one statement.

The statements are plain text of whole numbers and our own names, the same for both databases and for builders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, text

from app.models.terminology import NUMBERS_OF_A_REPOSITORY

CONCEPTS, MAPPINGS = "concept", "mapping"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Which rows of a table: of one repository at one revision; all, or those of the ``ids`` (which rise)."""

    table: str
    repository_id: int
    revision: int
    ids: tuple[int, ...] | None = None
    active_only: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows behind the id ``after`` up to ``until``; ``rows`` of them, of so many ``bytes``."""

    after: int
    until: int
    rows: int
    bytes: int


def documents_statement(drawn: Drawn, after: int, until: int) -> str:
    """A SELECT of ``id`` and ``document``; what comes from the history stands behind what is current."""
    return _both(drawn, "id, document", after, until)


def facts_statement(drawn: Drawn, columns: str, after: int, until: int) -> str:
    """A SELECT of columns of ours, as :func:`documents_statement`."""
    return _both(drawn, columns, after, until, by_plan=True)


def bounds_of(repository_id: int) -> tuple[int, int]:
    """The ids before the first and at the last that the repository's rows can have."""
    begin = repository_id * NUMBERS_OF_A_REPOSITORY
    return begin, begin + NUMBERS_OF_A_REPOSITORY - 1


def stretches(snapshot: Connection, drawn: Drawn, rows: int, most_bytes: int) -> Iterator[Stretch]:
    """All rows in order, in stretches of at most so many rows and bytes; a larger document stands alone.

    Read from an index alone, whatever the documents weigh.
    """
    for chosen, after, until in _chunks(drawn):
        yield from _stretches(snapshot, chosen, after, until, rows, most_bytes)


def _stretches(
    snapshot: Connection, drawn: Drawn, after: int, until: int, rows: int, most_bytes: int
) -> Iterator[Stretch]:
    inner = _both(drawn, "id, document_bytes", after, until, by_plan=True)
    numbered = (
        f"SELECT id, document_bytes, (row_number() OVER (ORDER BY id) - 1) / {rows:d} AS page FROM ({inner}) AS at"  # noqa: S608  # whole numbers and names of ours
    )
    found = snapshot.execute(
        text(
            f"SELECT max(id), count(*), sum(document_bytes) FROM ({numbered}) AS paged GROUP BY page ORDER BY page"  # noqa: S608
        )
    ).all()
    begin = after
    for last, count, size in found:
        if size > most_bytes and count > 1:
            fewer = max(1, int(count) * most_bytes // (2 * int(size)))
            yield from _stretches(snapshot, drawn, begin, last, fewer, most_bytes)
        else:
            yield Stretch(begin, last, int(count), int(size))
        begin = last


_IDS_AT_ONCE = 2_000


def _chunks(drawn: Drawn) -> Iterator[tuple[Drawn, int, int]]:
    """A selection by ids in pieces: a statement names some thousand of them at most."""
    if drawn.ids is None:
        yield drawn, *bounds_of(drawn.repository_id)
        return
    marks = [*range(0, len(drawn.ids), _IDS_AT_ONCE), len(drawn.ids)]
    for begin, end in pairwise(marks):
        some = drawn.ids[begin:end]
        after = some[0] - 1
        yield Drawn(drawn.table, drawn.repository_id, drawn.revision, some, drawn.active_only), after, some[-1]


def ids_between(ids: Sequence[int] | None, after: int, until: int) -> tuple[int, ...] | None:
    """Those of the ids that lie in a stretch; ``None`` stays all."""
    return None if ids is None else tuple(one for one in ids if after < one <= until)


def _both(drawn: Drawn, columns: str, after: int, until: int, *, by_plan: bool = False) -> str:
    """``by_plan``: the index of plans tells it all. Documents are read by their ids, which say whose they are."""
    where = f"id > {after:d} AND id <= {until:d}"
    if by_plan:
        where = f"repository_id = {drawn.repository_id:d} AND {where}"
    where += f" AND revision <= {drawn.revision:d}"
    if drawn.ids is not None:
        where += f" AND id IN ({', '.join(f'{one:d}' for one in ids_between(drawn.ids, after, until) or ()) or 'NULL'})"
    if drawn.active_only:
        where += " AND NOT retired"
    current = f"SELECT {columns} FROM {drawn.table} WHERE {where}"  # noqa: S608
    earlier = f"SELECT {columns} FROM {drawn.table}_history WHERE {where} AND superseded_by > {drawn.revision:d}"  # noqa: S608
    return f"{current} UNION ALL {earlier}"

"""Writing versions: the current row changes, what it was goes to the history, the repository's counters follow.

Within the caller's writing transaction, with a revision that was taken in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, func, insert, literal, select, update

from app.extensions import db
from app.models import Concept, ConceptHistory, ConceptWord, Mapping, MappingHistory, Repository, Revision
from app.models.terminology import NUMBERS_OF_A_REPOSITORY
from app.models.types import Id, Instant
from app.terminology.documents import (
    ConceptSays,
    Facts,
    Home,
    MappingSays,
    concept_document,
    display_of,
    mapping_document,
)
from app.terminology.words import words_of

Row = dict[str, Any]
AT_ONCE = 500
TABLES: dict[str, tuple[Table, Table]] = {
    "concept": (Concept.__table__, ConceptHistory.__table__),  # type: ignore[dict-item]
    "mapping": (Mapping.__table__, MappingHistory.__table__),  # type: ignore[dict-item]
}


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, into which repository, at which revision."""

    repository_id: int
    home: Home
    revision: Revision
    handle: str
    user_id: UUID | None


def term_id(repository_id: int, number: int) -> int:
    return repository_id * NUMBERS_OF_A_REPOSITORY + number


def concept_row(home: Home, repository_id: int, says: ConceptSays, facts: Facts) -> Row:
    """A concept's row but for its instant, its revision and its author."""
    document = concept_document(home, says, facts)
    return {
        "id": term_id(repository_id, facts.number),
        "repository_id": repository_id,
        "code": says.code,
        "retired": says.retired,
        "document": document,
        "document_bytes": len(document.encode()),
        "checksum": says.standard(),
        "version": facts.version,
        "display_name": display_of(says.names, home.default_locale, home.supported_locales)[0],
        "concept_class": says.concept_class,
        "datatype": says.datatype,
        "at_top": not says.parents,
    }


def mapping_row(home: Home, repository_id: int, says: MappingSays, facts: Facts) -> Row:
    """A mapping's row but for its instant, its revision and its author."""
    document = mapping_document(home, says, facts)
    return {
        "id": term_id(repository_id, facts.number),
        "repository_id": repository_id,
        "code": says.code,
        "retired": says.retired,
        "document": document,
        "document_bytes": len(document.encode()),
        "checksum": says.standard(),
        "version": facts.version,
        "map_type": says.map_type,
        "from_url": says.start.url,
        "from_code": says.start.code,
        "to_url": says.target.url,
        "to_code": says.target.code,
    }


def row_of(writer: Writer, says: ConceptSays | MappingSays, facts: Facts) -> Row:
    """A whole row."""
    make: Any = concept_row if isinstance(says, ConceptSays) else mapping_row
    row: Row = make(writer.home, writer.repository_id, says, facts)
    revision = writer.revision
    return row | {"updated_at": revision.at, "revision": revision.number, "changed_by": writer.user_id}


def add_rows(table: str, rows: Sequence[Row]) -> None:
    """Rows of concepts or mappings that were not there."""
    if rows:
        db.session.execute(insert(TABLES[table][0]), list(rows))


def supersede(table: str, ids: Sequence[int], revision: Revision, user_id: UUID | None, *, deleted: bool) -> None:
    """Keep the current rows as history; whoever calls changes or removes them then."""
    current, history = TABLES[table]
    shared = [column.name for column in current.columns]
    for begin in range(0, len(ids), AT_ONCE):
        kept = select(
            *(current.c[name] for name in shared),
            literal(revision.number),
            literal(revision.at, Instant),
            literal(deleted),
            literal(user_id if deleted else None, Id),
        ).where(current.c.id.in_(ids[begin : begin + AT_ONCE]))
        columns = [*shared, "superseded_by", "superseded_at", "deleted", "deleted_by"]
        db.session.execute(insert(history).from_select(columns, kept))


def change_row(table: str, row: Row) -> None:
    """Let a current row say something else; it was superseded before."""
    current = TABLES[table][0]
    values = {name: value for name, value in row.items() if name != "id"}
    db.session.execute(update(current).where(current.c.id == row["id"]).values(**values))


def delete_rows(table: str, ids: Sequence[int]) -> None:
    """Remove current rows; they were superseded before. Their words go too."""
    current = TABLES[table][0]
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        if table == "concept":
            db.session.execute(delete(ConceptWord).where(ConceptWord.concept_id.in_(some)), execution_options=_PLAIN)
        db.session.execute(delete(current).where(current.c.id.in_(some)))


_PLAIN = {"synchronize_session": False}


def word_rows(repository_id: int, concept_id: int, says: ConceptSays) -> list[Row]:
    """The words of a concept as rows."""
    names = [one["name"] for one in says.names if not one["retired"]]
    return [
        {"repository_id": repository_id, "word": word, "concept_id": concept_id} for word in words_of(says.code, names)
    ]


def write_words(repository_id: int, concept_id: int, says: ConceptSays) -> None:
    """The words of a concept, in place of those that it had."""
    db.session.execute(delete(ConceptWord).where(ConceptWord.concept_id == concept_id), execution_options=_PLAIN)
    if rows := word_rows(repository_id, concept_id, says):
        db.session.execute(insert(ConceptWord), rows)


def last_versions(table: str, repository_id: int, codes: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Of codes that once were there: their id, and the number of their last version in the history."""
    history = TABLES[table][1]
    found: dict[str, tuple[int, int]] = {}
    wanted = list(codes)
    for begin in range(0, len(wanted), AT_ONCE):
        rows = db.session.execute(
            select(history.c.code, history.c.id, func.max(history.c.version))
            .where(history.c.repository_id == repository_id, history.c.code.in_(wanted[begin : begin + AT_ONCE]))
            .group_by(history.c.code, history.c.id)
        )
        found |= {code: (one, version) for code, one, version in rows}
    return found


def take_number(repository: Repository) -> int:
    """The next number of a concept or mapping; the repository's row is locked by its revision."""
    repository.last_number += 1
    return repository.last_number

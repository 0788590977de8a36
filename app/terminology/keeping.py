"""Writing versions: the current row changes, what it was goes to the history, the repository's counters follow.

Within the caller's writing transaction, with a revision that was taken in it.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    return _shared(repository_id, says, facts, concept_document(home, says, facts)) | {
        "display_name": display_of(says.names, home.default_locale, home.supported_locales)[0],
        "concept_class": says.concept_class,
        "datatype": says.datatype,
        "at_top": not says.parents,
    }


def mapping_row(home: Home, repository_id: int, says: MappingSays, facts: Facts) -> Row:
    """A mapping's row but for its instant, its revision and its author."""
    return _shared(repository_id, says, facts, mapping_document(home, says, facts)) | {
        "map_type": says.map_type,
        "from_url": says.start.url,
        "from_code": says.start.code,
        "to_url": says.target.url,
        "to_code": says.target.code,
    }


def _shared(repository_id: int, says: ConceptSays | MappingSays, facts: Facts, document: str) -> Row:
    return {
        "id": term_id(repository_id, facts.number),
        "repository_id": repository_id,
        "code": says.code,
        "retired": says.retired,
        "document": document,
        "document_bytes": len(document.encode()),
        "checksum": says.standard(),
        "version": facts.version,
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


def words_said(says: ConceptSays) -> list[str]:
    """The words by which a concept is found."""
    return words_of(says.code, [one["name"] for one in says.names if not one["retired"]])


def write_words(repository_id: int, concept_id: int, says: ConceptSays) -> None:
    """The words of a concept, in place of those that it had."""
    db.session.execute(delete(ConceptWord).where(ConceptWord.concept_id == concept_id), execution_options=_PLAIN)
    words = words_said(says)
    rows = [{"repository_id": repository_id, "word": word, "concept_id": concept_id} for word in words]
    db.session.execute(insert(ConceptWord), rows)


def removed_versions(table: str, repository_id: int, code: str | None = None) -> dict[str, tuple[int, int]]:
    """Of codes that were removed once (all, or the one): their id, and the number of their last version then."""
    history = TABLES[table][1].c
    wanted = (
        select(history.code, history.id, func.max(history.version))
        .where(history.repository_id == repository_id, history.deleted.is_(True))
        .group_by(history.code, history.id)
    )
    if code is not None:
        wanted = wanted.where(history.code == code)
    return {code: (one, version) for code, one, version in db.session.execute(wanted)}


def take_number(repository: Repository) -> int:
    """The next number of a concept or mapping; the repository's row is locked by its revision."""
    repository.last_number += 1
    return repository.last_number

"""One concept or mapping as callers see it, at a version, and all that it ever was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select

from app.actor import Actor
from app.errors import NotFound
from app.extensions import db
from app.rows.terms import CONCEPTS, MAPPINGS, Drawn
from app.terminology.addresses import HEAD, Address, is_code
from app.terminology.documents import Json
from app.terminology.keeping import TABLES
from app.terminology.repositories import get_repository
from app.terminology.versions import Version, get_version


@dataclass(frozen=True, slots=True)
class Term:
    """A concept's or mapping's version: ``document`` is its JSON text, :attr:`json` the same as values.

    ``superseded_at`` is when it ended, None while it holds; ``deleted`` says that it ended by being removed.
    """

    id: int
    code: str
    retired: bool
    version: int
    document: str
    updated_at: datetime
    revision: int
    superseded_at: datetime | None = None
    deleted: bool = False

    @property
    def json(self) -> Json:
        parsed: Json = orjson.loads(self.document)
        return parsed


def get_concept(actor: Actor | None, address: Address, code: str, version: str = HEAD) -> Term:
    """A concept as a version of its repository holds it; of a collection the first that its sources have of that code.

    :raises NotFound: there is none
    :raises Forbidden: the repository is private
    """
    return term_of(get_version(actor, address, version), CONCEPTS, code)


def get_mapping(actor: Actor | None, address: Address, code: str, version: str = HEAD) -> Term:
    """A mapping as a version of its repository holds it; refusals as :func:`get_concept`."""
    return term_of(get_version(actor, address, version), MAPPINGS, code)


def concept_history(actor: Actor | None, address: Address, code: str) -> list[Term]:
    """Every version of a concept, newest first; also of one that was removed.

    :raises NotFound: there never was one
    """
    return _history(CONCEPTS, actor, address, code)


def mapping_history(actor: Actor | None, address: Address, code: str) -> list[Term]:
    """Every version of a mapping, newest first; also of one that was removed."""
    return _history(MAPPINGS, actor, address, code)


def term_of(version: Version, table: str, code: str) -> Term:
    """As :func:`get_concept` and :func:`get_mapping`, of a version at hand."""
    for drawn in version.drawn(table) if is_code(code) else ():
        found = _at(drawn, code)
        if found is not None:
            return found
    raise NotFound(f"There is no such {table}.")


def _at(drawn: Drawn, code: str) -> Term | None:
    """What some rows hold under a code."""
    rows: list[Any] = []
    for model, earlier in zip(TABLES[drawn.table], (False, True), strict=True):
        columns = model.c
        wanted = select(
            columns.id, columns.code, columns.retired, columns.version, columns.document, columns.updated_at,
            columns.revision,
        ).where(
            columns.repository_id == drawn.repository_id, columns.code == code, columns.revision <= drawn.revision
        )  # fmt: skip
        rows += db.session.execute(wanted.where(columns.superseded_by > drawn.revision) if earlier else wanted).all()
    found = [Term(*row) for row in rows]
    return next((one for one in found if drawn.ids is None or one.id in drawn.ids), None)


def _history(table: str, actor: Actor | None, address: Address, code: str) -> list[Term]:
    repository = get_repository(actor, address)
    if not is_code(code):
        raise NotFound(f"There is no such {table}.")
    current, history = TABLES[table]
    shared = ("id", "code", "retired", "version", "document", "updated_at", "revision")
    of_now = db.session.execute(
        select(*(current.c[name] for name in shared)).where(
            current.c.repository_id == repository.id, current.c.code == code
        )
    ).all()
    of_then = db.session.execute(
        select(*(history.c[name] for name in (*shared, "superseded_at", "deleted")))
        .where(history.c.repository_id == repository.id, history.c.code == code)
        .order_by(history.c.revision.desc())
    ).all()
    found = [Term(*row) for row in of_now] + [Term(*row) for row in of_then]
    if not found:
        raise NotFound(f"There is no such {table}.")
    return found


def captions_at(version: Version, codes: list[str]) -> dict[str, tuple[str, bool]]:
    """What concepts of a version are called, and whether they are retired; by code."""
    found: dict[str, tuple[str, bool]] = {}
    for drawn in version.drawn(CONCEPTS):
        rows: list[Any] = []
        for model, earlier in zip(TABLES[CONCEPTS], (False, True), strict=True):
            columns = model.c
            for begin in range(0, len(codes), 500):
                wanted = select(columns.code, columns.display_name, columns.retired).where(
                    columns.repository_id == drawn.repository_id,
                    columns.code.in_(codes[begin : begin + 500]),
                    columns.revision <= drawn.revision,
                )
                rows += db.session.execute(
                    wanted.where(columns.superseded_by > drawn.revision) if earlier else wanted
                ).all()
        found |= {code: (name, retired) for code, name, retired in rows}
    return found

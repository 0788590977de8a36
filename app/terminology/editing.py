"""One change of a source's concepts or mappings, from its lock to its commit: what the edits of both share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import orjson
from sqlalchemy import select

from app import record
from app.actor import Actor
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Repository, begin_writing, take_repository_revision
from app.terminology.addresses import Address, is_code
from app.terminology.documents import ConceptSays, Facts, Json, MappingSays, instant_text
from app.terminology.keeping import (
    TABLES,
    Writer,
    add_rows,
    change_row,
    delete_rows,
    removed_versions,
    row_of,
    supersede,
    take_number,
    term_id,
)
from app.terminology.repositories import get_repository_to_edit, handle_of, home_of
from app.terminology.saying import next_version
from app.terminology.terms import Term
from app.terminology.versions import number_of

Says = TypeVar("Says", ConceptSays, MappingSays)
Refused = TypeVar("Refused", Invalid, NotFound)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Says]):
    """What there is to edit. ``table`` is ``concept`` or ``mapping``, which is also what one of them is called."""

    table: str
    read: Callable[[Json], tuple[Says, Facts]]
    get: Callable[[Actor, Address, str], Term]

    def begin(self, actor: Actor, address: Address) -> Edit[Says]:
        """Begin to write: the source's row is locked by a new revision.

        :raises NotFound: there is no such source
        :raises Forbidden: the actor may look at most
        :raises Invalid: it is a collection
        """
        begin_writing()
        repository = get_repository_to_edit(actor, address)
        if repository.kind != "source":
            raise ended(Invalid(f"A collection holds no {self.table}s of its own: add references to it."))
        revision = take_repository_revision(repository.id)
        db.session.refresh(repository)
        writer = Writer(repository.id, home_of(repository), revision, handle_of(actor), actor.user_id)
        return Edit(self, actor, address, repository, writer)

    def set_retired(self, actor: Actor, address: Address, code: str, retired: bool, words: str | None) -> Term:
        """Take one out of use, or back into it; the whole use case."""
        edit = self.begin(actor, address)
        says, facts = edit.held(code)
        if says.retired == retired:
            return edit.unchanged(code)
        edit.change(replace(says, retired=retired), facts, words, words if retired else None)
        edit.count(0, -1 if retired else 1)
        return edit.finish("retire" if retired else "restore", code)


@dataclass(frozen=True, slots=True)
class Edit(Generic[Says]):
    """A change that has begun: nobody else changes the source until :meth:`commit`, or until it is :func:`ended`."""

    kind: Kind[Says]
    actor: Actor
    address: Address
    repository: Repository
    writer: Writer

    def find(self, code: str) -> tuple[Says, Facts] | None:
        """What the source holds under a code now."""
        current = TABLES[self.kind.table][0].c
        wanted = select(current.document).where(current.repository_id == self.repository.id, current.code == code)
        document = db.session.scalar(wanted) if is_code(code) else None
        return None if document is None else self.kind.read(orjson.loads(document))

    def held(self, code: str) -> tuple[Says, Facts]:
        """
        :raises NotFound: the source holds nothing under that code
        """
        found = self.find(code)
        if found is None:
            raise ended(NotFound(f"There is no such {self.kind.table}."))
        return found

    def id_of(self, facts: Facts) -> int:
        return term_id(self.repository.id, facts.number)

    def new_facts(self, code: str | None, comment: str | None) -> Facts:
        """The facts of one to be added. Of a code that was removed it is that one again, in its next version.

        :param code: None when its number is to be its code, which then is no other's
        """
        known = None if code is None else removed_versions(self.kind.table, self.repository.id, code).get(code)
        number, version = (number_of(known[0]), known[1] + 1) if known else (take_number(self.repository), 1)
        while code is None and self.find(str(number)) is not None:
            number = take_number(self.repository)
        at, by = instant_text(self.writer.revision.at), self.writer.handle
        return Facts(number, version, at, by, at, by, comment)

    def add(self, says: Says, facts: Facts) -> None:
        add_rows(self.kind.table, [row_of(self.writer, says, facts)])
        self.count(1, 1)

    def change(self, says: Says, facts: Facts, comment: str | None, reason: str | None) -> None:
        """Let one say something else, in the version that follows ``facts``."""
        at, by = instant_text(self.writer.revision.at), self.writer.handle
        row = row_of(self.writer, says, next_version(facts, on=at, by=by, comment=comment, reason=reason))
        supersede(self.kind.table, [row["id"]], self.writer.revision, None, deleted=False)
        change_row(self.kind.table, row)

    def remove(self, says: Says, facts: Facts) -> None:
        one = [self.id_of(facts)]
        supersede(self.kind.table, one, self.writer.revision, self.writer.user_id, deleted=True)
        delete_rows(self.kind.table, one)
        self.count(-1, 0 if says.retired else -1)

    def count(self, whole: int, active: int) -> None:
        """So many more are in the source, and so many more in use."""
        for name, more in ((f"{self.kind.table}s", whole), (f"active_{self.kind.table}s", active)):
            setattr(self.repository, name, getattr(self.repository, name) + more)

    def commit(self, action: str, code: str) -> None:
        """Keep in the record what was done (``edit``, ``retire``, …), and end it."""
        self.repository.content_changed_at = self.writer.revision.at
        about = str(self.repository.id)
        record.note(self.actor, f"{self.kind.table}.{action}", "repository", about, details={"id": code})
        db.session.commit()

    def finish(self, action: str, code: str) -> Term:
        """Commit, and look at what came of it."""
        self.commit(action, code)
        return self.kind.get(self.actor, self.address, code)

    def unchanged(self, code: str) -> Term:
        """There was nothing to change: no revision is taken, and it is as it was."""
        db.session.rollback()
        return self.kind.get(self.actor, self.address, code)


def ended(refusal: Refused) -> Refused:
    """A refusal to be raised: nothing was written, so nobody need wait for it."""
    db.session.rollback()
    return refusal

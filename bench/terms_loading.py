"""Sources of terminology into a kept database, in bulk, with two releases each; made when they are not there yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Table, select, update

from app import administration, exports, terminology
from app.accounts import actor_for_user
from app.actor import Actor
from app.extensions import db
from app.models import Release, Repository, Revision, User, begin_writing
from app.terminology import Address, ReleaseFacts, RepositoryFacts
from app.terminology.keeping import TABLES, Row
from app.terminology.repositories import home_of
from app.terminology.spool import insert_many, insert_spooled
from bench.data import Kept
from bench.loading import settle
from bench.servers import ROOT
from bench.terms import BY, FIRST, SECOND, Size, Source

EARLIER, LATER = "2025-01", "2025-07"
"""The two releases of each source: as it was loaded, and with its edits."""
_MADE_BY = ("bench/terms.py", "bench/terms_loading.py", "app/terminology/documents.py", "app/terminology/keeping.py")


@dataclass(frozen=True, slots=True)
class Terms:
    """A source that is at hand."""

    actor: Actor
    address: Address
    repository_id: int
    revision: int
    size: Size


def terms_at_hand(kept: Kept, size: Size, tell: Callable[[str], None]) -> Terms:
    """The source of that size.

    What people search by (words) is left out: no export reads it.
    """
    actor = _coder(kept)
    code = f"{size.concepts}-{size.edits}-{_key()}"
    address = Address("users", BY, "sources", code)
    found = _find(address)
    if found is None:
        tell(f"  making {size.concepts:,} concepts")
        terminology.create_repository(actor, address, RepositoryFacts(f"{size.concepts:,} concepts"))
        _fill(address, size)
        for version, number in ((EARLIER, 1), (LATER, 2)):
            _set_state(address, number, size)
            exports.release_version(actor, address, ReleaseFacts(version))
        # Nothing may be left open: settling takes longer than a server lets an idle transaction be.
        db.session.remove()
        settle()
        found = _find(address)
    if found is None:
        raise RuntimeError(f"{address.path} has no releases")
    db.session.rollback()
    return Terms(actor, address, found.id, found.revision, size)


def _coder(kept: Kept) -> Actor:
    wanted = select(User.id).where(User.handle == BY)
    known = db.session.scalar(wanted)
    if known is None:
        tenant_id = kept.data.tenant
        root = administration.root_organization(tenant_id).id
        known = administration.create_user(
            tenant_id, root, email="coder@example.org", name="Coder", password=str(uuid4()), role="clinician", handle=BY
        ).id
    actor = actor_for_user(known)
    db.session.rollback()
    return actor


def _find(address: Address) -> Repository | None:
    """The source, when it is whole; what was broken off is given another name."""
    found = db.session.scalars(select(Repository).where(Repository.short_code == address.short_code)).one_or_none()
    if found is None:
        return None
    released = set(db.session.scalars(select(Release.version).where(Release.repository_id == found.id)))
    if {EARLIER, LATER} <= released:
        return found
    begin_writing()
    db.session.execute(
        update(Repository).where(Repository.id == found.id).values(short_code=f"broken-off-{uuid4().hex}")
    )
    db.session.commit()
    return None


def _fill(address: Address, size: Size) -> None:
    begin_writing()
    repository = db.session.scalars(select(Repository).where(Repository.short_code == address.short_code)).one()
    source = Source(home_of(repository), repository.id, size)
    first, second = Revision(1, FIRST), Revision(2, SECOND)
    concepts, history = TABLES["concept"]
    insert_spooled(concepts, source.untouched(), first)
    insert_spooled(concepts, source.edited(), second)
    _insert_history(history, source.before(), first, second)
    insert_spooled(TABLES["mapping"][0], source.mappings(), first)
    db.session.commit()


def _insert_history(table: Table, rows: Iterator[Row], first: Revision, second: Revision) -> None:
    names = [column.name for column in table.columns]
    whole = {
        "updated_at": first.at, "revision": first.number, "changed_by": None, "superseded_by": second.number,
        "superseded_at": second.at, "deleted": False, "deleted_by": None,
    }  # fmt: skip
    insert_many(table, names, ([(row | whole)[name] for name in names] for row in rows))


def _set_state(address: Address, revision: int, size: Size) -> None:
    """What the source's own row says after its load, or after its edits."""
    concepts = size.concepts if revision > 1 else size.concepts - size.added
    moment: datetime = SECOND if revision > 1 else FIRST
    begin_writing()
    db.session.execute(
        update(Repository)
        .where(Repository.short_code == address.short_code)
        .values(
            revision=revision,
            last_number=size.concepts + size.mappings,
            concepts=concepts,
            active_concepts=concepts - (size.retired if revision > 1 else 0),
            mappings=size.mappings,
            active_mappings=size.mappings,
            changed_at=moment,
            content_changed_at=moment,
        )
    )
    db.session.commit()


def _key() -> str:
    made = hashlib.sha256()
    for name in _MADE_BY:
        made.update((ROOT / name).read_bytes())
    return made.hexdigest()[:12]

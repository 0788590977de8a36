"""Sweep the bytes that nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select

from app.attachments.announced import keys_of_pieces
from app.extensions import db
from app.models import Export, FilePiece, StoredFile, Tenant, begin_writing
from app.models.export import PENDING_STATES
from app.storage import storage

UNATTACHED_FOR = timedelta(hours=24)
REMOVED_FOR = timedelta(hours=1)
"""Whoever began to download a file before its removal has this long to finish."""
_ROWS_AT_ONCE = 200
_UUID_LENGTH = 36
_ROOMS = ("files/", "previews/", "pieces/", "arrivals/")


def sweep_files(now: datetime) -> int:
    """Forget files that were never attached or were removed, and bytes that no row names; answers how many.

    A removed file stays as long as a live export's snapshot is older than its removal, or not yet chosen. Each
    batch is a transaction of its own, and no transaction is open while bytes are deleted.

    :param now: the present instant
    """
    _mark_orphans(now)
    count = 0
    while keys := _forget_rows(now):
        for key in keys:
            storage.delete(key)
        count += sum(key.startswith(_ROOMS[0]) for key in keys)
    return count + _sweep_objects(now)


def _mark_orphans(now: datetime) -> None:
    """A file whose entity was deleted counts as removed from now on."""
    orphaned = select(StoredFile).where(StoredFile.state == "attached", StoredFile.entity_id.is_(None))
    if db.session.scalar(orphaned.limit(1)) is None:
        return
    begin_writing()
    for file in db.session.scalars(orphaned):
        file.state = "removed"
        file.removed_at = now
        file.removed_revision = db.session.get_one(Tenant, file.tenant_id).revision
    db.session.commit()


def _forget_rows(now: datetime) -> list[str]:
    """Delete a batch of rows and answer the keys that they named. A crash here leaves bytes without a row."""
    if db.session.scalar(select(StoredFile.id).where(_unneeded(now)).limit(1)) is None:
        db.session.rollback()
        return []
    begin_writing()
    # Locked, so that none is attached meanwhile.
    unneeded = select(StoredFile).where(_unneeded(now)).limit(_ROWS_AT_ONCE)
    files = list(db.session.scalars(unneeded.with_for_update(skip_locked=True)))
    keys = [key for file in files for key in (file.storage_key, file.preview_key) if key]
    keys += keys_of_pieces([file.id for file in files])
    for file in files:
        db.session.delete(file)
    db.session.commit()
    return keys


def _unneeded(now: datetime) -> ColumnElement[bool]:
    needed = exists().where(
        Export.tenant_id == StoredFile.tenant_id,
        Export.state.in_(PENDING_STATES),
        # While it is being planned, an export has not yet said which snapshot it needs.
        or_(Export.snapshot_revision.is_(None), Export.snapshot_revision < StoredFile.removed_revision),
    )
    never_attached = and_(
        StoredFile.state.in_(("expected", "stored", "refused")), StoredFile.created_at < now - UNATTACHED_FOR
    )
    removed = and_(StoredFile.state == "removed", StoredFile.removed_at < now - REMOVED_FOR, ~needed)
    return or_(never_attached, removed)


def _sweep_objects(now: datetime) -> int:
    """Delete objects that no row names, once no upload can be at work on them."""
    count = 0
    for room in _ROOMS:
        old = (found.key for found in storage.list_(room) if found.modified_at < now - UNATTACHED_FOR)
        for keys in _batches(old):
            kept = _named(room, keys)
            db.session.rollback()
            for key in keys:
                if key not in kept:
                    storage.delete(key)
                    count += room == _ROOMS[0]
    return count


def _named(room: str, keys: list[str]) -> set[str]:
    """Those of the keys that a row speaks of. A preview goes with its file's bytes, under the same last segment."""
    if room == "pieces/":
        held = db.session.scalars(select(FilePiece.storage_key).where(FilePiece.storage_key.in_(keys)))
        return {key for key in held if key}
    if room == "arrivals/":
        ids = {key: _file_id(key) for key in keys}
        expected = select(StoredFile.id).where(StoredFile.id.in_({one for one in ids.values() if one}))
        waiting = set(db.session.scalars(expected.where(StoredFile.state == "expected")))
        return {key for key, one in ids.items() if one in waiting}
    files = {f"files/{key.removeprefix(room)}": key for key in keys}
    named = select(StoredFile.storage_key).where(StoredFile.storage_key.in_(files))
    return {files[key] for key in db.session.scalars(named)}


def _file_id(key: str) -> UUID | None:
    """Of ``arrivals/<id>`` and ``arrivals/<id>-<number>``."""
    try:
        return UUID(key.removeprefix("arrivals/")[:_UUID_LENGTH])
    except ValueError:
        return None


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(keys)
    while batch := list(islice(waiting, _ROWS_AT_ONCE)):
        yield batch

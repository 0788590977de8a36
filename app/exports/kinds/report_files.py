"""Attached files inside a report: planned from what the records named at the snapshot, copied from storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.archive import NameBook, tidy_segment
from app.errors import NotFound
from app.exports.kinds.base import Order, Page, PlannedFile, PlannedPart
from app.extensions import db
from app.models import StoredFile
from app.storage import storage

FRAGMENT_BYTES = 4 << 20
PART_BYTES = 64 << 20


def planned(order: Order, attached: list[tuple[str, list[dict[str, Any]]]]) -> Iterator[PlannedFile]:
    """A planned file for each attached one.

    :param attached: for each record that has files, the folder that it gets and what its attributes say of them
    """
    names = NameBook()
    for begin in range(0, len(attached), 500):
        some = attached[begin : begin + 500]
        known = _stored(order, [UUID(file["id"]) for _, files in some for file in files])
        for folder, files in some:
            for file in files:
                facts = known.get(UUID(file["id"]))
                if facts is not None:
                    name = names.claim(f"files/{tidy_segment(folder)}/{tidy_segment(facts.name)}")
                    yield _planned(name, folder, facts)


def pages(layout: dict[str, Any], task: dict[str, Any]) -> Iterator[Page]:
    """The bytes of one part of an attached file.

    :raises NotFound: its bytes are gone from storage, or shorter than they were
    """
    left = task["end"] - task["begin"]
    with storage.open(layout["storage_key"]) as stream:
        stream.seek(task["begin"])
        if not left:
            yield Page(b"", 0)
        while left:
            data = stream.read(min(FRAGMENT_BYTES, left))
            if not data:
                raise NotFound("An attached file is shorter in storage than when it was stored.")
            left -= len(data)
            yield Page(data, 0)


def _stored(order: Order, ids: list[UUID]) -> dict[UUID, StoredFile]:
    found: dict[UUID, StoredFile] = {}
    for begin in range(0, len(ids), 500):
        statement = select(StoredFile).where(
            StoredFile.tenant_id == order.tenant_id,
            StoredFile.id.in_(ids[begin : begin + 500]),
            StoredFile.state.in_(("attached", "removed")),
        )
        found |= {one.id: one for one in db.session.scalars(statement)}
    return found


def _planned(name: str, folder: str, facts: StoredFile) -> PlannedFile:
    size = facts.byte_count or 0
    layout = {
        "storage_key": facts.storage_key,
        "file_id": str(facts.id),
        "title": f"{facts.name}, attached to {folder.rpartition(' ')[0]}",
    }
    begins = range(0, max(size, 1), PART_BYTES)
    parts = [PlannedPart({"begin": begin, "end": min(begin + PART_BYTES, size)}, 0) for begin in begins]
    parts[-1].task["final"] = True
    return PlannedFile(name, "files", facts.media_type, layout, parts)

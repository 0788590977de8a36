"""The attached files of a report's records, as members of its archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from app.archive import NameBook, tidy_segment
from app.exports.kinds.base import Order, PlannedFile, PlannedFragment
from app.exports.kinds.report_columns import kept_attributes
from app.exports.kinds.report_scope import selection_for
from app.exports.params import MEASUREMENTS, ReportParams
from app.extensions import db
from app.models import StoredFile
from app.models.template import FILE_TYPES
from app.rows.entities import Record, pages

FRAGMENT_BYTES = 32 << 20
RECORDS_AT_ONCE = 500


def planned(order: Order, params: ReportParams) -> Iterator[PlannedFile]:
    """A planned file for each attached one, record by record."""
    names = NameBook()
    for data_type in params.data_types:
        if data_type == MEASUREMENTS:
            continue
        for records in pages(selection_for(order, params, data_type), RECORDS_AT_ONCE):
            attached = [found for record in records if (found := _attached(order, params, record))]
            known = _stored(order, [UUID(file["id"]) for _, files in attached for file in files])
            for folder, files in attached:
                for file in files:
                    facts = known.get(UUID(file["id"]))
                    if facts is not None:
                        name = names.claim(f"files/{tidy_segment(folder)}/{tidy_segment(facts.name)}")
                        yield _planned(name, folder, facts)


def recipe(layout: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """How a run of an attached file's bytes is made; see :func:`app.builder.copying.make_copy`."""
    return {"make": "copy", "key": layout["storage_key"], "begin": task["begin"], "end": task["end"]}


def _attached(order: Order, params: ReportParams, record: Record) -> tuple[str, list[dict[str, Any]]] | None:
    """The files that a record's attributes name, and a folder for them."""
    template = order.frozen["templates"][str(record.template_id)]
    names = [one["name"] for one in kept_attributes(template, params) if one["kind"] in FILE_TYPES]
    if not names:
        return None
    values: dict[str, Any] = orjson.loads(record.phi_attributes)
    found: list[dict[str, Any]] = []
    for name in names:
        value = values.get(name)
        if value:
            found += value if isinstance(value, list) else [value]
    return (f"{record.caption} {str(record.id)[:8]}", found) if found else None


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
    begins = range(0, max(size, 1), FRAGMENT_BYTES)
    fragments = [PlannedFragment(0, {"begin": begin, "end": min(begin + FRAGMENT_BYTES, size)}) for begin in begins]
    return PlannedFile(name, "files", facts.media_type, layout, fragments)

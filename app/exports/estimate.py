"""What a report would hold, before it is asked for: counted records, and bytes judged from a sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import orjson
from sqlalchemy import func, select

from app import clock
from app.access import Permission
from app.access.visibility import organizations_with
from app.actor import Actor
from app.exports.kinds.base import Order
from app.exports.kinds.report import frozen_templates
from app.exports.kinds.report_rows import Shape, encoder_for, selection_for
from app.exports.params import ReportParams
from app.extensions import db
from app.models import StoredFile, Tenant
from app.rows import Record, Selection, count_current, pages
from app.rows.entities import current_ids

SAMPLE = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """``rows`` is counted; ``bytes`` (before compression, attached files included) is judged from a sample."""

    rows: int
    bytes: int
    per_type: tuple[tuple[str, int], ...]
    file_count: int
    file_bytes: int


def estimate(actor: Actor, params: ReportParams) -> Preview:
    """Count and judge for parameters that were checked; reads the newest state only."""
    order = _order_now(actor, params)
    per_type: list[tuple[str, int]] = []
    total_bytes = file_count = file_bytes = 0
    for data_type in params.data_types:
        selection = selection_for(order, params, data_type)
        shape = Shape(order, params, data_type)
        counted = count_current(selection)
        per_type.append((data_type, sum(rows for _, rows, _ in counted)))
        total_bytes += len(encoder_for(shape).head())
        total_bytes += sum(_judged(shape, selection, one, rows, size) for one, rows, size in counted)
        if params.with_files:
            count, size = _attached(selection)
            file_count, file_bytes = file_count + count, file_bytes + size
    rows = sum(count for _, count in per_type)
    return Preview(rows, total_bytes + file_bytes, tuple(per_type), file_count, file_bytes)


def _order_now(actor: Actor, params: ReportParams) -> Order:
    scope = organizations_with(actor, Permission.EXPORT_DATA)
    revision = db.session.execute(select(Tenant.revision).where(Tenant.id == actor.tenant_id)).scalar_one()
    frozen = {
        "organization_ids": None if scope is None else [str(one) for one in scope],
        "templates": orjson.loads(orjson.dumps(frozen_templates(actor.tenant_id))),
    }
    return Order(uuid4(), actor.tenant_id, params.to_json(), revision, clock.now(), frozen, SAMPLE, SAMPLE)


def _judged(shape: Shape, selection: Selection, template_id: UUID, rows: int, document_bytes: int) -> int:
    """Bytes of one template's records: a sample's encoded bytes, scaled by what its documents weigh among all."""
    sample = _sample(replace(selection, template_ids=(template_id,)), rows)
    if not sample:
        return 0
    encoder = encoder_for(shape)
    encoded = sum(len(encoder.record(row, first=False)) for _, row in shape.rows(sample))
    own = sum(len(one.attributes.encode()) + len(one.phi_attributes.encode()) for one in sample)
    # What surrounds each document (names, times, commas) goes by the row; the document itself by its bytes.
    around = (encoded - own) / len(sample)
    if around >= 0:
        return round(document_bytes + around * rows)
    return round(encoded / own * document_bytes)


def _sample(selection: Selection, rows: int) -> list[Record]:
    """Records from both ends of the order: early and late ones may differ."""
    first = next(pages(selection, SAMPLE), [])
    if rows <= SAMPLE:
        return first
    last = next(pages(replace(selection, descending=not selection.descending), SAMPLE), [])
    known = {one.id for one in first}
    return first + [one for one in last if one.id not in known]


def _attached(selection: Selection) -> tuple[int, int]:
    statement = select(func.count(), func.coalesce(func.sum(StoredFile.byte_count), 0)).where(
        StoredFile.state == "attached", StoredFile.entity_id.in_(current_ids(selection))
    )
    count, size = db.session.execute(statement).one()
    return int(count), int(size or 0)

"""Reading an export and its files back as what its workers need."""

from __future__ import annotations

from uuid import UUID

import orjson

from app.exports.claims import Lost
from app.exports.kinds.base import Order
from app.exports.pace import current_pace
from app.extensions import db
from app.models import Export


def load_order(export_id: UUID) -> tuple[str, Order]:
    """The kind and the order of a planned export. No transaction stays open.

    :raises Lost: the export is gone or was never planned
    """
    export = db.session.get(Export, export_id)
    if export is None or export.frozen is None or export.snapshot_revision is None or export.snapshot_at is None:
        raise Lost
    frozen = orjson.loads(export.frozen)
    order = Order(
        export_id=export.id,
        tenant_id=export.tenant_id,
        params=export.params,
        revision=export.snapshot_revision,
        at=export.snapshot_at,
        frozen=frozen["facts"],
        part_rows=frozen["part_rows"],
        fragment_rows=frozen["fragment_rows"],
    )
    kind = export.kind
    db.session.rollback()
    return kind, order


def fresh_limits() -> dict[str, int]:
    """How a new plan cuts: kept with the export, so a later change of settings does not change its bytes."""
    pace = current_pace()
    return {"part_rows": pace.part_rows, "fragment_rows": pace.fragment_rows}

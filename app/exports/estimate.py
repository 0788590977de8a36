"""What a report would hold, before it is asked for: counted records, and bytes judged from a sample.

The sample is written by the same code that will write the export, over this process's own connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Connection, func, select

from app.access import Permission
from app.access.visibility import organizations_with
from app.actor import Actor
from app.exports.kinds import report_measurements
from app.exports.kinds.base import Order
from app.exports.kinds.report import RecordRecipes, frozen_owners, frozen_templates
from app.exports.kinds.report_layout import to_position
from app.exports.kinds.report_scope import selection_for
from app.exports.params import MEASUREMENTS, ReportParams
from app.extensions import db
from app.models import StoredFile, Tenant
from app.rows.entities import Selection, count_current, current_ids, stride

SAMPLE = 60
SAMPLE_SERIES = 20
SAMPLE_VALUES = 100


@dataclass(frozen=True, slots=True)
class Preview:
    """``rows`` (records, and values of measurements) are counted; ``bytes`` (before compression, attached files
    included) are judged from a sample.
    """

    rows: int
    bytes: int
    per_type: tuple[tuple[str, int], ...]
    file_count: int
    file_bytes: int


def estimate(actor: Actor, params: ReportParams) -> Preview:
    """Count and judge for parameters that were checked; reads the newest state only."""
    order = _order_now(actor, params)
    connection = db.session.connection()
    per_type: list[tuple[str, int]] = []
    total_bytes = file_count = file_bytes = 0
    for asked in params.asked():
        data_type, own = asked.data_type, asked.params
        if data_type == MEASUREMENTS:
            rows = report_measurements.count_now(connection, order, own)
            total_bytes += _judged_values(connection, order, own, rows)
        else:
            selection = selection_for(order, own, data_type)
            counted = count_current(selection)
            rows = sum(number for _, number, _ in counted)
            for template_id, number, size in counted:
                total_bytes += _judged(connection, order, own, selection, template_id, number, size)
            if params.with_files:
                count, size = _attached(selection)
                file_count, file_bytes = file_count + count, file_bytes + size
        per_type.append((data_type, rows))
    rows = sum(count for _, count in per_type)
    return Preview(rows, total_bytes + file_bytes, tuple(per_type), file_count, file_bytes)


def _order_now(actor: Actor, params: ReportParams) -> Order:
    scope = organizations_with(actor, Permission.EXPORT_DATA)
    tenant = db.session.execute(select(Tenant.revision, Tenant.changed_at).where(Tenant.id == actor.tenant_id)).one()
    frozen = {
        "organization_ids": None if scope is None else [str(one) for one in scope],
        "templates": orjson.loads(orjson.dumps(frozen_templates(actor.tenant_id))),
        "owners": frozen_owners(actor.tenant_id, scope),
        "metrics": report_measurements.frozen_metrics(actor.tenant_id),
    }
    return Order(uuid4(), actor.tenant_id, params.to_json(), tenant.revision, tenant.changed_at, frozen, SAMPLE, SAMPLE)


def _judged(
    connection: Connection, order: Order, params: ReportParams, selection: Selection, template_id: UUID, rows: int,
    document_bytes: int,
) -> int:  # fmt: skip
    """Bytes of one template's records: a sample as written, scaled by what its documents weigh among all."""
    written = sampled = own = 0
    # From both ends of the order: early and late records may differ.
    for descending in (False, True) if rows > SAMPLE else (False,):
        one_template = replace(selection, template_ids=(template_id,), descending=descending)
        until, found, size = stride(connection, one_template, None, SAMPLE)
        if until is None:
            continue
        narrowed = replace(params, template_ids=(template_id,), order="desc" if descending else "asc")
        task = {"pages": [{"after": None, "until": to_position(until)}]}
        plain = replace(narrowed, format="ndjson") if params.format in ("json", "parquet") else narrowed
        recipe = RecordRecipes(order, plain, selection.data_type).of(task, first=False, last=False)
        written += _written(connection, recipe)[0] + (found if params.format == "json" else 0)
        sampled, own = sampled + found, own + size
    if not sampled:
        return 0
    # What surrounds each document (names, times, commas) goes by the row; the document itself by its bytes.
    around = (written - own) / sampled
    return round(document_bytes + around * rows) if around >= 0 else round(written / own * document_bytes)


def _judged_values(connection: Connection, order: Order, params: ReportParams, values: int) -> int:
    if not values:
        return 0
    task = report_measurements.some_series(order, connection, params, SAMPLE_SERIES)
    plain = params if params.format in ("csv", "ndjson") else replace(params, format="ndjson")
    recipe = report_measurements.recipe(order, plain, task, first=False, last=False)
    written, sampled = _written(connection, recipe)
    return round(written / max(sampled, 1) * values)


def _written(connection: Connection, recipe: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of a recipe's fragment, and how many records or values are in it."""
    # Arrow is loaded by whoever asks for the first preview, not by every process that serves pages.
    from app.builder.long import make_long
    from app.builder.records import make_records
    from app.exports.session_source import SessionSource

    make = make_long if recipe["make"] == "long" else make_records
    made = make(SessionSource(connection, SAMPLE_VALUES), dict(recipe))
    size = sum(len(piece) for piece in made.pieces)
    return size, made.rows


def _attached(selection: Selection) -> tuple[int, int]:
    statement = select(func.count(), func.coalesce(func.sum(StoredFile.byte_count), 0)).where(
        StoredFile.state == "attached", StoredFile.entity_id.in_(current_ids(selection))
    )
    count, size = db.session.execute(statement).one()
    return int(count), int(size or 0)

"""The first step of an export: freeze the snapshot, lay out files and parts, promise a count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import insert, update

from app import jobqueue
from app.accounts import actor_for_user
from app.exports.claims import Claim, Lost, commit_part, one_row
from app.exports.heart import Heart
from app.exports.kinds import KINDS, Order, PlannedFile
from app.exports.orders import fresh_limits
from app.extensions import db
from app.models import Export, ExportFile, ExportPart, Tenant

MOST_BELLS = 8


@dataclass(frozen=True, slots=True)
class _Layout:
    files: list[dict[str, Any]]
    parts: list[dict[str, Any]]

    @property
    def rows(self) -> int:
        return sum(part["promised_rows"] for part in self.parts)


def plan_export(claim: Claim, heart: Heart) -> None:
    """Plan under a claim and commit the plan.

    :raises Forbidden: the owner's rights ended since the request
    :raises Lost: somebody else plans it now, or it was cancelled
    """
    order = _freeze(claim)
    laid = _lay_out(_kind_of(claim), order, heart)
    frozen = orjson.dumps(
        {"facts": order.frozen, "part_rows": order.part_rows, "fragment_rows": order.fragment_rows}
    ).decode()

    def rest() -> None:
        one_row(
            update(Export)
            .where(Export.id == claim.export_id, Export.state == "building")
            .values(
                snapshot_revision=order.revision,
                snapshot_at=order.at,
                frozen=frozen,
                promised_rows=laid.rows,
                part_count=len(laid.parts),
                phase="Writing records",
                version=Export.version + 1,
            )
        )
        db.session.execute(insert(ExportFile), laid.files)
        db.session.execute(insert(ExportPart), laid.parts)

    commit_part(claim, {"rows": 0}, rest)
    for _ in range(min(len(laid.parts) - 1, MOST_BELLS)):
        jobqueue.ring()


def _kind_of(claim: Claim) -> str:
    export = db.session.get(Export, claim.export_id)
    if export is None:
        raise Lost
    kind = export.kind
    db.session.rollback()
    return kind


def _freeze(claim: Claim) -> Order:
    """Rights are asked again, then the snapshot is the newest committed revision of the tenant."""
    export = db.session.get(Export, claim.export_id)
    if export is None:
        raise Lost
    actor = actor_for_user(export.owner_id)
    facts = KINDS[export.kind].freeze(actor, export.params)
    tenant = db.session.get_one(Tenant, export.tenant_id, populate_existing=True)
    order = Order(
        export_id=export.id,
        tenant_id=export.tenant_id,
        params=export.params,
        revision=tenant.revision,
        at=tenant.changed_at,
        # Through text and back, so that a plan and a later reading of it see the same plain values.
        frozen=orjson.loads(orjson.dumps(facts)),
        **fresh_limits(),
    )
    db.session.rollback()
    return order


def _lay_out(kind: str, order: Order, heart: Heart) -> _Layout:
    laid = _Layout([], [])
    for number, file in enumerate(KINDS[kind].files(order)):
        heart.check()
        laid.files.append(_file_row(order, number, file))
        for part in file.parts:
            laid.parts.append(
                {
                    "export_id": order.export_id,
                    "ordinal": len(laid.parts) + 1,
                    "step": "build",
                    "file_ordinal": number,
                    "task": orjson.dumps(part.task).decode(),
                    "promised_rows": part.rows,
                }
            )
    return laid


def _file_row(order: Order, number: int, file: PlannedFile) -> dict[str, Any]:
    return {
        "export_id": order.export_id,
        "ordinal": number,
        "name": file.name,
        "subject": file.subject,
        "media_type": file.media_type,
        "layout": orjson.dumps(file.layout).decode(),
        "promised_rows": sum(part.rows for part in file.parts),
    }

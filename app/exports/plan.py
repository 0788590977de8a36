"""The first step of an export: freeze the snapshot, lay out files and parts, promise a count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, insert, update

from app.accounts import actor_for_user
from app.exports.claims import Claim, Lost, commit_part, one_row
from app.exports.heart import Heart
from app.exports.kinds import KINDS, Order, PlannedFile
from app.exports.orders import fresh_limits
from app.exports.parts import gathered
from app.extensions import db
from app.models import Export, ExportFile, ExportPart, Tenant

_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class _Layout:
    files: list[dict[str, Any]]
    parts: list[dict[str, Any]]

    @property
    def rows(self) -> int:
        return sum(part["promised_rows"] for part in self.parts)


def plan_export(claim: Claim, heart: Heart) -> None:
    """Plan under a claim and commit the plan.

    Everything is read in one snapshot, whose newest revision becomes the export's: what is counted there is what
    every builder will find, however much is changed meanwhile.

    :raises Forbidden: the owner's rights ended since the request
    :raises Lost: somebody else plans it now, or it was cancelled
    """
    with _snapshot() as connection:
        kind, order = _freeze(claim)
        laid = _lay_out(kind, order, connection, heart)
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
        _insert(ExportFile, laid.files)
        # Where nothing is to be built (no device in the scope), only the archive's own account is left to write.
        _insert(ExportPart, laid.parts or [{"export_id": order.export_id, "ordinal": 1, "step": "publish"}])

    commit_part(claim, {"rows": 0}, rest)


@contextmanager
def _snapshot() -> Iterator[Connection]:
    """One read transaction of the session in which nothing changes."""
    db.session.rollback()
    on_postgresql = db.engine.dialect.name == "postgresql"
    options: dict[str, Any] = {"isolation_level": "REPEATABLE READ"} if on_postgresql else {}
    try:
        yield db.session.connection(execution_options=options)
    finally:
        db.session.rollback()


def _freeze(claim: Claim) -> tuple[str, Order]:
    """Rights are asked again, then the snapshot is the newest committed revision of the tenant."""
    export = db.session.get(Export, claim.export_id, populate_existing=True)
    if export is None:
        raise Lost
    tenant = db.session.get_one(Tenant, export.tenant_id, populate_existing=True)
    facts = KINDS[export.kind].freeze(actor_for_user(export.owner_id), export.params)
    return export.kind, Order(
        export_id=export.id,
        tenant_id=export.tenant_id,
        params=export.params,
        revision=tenant.revision,
        at=tenant.changed_at,
        # Through text and back, so that a plan and a later reading of it see the same plain values.
        frozen=orjson.loads(orjson.dumps(facts)),
        **fresh_limits(),
    )


def _lay_out(kind: str, order: Order, snapshot: Connection, heart: Heart) -> _Layout:
    planned: list[PlannedFile] = []
    for file in KINDS[kind].files(order, snapshot):
        heart.check()
        planned.append(file)
    files = [_file_row(order, number, file) for number, file in enumerate(planned)]
    parts = [
        {
            "export_id": order.export_id,
            "ordinal": ordinal,
            "step": "build",
            "task": orjson.dumps({"runs": part.runs}).decode(),
            "promised_rows": part.rows,
        }
        for ordinal, part in enumerate(gathered(planned, order.part_rows), start=1)
    ]
    return _Layout(files, parts)


def _file_row(order: Order, number: int, file: PlannedFile) -> dict[str, Any]:
    return {
        "export_id": order.export_id,
        "ordinal": number,
        "name": file.name,
        "subject": file.subject,
        "media_type": file.media_type,
        "layout": orjson.dumps({**file.layout, "fragments": len(file.fragments)}).decode(),
        "promised_rows": sum(fragment.rows for fragment in file.fragments),
        "stored": file.stored,
    }


def _insert(model: type[Any], rows: Sequence[dict[str, Any]]) -> None:
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        db.session.execute(insert(model), rows[begin : begin + _ROWS_AT_ONCE])

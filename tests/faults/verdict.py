"""Whether an export ended right: once, whole, by the holders of its fences, with nothing left beside it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock, exports
from app.access import visible_entities
from app.extensions import db
from app.models import AuditEvent, Entity, Export, ExportFile, ExportPart
from app.storage import storage
from tests.faults.deployment import Deployment


def assert_ended_right(site: Deployment, who: str, export_id: UUID, claims: dict[int, int] | None = None) -> None:
    """Assert that an export of every patient ended as it should, whatever happened meanwhile.

    :param claims: how often parts were claimed at least, by ordinal, where that is not once. A busy machine may cost a
        lease more, which harms nothing.
    """
    db.session.rollback()
    export = db.session.get_one(Export, export_id, populate_existing=True)
    assert (export.state, export.reason) == ("ready", None), site.said()
    expected = _patients(site, who)
    assert export.promised_rows == export.done_rows == len(expected)
    assert export.done_parts == export.part_count
    _assert_said_once(export_id, len(expected))
    _assert_parts(export, claims)
    _assert_archive(site, export, expected)
    db.session.rollback()


def assert_nothing_is_left_over() -> None:
    """Assert that once sweeps have come by, storage holds the archives of the ready exports and nothing else."""
    later = clock.now() + timedelta(hours=2)
    exports.sweep_storage(later)
    ready = set(db.session.scalars(select(Export.archive_key).where(Export.state == "ready")))
    db.session.rollback()
    assert {found.key for found in storage.list_()} == ready
    assert storage.sweep_unfinished(later) == 0


def _patients(site: Deployment, who: str) -> dict[str, dict[str, Any]]:
    """What the database holds, by id: each patient's own values."""
    found = db.session.scalars(visible_entities(site.world.actor(who)).where(Entity.data_type == "patient"))
    return {str(one.id): json.loads(one.attributes) | json.loads(one.phi_attributes) for one in found}


def _assert_said_once(export_id: UUID, rows: int) -> None:
    said = db.session.execute(
        select(AuditEvent.row_count).where(AuditEvent.action == "export.ready", AuditEvent.object_id == str(export_id))
    ).all()
    assert [event.row_count for event in said] == [rows]
    failed = select(func.count()).where(AuditEvent.action == "export.failed", AuditEvent.object_id == str(export_id))
    assert db.session.scalar(failed) == 0


def _assert_parts(export: Export, claims: dict[int, int] | None) -> None:
    """Every part was finished by its last claim, and by none before it."""
    parts = db.session.scalars(
        select(ExportPart).where(ExportPart.export_id == export.id).order_by(ExportPart.ordinal)
    ).all()
    assert [part.step for part in parts] == ["plan", *["build"] * export.part_count, "publish"]
    for part in parts:
        assert (part.state, part.attempts) == ("done", part.fence)
        if part.step == "build":
            assert part.staged_key == f"staging/{export.id}/{part.ordinal}-{part.fence}"
            assert part.rows == part.promised_rows
        if part.step == "publish":
            assert export.archive_key == f"exports/{export.id}/{part.fence}.zip"
        assert part.fence >= (claims or {}).get(part.ordinal, 1), f"part {part.ordinal}, {part.step}: {part.last_error}"


def _assert_archive(site: Deployment, export: Export, expected: dict[str, dict[str, Any]]) -> None:
    path = site.config.data_dir / "looked-at.zip"
    with storage.open(export.archive_key or "") as stream:
        path.write_bytes(stream.read())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == export.archive_sha256
    tested = subprocess.run(["unzip", "-tqq", path], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    rows = _rows(path)
    assert {row["_id"]: {name: row[name] for name in row if name[0] != "_"} for row in rows} == expected
    assert len(rows) == len(expected)
    (kept,) = db.session.scalars(select(ExportFile).where(ExportFile.export_id == export.id)).all()
    assert kept.rows == kept.promised_rows == len(rows)


def digests(export_id: UUID) -> dict[str, str]:
    """The SHA-256 of each member of a ready export's archive, and of the archive itself under no name."""
    export = db.session.get_one(Export, export_id, populate_existing=True)
    key, said = export.archive_key or "", export.archive_sha256 or ""
    db.session.rollback()
    with storage.open(key) as stream, zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
        return {"": said} | {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def _rows(path: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        rows: list[dict[str, Any]] = json.loads(archive.read("patient.json"))
    return rows

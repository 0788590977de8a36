"""Exports over sealed blocks are the archives that they would be over rows, whenever the blocks come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app import exports
from app.exports import ReportParams
from app.exports.claims import claim_part
from app.exports.work import do_part
from app.extensions import db
from app.models import MeasurementBlock
from tests.exports.test_life import LONG_AGO
from tests.exports.timeseries import ALWAYS, DAY, FIRST_DAY, HOUR, Ward, busy_devices
from tests.measurements.sealing import seal, small_blocks

MOST_DISTURBED = 12
LONG = ReportParams(("measurements",), start=LONG_AGO)
REQUESTS: tuple[tuple[str, Any], ...] = (
    ("data_export", ALWAYS),
    ("data_export", replace(ALWAYS, format="parquet")),
    ("report", replace(LONG, format="csv")),
    ("report", replace(LONG, format="ndjson")),
    ("report", replace(LONG, format="parquet")),
)


def ask_for_all(ward: Ward) -> list[Any]:
    asked = [
        exports.request_export(ward.world.actor("ann"), kind, params, request_key=str(uuid4())).id
        for kind, params in REQUESTS
    ]
    db.session.rollback()
    return asked


def told(ward: Ward, asked: list[Any]) -> list[Any]:
    """The files of each export: names, rows, lengths, checksums."""
    found = []
    for export_id in asked:
        db.session.rollback()
        export = exports.get_export(ward.world.actor("ann"), export_id)
        assert (export.state, export.reason) == ("ready", None)
        found.append([(one.name, one.rows, one.raw_bytes, one.sha256) for one in export.files])
    return found


def blocks() -> int:
    count = db.session.scalars(select(func.count()).select_from(MeasurementBlock)).one()
    db.session.rollback()
    return count


@pytest.fixture
def full(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> Ward:
    small_blocks(monkeypatch, most=200, small=40, least=20)
    busy_devices(ward)
    exports.current_pace.bind(replace(exports.current_pace(), part_rows=100))
    return ward


def late(ward: Ward, number: int) -> None:
    """Corrected and new values among those of an export that is under way."""
    device = ward.world.device(key=f"LATE-{number}")
    ward.load(ward.series(device), "cd4", [FIRST_DAY + number * HOUR])
    for series_id in held_series():
        ward.load(series_id, "cd4", [FIRST_DAY + number * DAY, FIRST_DAY + 5 * DAY + 7 * HOUR + 60_000], 90.0 + number)


def held_series() -> list[int]:
    found = list(db.session.scalars(select(MeasurementBlock.series_id).distinct().order_by(MeasurementBlock.series_id)))
    db.session.rollback()
    return found


def test_the_files_are_the_same_with_blocks_and_without(full: Ward) -> None:
    over_rows = ask_for_all(full)
    exports.work_until_idle("test")
    assert blocks() == 0
    seal()
    assert blocks() > 10
    over_blocks = ask_for_all(full)
    exports.work_until_idle("test")
    assert told(full, over_rows) == told(full, over_blocks)


def test_sealing_and_late_values_between_the_parts_of_an_export_change_nothing_of_it(
    full: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = ask_for_all(full)
    exports.work_until_idle("test")
    disturbed, seen = ask_for_all(full), []
    planned = 0
    while (claim := claim_part("test")) is not None:
        planned += claim.step == "plan"
        do_part(claim)
        if planned == len(REQUESTS) and len(seen) < MOST_DISTURBED:
            # The revision of every export is settled: from here on nothing may reach it.
            seal()
            seen.append(blocks())
            late(full, len(seen))
            seen.append(blocks())
    assert len(seen) >= 4
    assert max(seen) > 10
    assert any(after < before for before, after in zip(seen[::2], seen[1::2], strict=True)), "nothing was unsealed"
    assert told(full, calm) == told(full, disturbed)

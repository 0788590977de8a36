"""Sealed blocks for the tests: small ones, what there is of them, and a builder's reader beside the plain way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.measurements import Sealed, seal_measurements, sealing
from app.models import MeasurementBlock, MeasurementUnsealed, Tenant
from app.models.types import to_milliseconds
from tests.builder.children import Reader
from tests.measurements.oracle import state_at

AT_ONCE = timedelta(0)


def small_blocks(monkeypatch: Any, *, most: int = 12, small: int = 4, least: int = 2) -> None:
    """Seal in small blocks; but what other tests left is sealed as ever: its hundred thousands would take minutes."""
    seal()
    for name, size in (("MOST_VALUES", most), ("SMALL_VALUES", small), ("LEAST_VALUES", least)):
        monkeypatch.setattr(sealing, name, size)


def seal() -> Sealed:
    return seal_measurements(settled_for=AT_ONCE)


def blocks_of(series_id: int) -> list[tuple[int, int, int, int]]:
    """Start, stop, revision and count of each block, in order."""
    block = MeasurementBlock
    found = db.session.scalars(select(block).where(block.series_id == series_id).order_by(block.start)).all()
    told = [(to_milliseconds(one.start), to_milliseconds(one.stop), one.revision, one.count) for one in found]
    db.session.rollback()
    return told


def waiting(series_id: int) -> list[int]:
    """The months of a series that wait for sealing."""
    own = select(MeasurementUnsealed.start).where(MeasurementUnsealed.series_id == series_id)
    told = sorted(map(to_milliseconds, db.session.scalars(own)))
    db.session.rollback()
    return told


def revision_of(tenant_id: Any) -> int:
    found = db.session.scalars(select(Tenant.revision).where(Tenant.id == tenant_id)).one()
    db.session.rollback()
    return found


def assert_reads(reader: Reader, series: list[int], metrics: list[int], start: int, stop: int, revision: int) -> None:
    """What a builder reads is what the tables say in the plain way, as single values and as columns."""
    held = {
        (one, time, metric): value
        for one in series
        for (metric, time), value in state_at(one, revision).items()
        if metric in metrics and start <= time < stop
    }
    db.session.rollback()
    (values,) = reader.ask(("values", [series, metrics, start, stop, revision]))
    assert list(zip(*values["values"], strict=True)) == [(*key, held[key].hex()) for key in sorted(held)]
    for one in series:
        (grids,) = reader.ask(("grids", [[one], metrics, start, stop, revision]))
        times, *columns = grids["grids"]
        assert times == sorted({time for whose, time, _ in held if whose == one})
        for metric, column in zip(metrics, columns, strict=True):
            assert column == [held.get((one, time, metric), float("nan")).hex() for time in times]

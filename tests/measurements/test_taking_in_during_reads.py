"""Values are taken in without a pause while somebody reads from a snapshot, and the reader sees nothing of them."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from app.extensions import db
from app.measurements import Taken, load_measurements
from app.models import Measurement
from tests.measurements.conftest import Ward
from tests.measurements.oracle import assert_rollups_match, current

NOON = 1_709_294_400_000


def sums(reader: Connection, series_id: int) -> tuple[int, float]:
    held = select(func.count(), func.sum(Measurement.value)).where(Measurement.series_id == series_id)
    count, total = reader.execute(held).one()
    return count, total


@pytest.mark.parametrize("deliveries", [1, 20])
def test_deliveries_commit_while_a_snapshot_is_open_and_it_stays_as_it_was(ward: Ward, deliveries: int) -> None:
    load_measurements(ward.tenant_id, ward.series_id, ward.cd4, range(NOON, NOON + 1000), [1.0] * 1000)
    on_postgresql = db.engine.dialect.name == "postgresql"
    level = {"isolation_level": "REPEATABLE READ"} if on_postgresql else {}
    with db.engine.connect().execution_options(**level) as reader:
        assert sums(reader, ward.series_id) == (1000, 1000.0)
        for number in range(1, deliveries + 1):
            # A hundred corrections and a hundred new values: a delivery that had to wait for the reader, on this
            # same thread, would never come back.
            times = range(NOON + 900, NOON + 1100)
            taken = load_measurements(ward.tenant_id, ward.series_id, ward.cd4, times, [1.0 + number] * 200)
            assert taken == (Taken(added=100, corrected=100) if number == 1 else Taken(corrected=200))
            assert sums(reader, ward.series_id) == (1000, 1000.0)
    held = current(ward.series_id)
    assert len(held) == 1100
    assert sum(held.values()) == 900 + 200 * (1.0 + deliveries)
    assert_rollups_match(ward.series_id)

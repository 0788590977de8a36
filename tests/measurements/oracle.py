"""What the tables should hold, worked out the slow and plain way."""

from __future__ import annotations

import math
from collections import defaultdict

from sqlalchemy import select

from app.extensions import db
from app.models import Measurement, MeasurementHistory, MeasurementRollup
from app.models.types import to_milliseconds

WIDTHS = {"hour": 3_600_000, "day": 86_400_000}
State = dict[tuple[int, int], float]
"""Values by (metric, time in milliseconds)."""


def current(series_id: int) -> State:
    rows = db.session.scalars(select(Measurement).where(Measurement.series_id == series_id))
    return {(row.metric_id, to_milliseconds(row.time)): row.value for row in rows}


def state_at(series_id: int, revision: int) -> State:
    """The values as they were at a revision, from current rows and history."""
    held, past = Measurement, MeasurementHistory
    found: State = {}
    for row in db.session.scalars(select(held).where(held.series_id == series_id, held.batch <= revision)):
        found[row.metric_id, to_milliseconds(row.time)] = row.value
    earlier = select(past).where(past.series_id == series_id, past.batch <= revision, past.superseded_by > revision)
    for old in db.session.scalars(earlier):
        key = (old.metric_id, to_milliseconds(old.time))
        assert key not in found, "a value was both current and past at one revision"
        found[key] = old.value
    return found


def assert_rollups_match(series_id: int) -> None:
    """Every roll-up says what the single values say, and none is missing or left over."""
    expected: defaultdict[tuple[int, str, int], list[float]] = defaultdict(list)
    for (metric_id, time), value in current(series_id).items():
        for grain, width in WIDTHS.items():
            expected[metric_id, grain, time // width * width].append(value)
    rows = db.session.scalars(select(MeasurementRollup).where(MeasurementRollup.series_id == series_id)).all()
    assert {(row.metric_id, row.grain, to_milliseconds(row.start)) for row in rows} == set(expected)
    for row in rows:
        values = expected[row.metric_id, row.grain, to_milliseconds(row.start)]
        assert (row.count, row.low, row.high) == (len(values), min(values), max(values))
        assert math.isclose(row.total, math.fsum(values), rel_tol=1e-9, abs_tol=1e-9 * max(map(abs, values)))

"""What a delivery does to sealed blocks: those in which it changed something go, and its months wait for sealing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from app import clock
from app.measurements.batch import Batch, Integers, runs
from app.models import Measurement, MeasurementBlock, MeasurementUnsealed
from app.models.types import from_milliseconds, to_milliseconds

_AT_ONCE = 500


def unseal(connection: Connection, batch: Batch, number: int) -> None:
    """Take away the blocks in whose range the delivery added or corrected anything, in the caller's transaction.

    :param number: the delivery's revision; its values are in the table already
    """
    block = MeasurementBlock
    for series_id, start in list(_changed(connection, batch, number)):
        connection.execute(delete(block).where(block.series_id == series_id, block.start == start))
    _note(connection, *runs(batch.series, month_starts(batch.times)))


def month_starts(times: Integers) -> Integers:
    """Where each instant's UTC month begins, in milliseconds; before 1970 too."""
    starts: Integers = times.astype("datetime64[ms]").astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
    return starts


def _changed(connection: Connection, batch: Batch, number: int) -> Iterator[tuple[int, Any]]:
    block, held = MeasurementBlock, Measurement
    low, high = from_milliseconds(int(batch.times.min())), from_milliseconds(int(batch.times.max()))
    series = np.unique(batch.series)
    for place in range(0, len(series), _AT_ONCE):
        met = select(block.series_id, block.start, block.stop).where(
            block.series_id.in_(series[place : place + _AT_ONCE].tolist()), block.start <= high, block.stop > low
        )
        for series_id, start, stop in connection.execute(met).all():
            own = batch.times[slice(*np.searchsorted(batch.series, (series_id, series_id + 1)))]
            own = own[slice(*np.searchsorted(own, (to_milliseconds(start), to_milliseconds(stop))))]
            if not len(own):
                continue
            # What only says again what is held leaves the block as true as it was.
            new = held.time.between(from_milliseconds(int(own[0])), from_milliseconds(int(own[-1])))
            if connection.scalar(select(exists().where(held.series_id == series_id, new, held.batch == number))):
                yield series_id, start


def _note(connection: Connection, series: Integers, months: Integers) -> None:
    upsert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = upsert(MeasurementUnsealed)
    touched = statement.on_conflict_do_update(
        index_elements=["series_id", "start"], set_={"touched_at": statement.excluded.touched_at}
    )
    now = clock.now()
    rows = [
        {"series_id": one, "start": from_milliseconds(month), "touched_at": now}
        for one, month in zip(series.tolist(), months.tolist(), strict=True)
    ]
    connection.execute(touched, rows)

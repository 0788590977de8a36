"""Roll-ups: count, least, greatest and sum by hour and day, made anew for what a delivery touched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, Select, Table, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from app.measurements.batch import Batch, bucket_starts, runs
from app.measurements.times import DAY_MS, HOUR_MS
from app.models import Measurement, MeasurementRollup
from app.models.types import Instant, from_milliseconds
from app.rows.bulk import NumberColumn, insert_numbers

_TEMPORARY: dict[str, Any] = {"prefixes": ["TEMPORARY"], "postgresql_on_commit": "DROP"}
_private = MetaData()
# Their keys matter: without an index SQLite compares every value with every hour.

_touched_hour = Table(
    "touched_hour",
    _private,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("start", Instant, primary_key=True),
    Column("stop", Instant),
    **_TEMPORARY,
)
_touched_day = Table(
    "touched_day",
    _private,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("metric_id", BigInteger, primary_key=True, autoincrement=False),
    Column("start", Instant, primary_key=True),
    Column("stop", Instant),
    **_TEMPORARY,
)


def roll_up(connection: Connection, batch: Batch) -> None:
    """Make the roll-ups of every hour and day that the batch touches anew, from what the table holds now.

    Values are corrected, never taken away, so no bucket can become empty.
    """
    _fill(connection, _touched_hour, HOUR_MS, *runs(batch.series, bucket_starts(batch.times, HOUR_MS)))
    _upsert(connection, _hours(batch, connection.dialect.name == "postgresql"))
    _touched_hour.drop(connection, checkfirst=False)
    _fill(
        connection,
        _touched_day,
        DAY_MS,
        *runs(batch.series, batch.metrics, bucket_starts(batch.times, DAY_MS)),
    )
    _upsert(connection, _days())
    _touched_day.drop(connection, checkfirst=False)


def _fill(connection: Connection, table: Table, width_ms: int, *keys: Any) -> None:
    table.create(connection, checkfirst=False)
    columns = [
        NumberColumn(column.name, "instant" if isinstance(column.type, Instant) else "integer", array)
        for column, array in zip(table.columns, [*keys, keys[-1] + width_ms], strict=True)
    ]
    insert_numbers(connection, table.name, columns)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def _hours(batch: Batch, on_postgresql: bool) -> Select[Any]:
    touched, value = _touched_hour.c, Measurement
    rolled = (
        select(
            touched.series_id,
            value.metric_id,
            literal("hour").label("grain"),
            touched.start,
            func.count().label("count"),
            func.min(value.value).label("low"),
            func.max(value.value).label("high"),
            func.sum(value.value).label("total"),
        )
        .where(
            value.series_id == touched.series_id,
            value.time >= touched.start,
            value.time < touched.stop,
        )
        .group_by(touched.series_id, value.metric_id, touched.start)
    )
    if not on_postgresql:
        # SQLite takes one pair of bounds for its search: it must be each hour's own.
        return rolled
    # These say nothing new, and let PostgreSQL join by equality and leave out whole partitions.
    low, high = from_milliseconds(int(batch.times.min()) - HOUR_MS), from_milliseconds(int(batch.times.max()))
    return rolled.where(
        func.date_trunc("hour", value.time, "UTC", type_=Instant) == touched.start,
        value.time >= low,
        value.time < high + timedelta(milliseconds=HOUR_MS),
    )


def _days() -> Select[Any]:
    touched, hour = _touched_day.c, MeasurementRollup
    return (
        select(
            touched.series_id,
            touched.metric_id,
            literal("day").label("grain"),
            touched.start,
            func.sum(hour.count).label("count"),
            func.min(hour.low).label("low"),
            func.max(hour.high).label("high"),
            func.sum(hour.total).label("total"),
        )
        .where(
            hour.series_id == touched.series_id,
            hour.metric_id == touched.metric_id,
            hour.grain == "hour",
            hour.start >= touched.start,
            hour.start < touched.stop,
        )
        .group_by(touched.series_id, touched.metric_id, touched.start)
    )


def _upsert(connection: Connection, rows: Select[Any]) -> None:
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    names = ["series_id", "metric_id", "grain", "start", "count", "low", "high", "total"]
    statement = insert(MeasurementRollup).from_select(names, rows)
    fresh = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["series_id", "metric_id", "grain", "start"],
            set_={"count": fresh["count"], "low": fresh.low, "high": fresh.high, "total": fresh.total},
        )
    )

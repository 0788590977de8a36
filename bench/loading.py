"""The data into a database of the application's own schema, in bulk, as the application itself would have left it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text, update
from sqlalchemy.engine import Connection

from app import measurements
from app.catalog.values import Schema
from app.extensions import db
from app.models import Template, Tenant, begin_writing, take_revision
from app.models.types import to_milliseconds
from app.rows.bulk import NumberColumn, insert_numbers
from bench import measured
from bench.measured import Integers, Values
from bench.patients import Patient, patients
from bench.sizes import MONTHS, Sizes

ROWS_AT_ONCE = 20_000
EDITED_EVERY = 50
_COLUMNS = (
    "id", "tenant_id", "data_type", "template_id", "organization_id", "location_id", "key", "caption", "attributes",
    "phi_attributes", "document_bytes", "created_at", "updated_at", "revision", "changed_by",
)  # fmt: skip
SETTLING = {
    "sqlite": ("PRAGMA query_only=OFF", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"),
    "postgresql": ("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"),
}
_HOUR = {
    "sqlite": "time / 3600000 * 3600000",
    "postgresql": "date_trunc('hour', time, 'UTC')",
}
_DAY = {
    "sqlite": "start / 86400000 * 86400000",
    "postgresql": "date_trunc('day', start, 'UTC')",
}


_MONTH = {
    "sqlite": "CAST(strftime('%s', start / 1000, 'unixepoch', 'start of month') AS INTEGER) * 1000",
    "postgresql": "date_trunc('month', start, 'UTC')",
}


def make_partitions(connection: Connection) -> None:
    """A partition for each month of the data, as the maintenance command makes them ahead."""
    for month in range(MONTHS):
        begin = datetime(2024, month + 1, 1, tzinfo=UTC)
        end = datetime(2024 + month // 11, (month + 1) % 12 + 1, 1, tzinfo=UTC)
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS measurement_{begin:%Y_%m} PARTITION OF measurement "
            f"FOR VALUES FROM ('{begin.isoformat()}') TO ('{end.isoformat()}')"
        )


def load_measurements(tenant_id: UUID, series: Sequence[int], metrics: Sequence[int], sizes: Sizes) -> int:
    """Every device's values, one delivery a month, one value in a thousand corrected later; with their roll-ups."""
    begin_writing()
    first = take_revision(tenant_id).number
    corrected = first + MONTHS
    connection = db.session.connection()
    on_postgresql = connection.dialect.name == "postgresql"
    if on_postgresql:
        make_partitions(connection)
    known = np.array(metrics, dtype=np.int64)
    # The key's index is made from what is there, once, instead of row by row.
    with _indexes_made_after(connection, "measurement", "uq_measurement"):
        for values in _deliveries(series, sizes, by_time=on_postgresql):
            _insert_values(connection, values, known, first, corrected)
    _roll_up(connection)
    _await_sealing(connection)
    _set_revision(tenant_id, corrected)
    db.session.commit()
    return corrected


def _deliveries(series: Sequence[int], sizes: Sizes, *, by_time: bool) -> Iterator[Values]:
    """By device, as SQLite keeps them; or in the order in which they would have arrived."""
    whole = [measured.values_of(device, series_id, sizes) for device, series_id in enumerate(series)]
    if not by_time:
        yield from whole
        return
    names = ("series", "times", "metrics", "values")
    joined = [np.concatenate([getattr(one, name) for one in whole]) for name in names]
    order = np.argsort(joined[1], kind="stable")
    yield Values(*(column[order] for column in joined))


def _insert_values(connection: Connection, values: Values, metrics: Integers, first: int, corrected: int) -> None:
    month = (values.times - measured.START_MS) * MONTHS // (measured.END_MS - measured.START_MS)
    # Chosen by what it is, not by where it stands: the same values on both databases.
    again = (values.times // 1000 + values.metrics * 7) % measured.CORRECTED_EVERY == 0
    batch = np.where(again, corrected, first + month)
    keys = [
        NumberColumn("series_id", "integer", values.series),
        NumberColumn("time", "instant", values.times),
        NumberColumn("metric_id", "integer", metrics[values.metrics]),
    ]
    insert_numbers(
        connection,
        "measurement",
        [*keys, NumberColumn("value", "double", values.values), NumberColumn("batch", "integer", batch)],
    )
    former = [NumberColumn(one.name, one.kind, one.values[again]) for one in keys]
    before = [
        NumberColumn("batch", "integer", (first + month)[again]),
        NumberColumn("value", "double", np.round(values.values[again] * 1.5, 2)),
        NumberColumn("superseded_by", "integer", batch[again]),
    ]
    insert_numbers(connection, "measurement_history", [*former, *before])


def _roll_up(connection: Connection) -> None:
    dialect = connection.dialect.name
    counted = "count(*), min(value), max(value), sum(value)"
    connection.exec_driver_sql(
        f"INSERT INTO measurement_rollup SELECT series_id, metric_id, 'hour', {_HOUR[dialect]} AS start, {counted} "
        "FROM measurement GROUP BY 1, 2, 4 ORDER BY 1, 2, 4"
    )
    connection.exec_driver_sql(
        f"INSERT INTO measurement_rollup SELECT series_id, metric_id, 'day', {_DAY[dialect]} AS day, sum(count), "
        "min(low), max(high), sum(total) FROM measurement_rollup WHERE grain = 'hour' GROUP BY 1, 2, 4 ORDER BY 1, 2, 4"
    )


def _await_sealing(connection: Connection) -> None:
    connection.exec_driver_sql(
        f"INSERT INTO measurement_unsealed SELECT DISTINCT series_id, {_MONTH[connection.dialect.name]}, "
        f"{'0' if connection.dialect.name == 'sqlite' else 'now()'} FROM measurement_rollup WHERE grain = 'day'"
    )


def seal_measurements() -> None:
    """Blocks of all past months, as the reconciler makes them by and by."""
    measurements.seal_measurements(settled_for=timedelta(0))
    db.session.remove()


def load_patients(template_id: UUID, organization_ids: Sequence[UUID], count: int) -> None:
    """So many patients in one delivery, one in fifty of them edited later.

    What people search by (words, values) is left out: no export reads it.
    """
    begin_writing()
    template = db.session.get_one(Template, template_id)
    schema, tenant_id = Schema.of(template), template.tenant_id
    first = take_revision(tenant_id).number
    connection = db.session.connection()
    constant = (tenant_id, template_id, organization_ids, first)
    with _indexes_made_after(connection, "entity"):
        people = _rows(patients(schema, count), *constant)
        while rows := list(islice(people, ROWS_AT_ONCE)):
            _insert_rows(connection, "entity", _COLUMNS, rows)
    _edit(connection, first)
    _set_revision(tenant_id, first + 1)
    db.session.commit()


def _rows(
    people: Iterator[Patient], tenant_id: UUID, template_id: UUID, organization_ids: Sequence[UUID], revision: int
) -> Iterator[tuple[Any, ...]]:
    for number, one in enumerate(people):
        home = organization_ids[number % len(organization_ids)]
        yield (
            one.id, tenant_id, "patient", template_id, home, None, str(one.id), one.caption, one.attributes,
            one.phi_attributes, one.document_bytes, one.created_at, one.created_at, revision, None,
        )  # fmt: skip


def _insert_rows(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    names = ", ".join(columns)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" for _ in columns)
    driver.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", [_for_sqlite(row) for row in rows])


def _for_sqlite(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        to_milliseconds(one) if isinstance(one, datetime) else str(one) if isinstance(one, UUID) else one for one in row
    )


def _edit(connection: Connection, revision: int) -> None:
    """Let every so-manieth patient have had another caption before."""
    chosen = f"data_type = 'patient' AND substr(key, 1, 8) < '{0xFFFFFFFF // EDITED_EVERY:08x}'"
    facts = ", ".join(_COLUMNS)
    before = facts.replace(" caption,", " caption || ' (before)',")
    connection.exec_driver_sql(
        f"INSERT INTO entity_history ({facts}, superseded_by, superseded_at, deleted) "
        f"SELECT {before}, {revision + 1}, updated_at, {'false' if connection.dialect.name == 'postgresql' else '0'} "
        f"FROM entity WHERE {chosen}"
    )
    connection.exec_driver_sql(f"UPDATE entity SET revision = {revision + 1} WHERE {chosen}")


def _set_revision(tenant_id: UUID, revision: int) -> None:
    db.session.execute(update(Tenant).where(Tenant.id == tenant_id).values(revision=revision))


@contextmanager
def _indexes_made_after(connection: Connection, table: str, *also: str) -> Iterator[None]:
    """Drop the table's plain indexes, and those named, and make them again at the end just as they were."""
    if connection.dialect.name == "postgresql":
        found = connection.execute(
            text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = :table"), {"table": table}
        ).all()
        known = {name: sql for name, sql in found if name.startswith("ix_") or name in also}
    else:
        found = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL"),
            {"table": table},
        ).all()
        known = {name: sql for name, sql in found if name.startswith("ix_")}
    for name in known:
        connection.exec_driver_sql(f'DROP INDEX "{name}"')
    yield
    for sql in known.values():
        # A partitioned table's definition says ONLY, which would leave its partitions without an index.
        connection.exec_driver_sql(sql.replace(" ON ONLY ", " ON "))


def settle() -> None:
    """What a database does by and by: statistics, the visibility map, the write-ahead log into the file."""
    on_postgresql = db.engine.dialect.name == "postgresql"
    raw = db.engine.raw_connection()
    try:
        driver: Any = raw.driver_connection
        if on_postgresql:
            driver.autocommit = True
        for statement in SETTLING["postgresql" if on_postgresql else "sqlite"]:
            driver.execute(statement)
    finally:
        raw.invalidate()


def count_rows() -> tuple[int, int]:
    """How many measurements and entities there are now."""
    found = db.session.execute(text("SELECT (SELECT count(*) FROM measurement), (SELECT count(*) FROM entity)")).one()
    return int(found[0]), int(found[1])

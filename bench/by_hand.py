"""What one would write in Python instead, in a process of its own: ``python -m bench.by_hand '{…}'``.

Reads its order as JSON and prints ``{"seconds", "cpu"}``: from the first statement to the closed file, without the
imports.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path
from typing import Any


def main() -> None:
    order = json.loads(sys.argv[1])
    ready = _WAYS[order["way"]](order)
    began, used = time.monotonic(), time.process_time()
    ready()
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - used}))


def orm_wide(order: dict[str, Any]) -> Callable[[], None]:
    """ORM objects, gathered by instant, ``csv.writer``, ``zipfile`` with its usual compression."""
    session, select, models, _ = _orm(order)

    def rows_of(series: int) -> Iterator[list[Any]]:
        found = session.scalars(_values_of(select, models, series, order))
        for moment, values in groupby(found, key=lambda one: one.time):
            known = {one.metric_id: one.value for one in values}
            yield [_iso(moment), *(known.get(metric, "") for metric in order["metrics"])]

    def run() -> None:
        with zipfile.ZipFile(order["output"], "w", zipfile.ZIP_DEFLATED) as archive:
            for series, key in order["devices"]:
                with archive.open(f"{key}.csv", "w") as member, TextIOWrapper(member, "utf-8", newline="") as text:
                    writer = csv.writer(text)
                    writer.writerow(["timestamp", *order["names"]])
                    writer.writerows(rows_of(series))
                session.expunge_all()

    return run


def orm_long(order: dict[str, Any]) -> Callable[[], None]:
    """ORM objects, ``csv.writer``, ``zipfile``: a row for each value."""
    session, select, models, _ = _orm(order)
    named = dict(zip(order["metrics"], order["names"], strict=True))

    def run() -> None:
        with (
            zipfile.ZipFile(order["output"], "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("measurements.csv", "w", force_zip64=True) as member,
            TextIOWrapper(member, "utf-8", newline="") as text,
        ):
            writer = csv.writer(text)
            writer.writerow(order["header"])
            for series, key in order["devices"]:
                for one in session.scalars(_values_of(select, models, series, order)):
                    writer.writerow([_iso(one.time), key, "", "", named[one.metric_id], one.value])
                session.expunge_all()

    return run


def orm_patients(order: dict[str, Any]) -> Callable[[], None]:
    """ORM objects, ``json.loads`` and ``json.dumps``, ``zipfile``."""
    session, select, models, parse = _orm(order)
    entity = models.Entity

    def rows() -> Iterator[dict[str, Any]]:
        wanted = (
            select(entity)
            .where(
                entity.tenant_id == parse.UUID(order["tenant"]),
                entity.data_type == "patient",
                entity.revision <= order["revision"],
                entity.created_at >= parse.datetime.fromisoformat(order["since"]),
                entity.created_at < parse.datetime.fromisoformat(order["until"]),
            )
            .order_by(entity.created_at, entity.id)
            .execution_options(yield_per=2_000)
        )
        for one in session.scalars(wanted):
            yield {
                "_id": str(one.id),
                "_caption": one.caption,
                "_template": {"id": str(one.template_id), "name": one.template.name},
                "_ownerOrganization": {"id": str(one.organization_id), "name": one.organization.name},
                "_creationTime": _iso(one.created_at),
                "_lastModifiedTime": _iso(one.updated_at),
                **json.loads(one.attributes),
                **json.loads(one.phi_attributes),
            }

    def run() -> None:
        with (
            zipfile.ZipFile(order["output"], "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("patient.ndjson", "w", force_zip64=True) as member,
        ):
            for row in rows():
                member.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    return run


def pandas_frame(order: dict[str, Any]) -> Callable[[], None]:
    """``read_sql`` and ``to_csv`` with gzip, one frame for each device, written one after the other."""
    import gzip

    pandas = importlib.import_module("pandas")
    engine = importlib.import_module("sqlalchemy").create_engine(order["url"])

    def run() -> None:
        with gzip.open(order["output"], "wt", newline="") as text:
            for statement in order["statements"]:
                frame = pandas.read_sql_query(statement, engine)
                frame.to_csv(text, header=False, index=False)

    return run


def duckdb_copy(order: dict[str, Any]) -> Callable[[], None]:
    """``COPY … TO`` from the same table, which DuckDB's own scanner reads in place."""
    duckdb = importlib.import_module("duckdb")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{_extension(order['scanner'])}'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"ATTACH '{order['place']}' AS kept (TYPE {order['scanner']}, READ_ONLY)")

    def run() -> None:
        connection.execute(f"COPY ({order['statements'][0]}) TO '{order['output']}' ({order['form']})")

    return run


def _extension(scanner: str) -> Path:
    """The file that a package of that name brought: nothing is fetched."""
    found = importlib.util.find_spec(f"duckdb_extension_{scanner}_scanner")
    if found is None or found.origin is None:
        raise RuntimeError(f"DuckDB's {scanner} scanner is not installed")
    return next(Path(found.origin).parent.glob("extensions/*/*.duckdb_extension"))


class _Parse:
    from datetime import datetime
    from uuid import UUID


def _orm(order: dict[str, Any]) -> tuple[Any, Any, Any, type[_Parse]]:
    sqlalchemy = importlib.import_module("sqlalchemy")
    orm = importlib.import_module("sqlalchemy.orm")
    models = importlib.import_module("app.models")
    return orm.Session(sqlalchemy.create_engine(order["url"])), sqlalchemy.select, models, _Parse


def _values_of(select: Any, models: Any, series: int, order: dict[str, Any]) -> Any:
    value = models.Measurement
    return (
        select(value)
        .where(
            value.series_id == series,
            value.time >= _Parse.datetime.fromisoformat(order["start"]),
            value.time < _Parse.datetime.fromisoformat(order["end"]),
            value.batch <= order["revision"],
        )
        .order_by(value.time, value.metric_id)
    )


def _iso(moment: Any) -> str:
    written: str = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    return written


_WAYS: dict[str, Callable[[dict[str, Any]], Callable[[], None]]] = {
    "orm wide": orm_wide,
    "orm long": orm_long,
    "orm patients": orm_patients,
    "pandas": pandas_frame,
    "duckdb": duckdb_copy,
}

if __name__ == "__main__":
    main()

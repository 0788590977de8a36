"""Values and texts that should trip an export up, from the door where they come in to the archive that they are in."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app import administration, exports
from app.administration import AttributeSpec
from app.errors import Invalid
from app.exports import ReportParams
from app.exports.claims import claim_part
from app.exports.work import do_part
from app.extensions import db
from app.measurements import load_measurements
from app.measurements.batch import EARLIEST_MS, GREATEST, LATEST_MS
from app.models import Measurement, Metric
from tests.exports.test_life import LONG_AGO, make, opened
from tests.exports.timeseries import ALWAYS, FIRST_DAY, Ward

YEAR_1899, YEAR_2999 = EARLIEST_MS - 1, 32_472_144_000_000


@pytest.mark.parametrize(
    ("time", "value", "words"),
    [
        (FIRST_DAY, float("nan"), "1 value is not a finite number"),
        (FIRST_DAY, float("inf"), "1 value is not a finite number"),
        (FIRST_DAY, float("-inf"), "1 value is not a finite number"),
        (FIRST_DAY, None, "1 value is not a finite number"),
        (FIRST_DAY, 1e308, "1 value is too large to be a measurement"),
        (FIRST_DAY, -1.0000001e200, "1 value is too large to be a measurement"),
        (YEAR_1899, 1.0, "1 value is outside the years 1900 to 2199"),
        (LATEST_MS, 1.0, "1 value is outside the years 1900 to 2199"),
        (YEAR_2999, 1.0, "1 value is outside the years 1900 to 2199"),
    ],
)
def test_what_no_archive_could_hold_is_refused_at_the_door_and_nothing_of_its_delivery_stays(
    ward: Ward, time: int, value: Any, words: str
) -> None:
    series = ward.series(ward.world.device())
    with pytest.raises(Invalid, match=words):
        load_measurements(ward.world.acme.id, series, ward.metrics["cd4"], [FIRST_DAY + 1, time], [2.0, value])
    assert db.session.scalars(select(Measurement)).all() == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_last_values_that_are_taken_in_come_out_to_the_last_bit(ward: Ward, form: str) -> None:
    from pyarrow import parquet

    device = ward.world.device(key="EDGE", serial_number="EDGE")
    # SQLite keeps no sign of zero.
    edges = {EARLIEST_MS: GREATEST, -1: -GREATEST, 0: 0.0, 1: 5e-324, LATEST_MS - 1: 0.1 + 0.2}
    load_measurements(ward.world.acme.id, ward.series(device), ward.metrics["cd4"], list(edges), list(edges.values()))
    params = ALWAYS.__class__(**{name: getattr(ALWAYS, name) for name in ("start", "end")}, format=form)
    archive = opened(ward.world, "alice", made(ward, params))
    if form == "parquet":
        table = parquet.read_table(io.BytesIO(archive.read("EDGE.parquet")))
        found = dict(zip(table["timestamp"].cast("int64").to_pylist(), table["CD4"].to_pylist(), strict=True))
        assert {time: value.hex() for time, value in found.items()} == {time: edges[time].hex() for time in edges}
        return
    rows = list(csv.reader(io.StringIO(archive.read("EDGE.csv").decode(), newline="")))[1:]
    assert [(row[0], float(row[1]).hex()) for row in rows] == [
        ("1900-01-01T00:00:00.000Z", GREATEST.hex()),
        ("1969-12-31T23:59:59.999Z", (-GREATEST).hex()),
        ("1970-01-01T00:00:00.000Z", (0.0).hex()),
        ("1970-01-01T00:00:00.001Z", (5e-324).hex()),
        ("2199-12-31T23:59:59.999Z", (0.1 + 0.2).hex()),
    ]


def made(ward: Ward, params: Any, kind: str = "data_export", who: str = "alice") -> Any:
    actor = ward.world.actor(who)
    export = exports.request_export(actor, kind, params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    return exports.get_export(actor, export.id)


def test_a_metric_of_another_tenant_is_refused_in_the_words_for_an_unknown_one(ward: Ward) -> None:
    theirs = db.session.scalars(select(Metric.id).where(Metric.tenant_id == ward.world.borealis.id)).first()
    assert theirs is not None
    series = ward.series(ward.world.device())
    with pytest.raises(Invalid, match="1 of the metrics are unknown"):
        load_measurements(ward.world.acme.id, series, theirs, [FIRST_DAY], [1.0])
    told = []
    for metric in (theirs, 10**12):
        params = ALWAYS.__class__(ALWAYS.start, ALWAYS.end, metric_ids=(metric,))
        with pytest.raises(Invalid) as refused:
            exports.request_export(ward.world.actor("alice"), "data_export", params, request_key=str(uuid4()))
        told.append(refused.value.fields)
    assert told[0] == told[1] != {}


def test_a_scope_without_any_device_is_an_archive_that_says_so(ward: Ward) -> None:
    ward.world.device(ward.world.riverside)
    export = made(ward, ALWAYS)
    assert (export.state, export.promised_rows, export.part_count) == ("ready", 0, 0)
    archive = opened(ward.world, "alice", export)
    assert archive.namelist() == ["datapackage.json", "README.txt"]
    assert json.loads(archive.read("datapackage.json"))["resources"] == []
    assert "there was nothing to export" in archive.read("README.txt").decode()


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_attributes_of_one_name_and_different_kinds_share_a_column_that_holds_them_all(ward: Ward, form: str) -> None:
    from pyarrow import parquet

    world = ward.world
    for name, kind, unit, value in (("a", "INTEGER", "kg", 71), ("b", "DECIMAL", "lb", 71.5)):
        attributes = [
            AttributeSpec(name="title", label="Title", kind="LABEL"),
            AttributeSpec(name="load", label="Load", kind=kind, unit=unit),
            AttributeSpec(name="code", label="Code", kind="LABEL" if name == "b" else "INTEGER"),
        ]
        template = administration.create_template(world.acme.id, "generic-entity", f"kind_{name}", name, attributes)
        world.templates[name] = template
        world.entity(name, None, {"title": name, "load": value, "code": "=x" if name == "b" else 7})
    params = ReportParams(("generic-entity",), start=LONG_AGO, order="asc", format=form)
    archive = opened(world, "alice", make(world, "alice", params))
    for name in ("a", "b"):
        del world.templates[name]
    data = archive.read(f"generic-entity.{form}")
    if form == "json":
        assert [(one["load"], one["code"]) for one in json.loads(data)] == [(71, 7), (71.5, "=x")]
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert [(row["load"], row["code"]) for row in rows] == [("71", "7"), ("71.5", "=x")]
        fields = json.loads(archive.read("datapackage.json"))["resources"][0]["schema"]["fields"]
        (load,) = (one for one in fields if one["name"] == "load")
        assert (load["type"], load.get("unit")) == ("number", None)
    else:
        table = parquet.read_table(io.BytesIO(data))
        assert table.select(["load", "code"]).to_pylist() == [{"load": 71.0, "code": "7"}, {"load": 71.5, "code": "=x"}]


def test_a_snapshot_older_than_an_edit_shows_what_was_there_before_it(ward: Ward) -> None:
    device = ward.world.device(key="OLD", serial_number="OLD")
    series = ward.series(device)
    ward.load(series, "cd4", [FIRST_DAY, FIRST_DAY + 1], 1.0)
    export = exports.request_export(ward.world.actor("alice"), "data_export", ALWAYS, request_key=str(uuid4()))
    plan = claim_part("planner")
    assert plan is not None
    assert do_part(plan)
    ward.load(series, "cd4", [FIRST_DAY], 2.0)
    ward.load(series, "cd4", [FIRST_DAY + 1, FIRST_DAY + 2], 3.0)
    exports.work_until_idle("test")
    found = exports.get_export(ward.world.actor("alice"), export.id)
    rows = opened(ward.world, "alice", found).read("OLD.csv").decode().splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["1", "1"]
    again = opened(ward.world, "alice", made(ward, ALWAYS)).read("OLD.csv").decode().splitlines()
    assert [row.split(",")[1] for row in again[1:]] == ["2", "3", "3"]


def test_a_report_s_measurements_guard_names_that_would_run(ward: Ward) -> None:
    device = ward.world.device(key="=1+1", serial_number="x")
    ward.load(ward.series(device), "cd4", [FIRST_DAY], -1.5)
    for guarded, key in ((True, "'=1+1"), (False, "=1+1")):
        params = ReportParams(
            ("measurements",), start=datetime(1900, 1, 1, tzinfo=UTC), format="csv", for_spreadsheets=guarded
        )
        archive: zipfile.ZipFile = opened(ward.world, "alice", made(ward, params, "report"))
        (row,) = csv.DictReader(io.StringIO(archive.read("measurements.csv").decode("utf-8-sig"), newline=""))
        assert (row["sourceEntityId"], row["value"]) == (key, "-1.5")

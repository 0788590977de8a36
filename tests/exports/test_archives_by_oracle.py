"""Whatever the data, the request and the cutting: an archive holds what was there when it was planned, nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import exports
from app.exports import DataExportParams, ReportParams, failpoints
from app.exports.claims import claim_part
from app.exports.work import do_part
from app.extensions import db
from app.models import Export, ExportPart, Tenant
from tests.exports.archive_oracle import (
    MEASURED,
    Oracle,
    flat,
    instant,
    read_csv,
    read_json,
    read_parquet,
    same_cell,
)
from tests.exports.random_world import DAY, HOUR, NOON, Made, Sketch, change, make, sketches
from tests.exports.timeseries import Ward
from tests.factories import BEGINNING

LONG_AGO, FAR_AWAY = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
PLACES = (failpoints.MID_PART, failpoints.BEFORE_STAGING, failpoints.AFTER_PART_COMMIT, failpoints.BEFORE_RENAME)
EXAMPLES = {"sqlite": 12, "postgresql": 5}
LONG_EXAMPLES = {"sqlite": 300, "postgresql": 120}

bounds = st.sampled_from([NOON - 2 * DAY, NOON - HOUR, NOON, NOON + 1, NOON + 5_000, NOON + DAY]).map(
    lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC)
)
cuts = st.tuples(st.sampled_from([1, 3, 40, 20_000]), st.sampled_from([1, 2, 5, 5_000]))
reports = st.builds(
    ReportParams,
    data_types=st.sampled_from(
        [("patient",), ("measurements",), ("device", "patient", "measurements"), ("generic-entity", "patient")]
    ),
    period=st.sampled_from(["creation", "modification"]),
    start=st.sampled_from([LONG_AGO, BEGINNING + timedelta(hours=1)]),
    end=st.sampled_from([None, FAR_AWAY, BEGINNING + timedelta(hours=3)]),
    order=st.sampled_from(["asc", "desc"]),
    format=st.sampled_from(["json", "ndjson", "csv", "parquet"]),
    max_file_bytes=st.sampled_from([None, None, 50_000, 70_001]),
    without_phi=st.booleans(),
    for_spreadsheets=st.booleans(),
)
data_exports = st.builds(
    DataExportParams,
    start=st.one_of(st.just(LONG_AGO), bounds),
    end=st.just(FAR_AWAY),
    file_name=st.sampled_from(["${thing.serialNumber}", "${thingDefinition.name}", "a ${thing.name} b"]),
    hash_file_name=st.booleans(),
    include_unit=st.booleans(),
    timestamp_format=st.sampled_from(["ISO_8601", "EPOCH_MILLIS"]),
    format=st.sampled_from(["csv", "parquet"]),
    for_spreadsheets=st.booleans(),
    headed_by=st.sampled_from(["label", "name"]),
)


@dataclass
class Run:
    """An export that is done, and what it should hold: asked of the oracle when it was planned."""

    export: Export
    archive: zipfile.ZipFile
    bytes: bytes
    expected: Any


@contextmanager
def changing(made: Made, later: list[tuple[str, int, Any]]) -> Iterator[None]:
    """While this lasts, what is to happen later happens: between parts, in the middle of them, before the end."""
    waiting, faults = list(later), []

    def visit(place: str) -> None:
        if place in PLACES and waiting:
            try:
                change(made, waiting.pop(0))
            except Exception as fault:
                # A worker would take it for a fault of its own, and try the part again.
                faults.append(fault)

    failpoints.visit_with(visit)
    try:
        yield
    finally:
        failpoints.visit_with(None)
    assert faults == []


def run(made: Made, who: str, params: Any, cut: tuple[int, int], sketch: Sketch, ask: Callable[[Oracle], Any]) -> Run:
    """Plan, ask the oracle, then let the world change while a worker makes the rest."""
    exports.current_pace.bind(replace(exports.current_pace(), part_rows=cut[0], fragment_rows=cut[1]))
    actor = made.world.actor(who)
    kind = "report" if isinstance(params, ReportParams) else "data_export"
    asked = exports.request_export(actor, kind, params, request_key=str(uuid4()))
    plan = claim_part("planner")
    assert plan is not None
    assert do_part(plan)
    planned = exports.get_export(actor, asked.id)
    newest = db.session.get_one(Tenant, made.world.acme.id, populate_existing=True).revision
    assert planned.snapshot_revision == newest
    expected = ask(Oracle(made.world, who))
    db.session.rollback()
    with changing(made, sketch.later):
        exports.work_until_idle("test")
    export = exports.get_export(actor, asked.id)
    told = db.session.scalars(select(ExportPart.last_error).where(ExportPart.export_id == asked.id)).all()
    assert (export.state, export.reason, set(told)) == ("ready", None, {None})
    event(f"{kind} {params.format}, parts: {min(export.part_count or 0, 5)}")
    with exports.open_archive(actor, export.id).stream as stream:
        data = stream.read()
    return Run(export, zipfile.ZipFile(io.BytesIO(data)), data, expected)


def assert_sound(found: Run) -> None:
    """Every reader reads the archive, and what the data package says of its files is true."""
    assert found.archive.testzip() is None
    members = {name: found.archive.read(name) for name in found.archive.namelist()}
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(found.bytes)
        file.flush()
        subprocess.run(["unzip", "-tq", file.name], stdout=subprocess.DEVNULL, check=True)
    streamed = subprocess.run(["bsdtar", "-xOf", "-"], input=found.bytes, capture_output=True, check=True)
    assert streamed.stdout == b"".join(members.values())
    package = json.loads(members["datapackage.json"])
    described = {one["path"]: one for one in package["resources"]}
    assert (
        set(described) == set(members) - {"datapackage.json", "README.txt"} == {one.name for one in found.export.files}
    )
    for file in found.export.files:
        data, said = members[file.name], described[file.name]
        sha256 = hashlib.sha256(data).hexdigest()
        assert (said["bytes"], said["hash"]) == (len(data), f"sha256:{sha256}")
        assert (file.raw_bytes, file.sha256) == (len(data), sha256)
        assert said.get("rowCount", said.get("valueCount")) == file.rows == file.promised_rows
    assert hashlib.sha256(found.bytes).hexdigest() == found.export.archive_sha256


def files_of(found: Run, subject: str, limit: int | None) -> list[bytes]:
    """A subject's files in order; none is longer than it may be, but those of one record that the notes name."""
    files = [one for one in found.export.files if one.subject == subject]
    notes = " ".join(json.loads(found.archive.read("datapackage.json"))["chartroom"]["notes"])
    for one in files:
        if limit is not None and (one.raw_bytes or 0) > limit:
            assert one.rows == 1
            assert f"{one.name} holds one record that is larger" in notes
    return [found.archive.read(one.name) for one in files]


def assert_records(found: Run, params: ReportParams, data_type: str, columns: list[str], records: list[Any]) -> None:
    files = files_of(found, data_type, params.max_file_bytes)
    guarded = params.for_spreadsheets
    if params.format in ("json", "ndjson"):
        assert [one for data in files for one in read_json(data, params.format)] == records
    elif params.format == "parquet":
        rows = [row for data in files for row in read_parquet(data)]
        assert [{name: _plain(value) for name, value in row.items()} for row in rows] == [
            {name: flat(record, name) for name in columns} for record in records
        ]
    else:
        tables = [read_csv(data, guarded) for data in files]
        assert all(header == columns for header, _ in tables)
        rows = [row for _, some in tables for row in some]
        assert len(rows) == len(records)
        for row, record in zip(rows, records, strict=True):
            for name, text in zip(columns, row, strict=True):
                assert same_cell(text, flat(record, name), guarded and name not in ("_creationTime",)), name


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z") if isinstance(value, datetime) else value


def assert_measurements(found: Run, params: ReportParams, values: list[Any]) -> None:
    """``values`` are (source, instant, metric, value) in order."""
    files = files_of(found, "measurements", params.max_file_bytes)
    guarded = params.for_spreadsheets
    wanted = [([source[name] for name in MEASURED[1:4]], time, metric, value) for source, time, metric, value in values]
    if params.format in ("json", "ndjson"):
        objects = [one for data in files for one in read_json(data, params.format)]
        pairs = [
            ([one[name] for name in MEASURED[1:4]], one["timestamp"], metric, value)
            for one in objects
            for metric, value in one["data"].items()
        ]
        # Where two metrics share a name there are two objects: the order within an instant is theirs.
        assert [one[:2] for one in pairs] == [one[:2] for one in wanted]
        assert sorted(map(repr, _as_floats(pairs))) == sorted(map(repr, _as_floats(wanted)))
    elif params.format == "parquet":
        rows = [row for data in files for row in read_parquet(data)]
        assert [
            ([row[name] for name in MEASURED[1:4]], _plain(row["timestamp"]), row["metric"], row["value"])
            for row in rows
        ] == wanted
    else:
        tables = [read_csv(data, guarded) for data in files]
        assert all(header == MEASURED for header, _ in tables)
        rows = [row for _, some in tables for row in some]
        assert len(rows) == len(wanted)
        for row, (source, time, metric, value) in zip(rows, wanted, strict=True):
            for text, given in zip(row, [time, *source, metric, value], strict=True):
                assert same_cell(text, given, guarded)


def _as_floats(values: list[Any]) -> list[Any]:
    # JSON has one zero for Python: -0 is read as the integer 0.
    return [(*one[:3], float(one[3]) + 0.0) for one in values]


def check_report(made: Made, sketch: Sketch, who: str, params: ReportParams, cut: tuple[int, int]) -> None:
    def ask(oracle: Oracle) -> Any:
        types = [one for one in params.data_types if one != "measurements"]
        of_types = {one: (oracle.columns(params, one), oracle.records(params, one)) for one in types}
        measured = [
            (oracle.source(series), instant(time), metric, value)
            for series, time, metric, value in (oracle.values(params) if params.measured else ())
        ]
        return of_types, measured

    found = run(made, who, params, cut, sketch, ask)
    assert_sound(found)
    of_types, measured = found.expected
    for data_type, (columns, records) in of_types.items():
        assert_records(found, params, data_type, columns, records)
    if params.measured:
        assert_measurements(found, params, measured)


def check_data_export(made: Made, sketch: Sketch, who: str, params: DataExportParams, cut: tuple[int, int]) -> None:
    found = run(made, who, params, cut, sketch, lambda oracle: list(oracle.tables(params)))
    assert_sound(found)
    assert len({one.name.casefold() for one in found.export.files}) == len(found.export.files)
    subjects = list(dict.fromkeys(one.subject for one in found.export.files))
    assert subjects == [str(device) for device, _, _ in found.expected]
    for device, header, table in found.expected:
        assert_table(found, params, device, header, table)


def assert_table(
    found: Run, params: DataExportParams, device: UUID, header: list[str], table: dict[int, list[float | None]]
) -> None:
    files = files_of(found, str(device), None)
    in_words = params.timestamp_format == "ISO_8601"
    if params.format == "parquet":
        rows = [row for data in files for row in read_parquet(data)]
        assert all(list(row) == header for row in rows)
        times = [_plain(row["timestamp"]) for row in rows]
        numbers = [[_bits(row[name]) for name in header[1:]] for row in rows]
    else:
        (data,) = files
        found_header, cells = read_csv(data, params.for_spreadsheets)
        assert found_header == header
        times = [row[0] if in_words else int(row[0]) for row in cells]
        numbers = [[_bits(float(text)) if text else None for text in row[1:]] for row in cells]
    assert times == [instant(time) if in_words else time for time in sorted(table)]
    assert numbers == [[_bits(value) for value in table[time]] for time in sorted(table)]
    count = sum(one.rows or 0 for one in found.export.files if one.subject == str(device))
    assert count == sum(value is not None for row in table.values() for value in row)


def _bits(value: float | None) -> str | None:
    return None if value is None else value.hex()


def property_of(ward: Ward, check: Callable[..., None], params: Any, examples: dict[str, int]) -> None:
    database = db.engine.dialect.name

    # Shrinking makes a hundred archives more: who wants a small failing world runs the long test.
    phases = [Phase.generate, *([Phase.shrink] if examples is LONG_EXAMPLES else [])]

    @settings(
        max_examples=examples[database], phases=phases, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(sketches, st.sampled_from(["alice", "ann"]), params, cuts)
    def holds(sketch: Sketch, who: str, params: Any, cut: tuple[int, int]) -> None:
        check(make(ward.world, sketch), sketch, who, params, cut)

    holds()


@pytest.mark.parametrize(("check", "params"), [(check_report, reports), (check_data_export, data_exports)])
def test_an_archive_is_what_the_oracle_says_whatever_happens_meanwhile(ward: Ward, check: Any, params: Any) -> None:
    property_of(ward, check, params, EXAMPLES)


@pytest.mark.long
@pytest.mark.parametrize(("check", "params"), [(check_report, reports), (check_data_export, data_exports)])
def test_hundreds_of_archives_are_what_the_oracle_says(ward: Ward, check: Any, params: Any) -> None:
    property_of(ward, check, params, LONG_EXAMPLES)

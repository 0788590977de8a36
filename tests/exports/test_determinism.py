"""The same request at the same revision is the same bytes, whoever makes it and into how many parts it is cut."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from flask import current_app

from app import exports
from app.exports import ReportParams
from app.exports.builders import kept_builder
from app.extensions import db
from app.storage import storage
from tests.builder.children import ROOT
from tests.exports.test_life import LONG_AGO
from tests.exports.timeseries import ALWAYS, Ward, busy_devices

REPORT = ReportParams(("patient", "device", "measurements"), start=LONG_AGO)
REQUESTS = {
    **{f"report as {form}": ("report", replace(REPORT, format=form)) for form in ("json", "ndjson", "csv", "parquet")},
    "split report": ("report", replace(REPORT, max_file_bytes=50_000)),
    "data export": ("data_export", ALWAYS),
    "data export as parquet": ("data_export", replace(ALWAYS, format="parquet")),
}


def asked(ward: Ward, kind: str, params: Any) -> Any:
    return exports.request_export(ward.world.actor("ann"), kind, params, request_key=str(uuid4())).id


def told(ward: Ward, export_id: Any) -> tuple[Any, ...]:
    """What of an export must not depend on who made it."""
    db.session.rollback()
    db.session.expire_all()
    export = exports.get_export(ward.world.actor("ann"), export_id)
    assert (export.state, export.reason) == ("ready", None)
    files = tuple((one.name, one.rows, one.raw_bytes, one.sha256, one.compressed_bytes) for one in export.files)
    return export.archive_sha256, export.archive_bytes, files


def with_parts(part_rows: int) -> None:
    exports.current_pace.bind(replace(exports.current_pace(), part_rows=part_rows))


@pytest.fixture
def full(ward: Ward) -> Ward:
    busy_devices(ward)
    ward.world.many_patients(30)
    ward.world.patient(notes="é" * 30_000)
    return ward


def test_one_worker_and_parts_of_any_size_make_the_same_archive(full: Ward) -> None:
    for name, (kind, params) in REQUESTS.items():
        made, parts = set(), set()
        for part_rows in (5, 20_000):
            with_parts(part_rows)
            export_id = asked(full, kind, params)
            exports.work_until_idle("test")
            made.add(told(full, export_id))
            parts.add(exports.get_export(full.world.actor("ann"), export_id).part_count)
        assert len(made) == 1, name
        assert len(parts) > 1, name


@pytest.mark.long
def test_a_fresh_builder_for_every_part_makes_the_same_archive(full: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, params = REQUESTS["split report"]
    with_parts(7)
    first = asked(full, kind, params)
    exports.work_until_idle("test")
    here, pids = type(kept_builder).here, set()

    def another(kept: Any) -> Any:
        pids.add(kept._builder.pid if kept._builder else None)
        kept.end()
        return here(kept)

    monkeypatch.setattr(type(kept_builder), "here", another)
    second = asked(full, kind, params)
    exports.work_until_idle("test")
    assert told(full, first) == told(full, second)
    assert len(pids) > 3


# How parts are claimed on PostgreSQL, two workers show among the quick fault tests.
@pytest.mark.long
@pytest.mark.parametrize("ward", ["sqlite", "postgresql"], indirect=True)
def test_four_workers_at_once_make_the_archives_that_one_makes(full: Ward) -> None:
    with_parts(20_000)
    alone = {name: asked(full, *request) for name, request in REQUESTS.items()}
    exports.work_until_idle("test")
    together = {name: asked(full, *request) for name, request in REQUESTS.items()}
    config = current_app.extensions["chartroom.config"]
    database = db.engine.url.render_as_string(hide_password=False) if db.engine.dialect.name == "postgresql" else None
    command = [
        sys.executable,
        "-m",
        "tests.exports.working",
        str(config.data_dir),
        "7",
        *([database] if database else []),
    ]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) for _ in range(4)]
    done = [int(one.communicate(timeout=120)[0].splitlines()[-1]) for one in workers]
    assert sum(bool(one) for one in done) > 1, done
    for name in REQUESTS:
        assert told(full, alone[name]) == told(full, together[name]), name
    assert list(storage.list_("staging/")) == []

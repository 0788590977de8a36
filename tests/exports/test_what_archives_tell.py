"""What an archive tells beyond its data: nothing that was left out, and the truth about the rest."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pyarrow import parquet

from app import exports
from app.exports import ReportParams
from tests.exports.test_life import LONG_AGO, PATIENTS, make, opened
from tests.exports.timeseries import ALWAYS, FIRST_DAY, Ward, between
from tests.factories import World

EVERYTHING = ReportParams(("patient", "device", "generic-entity"), start=LONG_AGO, without_phi=True)


def said(archive: zipfile.ZipFile) -> str:
    return " ".join(archive.read("README.txt").decode().split())


def described(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    package = json.loads(archive.read("datapackage.json"))
    return next(one for one in package["resources"] if one["path"] == name)


def attached(name: str) -> dict[str, Any]:
    return {"id": str(uuid4()), "name": name, "mimeType": "application/pdf", "size": 12}


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_a_file_s_name_is_left_out_with_what_identifies_people(domain: World, form: str) -> None:
    patient = domain.patient(analysis_file=attached("Jane Doe.pdf"), images=[attached("Doe, Jane.png")])
    device = domain.device()
    log = domain.log(device, title="Start", txt_log_file=attached("bed of Jane Doe.txt"))
    for without_phi in (False, True):
        params = replace(EVERYTHING, format=form, without_phi=without_phi)
        archive = opened(domain, "alice", make(domain, "alice", params))
        tables = {name: archive.read(name) for name in archive.namelist()}
        for name, content in tables.items():
            if name.endswith(".parquet"):
                tables[name] = repr(parquet.read_table(io.BytesIO(content)).to_pydict()).encode()
        whole = b"".join(tables.values())
        assert (b"Jane" in whole, b"analysis_file" in whole, b"txt_log_file" in whole) == (not without_phi,) * 3
        assert (str(patient.id).encode() in whole, str(log.id).encode() in whole) == (True, True)
        # What a log is called is made of no file, so it stays.
        assert b"Start" in tables[f"generic-entity.{form}"]
        told = "names and sizes" if form == "json" else "names and IDs"
        assert (f"their {told} are in the records" in said(archive)) == (not without_phi)
        assert ("what attached files are called" in said(archive)) == without_phi


def test_a_read_me_speaks_of_attached_files_as_they_are(domain: World) -> None:
    domain.patient()
    domain.device()
    none = opened(domain, "alice", make(domain, "alice", replace(PATIENTS, with_files=True)))
    assert "Attached files were asked for; the records have none." in said(none)
    no_files = opened(domain, "alice", make(domain, "alice", ReportParams(("device",), start=LONG_AGO)))
    assert "attached files: they were not asked for." in said(no_files)
    measured = opened(domain, "alice", make(domain, "alice", ReportParams(("measurements",), start=LONG_AGO)))
    assert "records and their attached files: only measurements were asked for" in said(measured)
    assert "are in the records" not in said(measured)
    assert "Nothing matched what was asked for" in said(measured)
    assert "From Northside Clinic." in said(measured)
    assert "From every organization." in said(opened(domain, "ann", make(domain, "ann", PATIENTS)))


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "parquet"])
def test_measurements_of_a_report_are_counted_in_values_and_each_metric_is_described(domain: World, form: str) -> None:
    ward = Ward.of(domain)
    series = ward.series(domain.device())
    for metric in ("cd4", "cd8"):
        ward.load(series, metric, [FIRST_DAY, FIRST_DAY + 1000])
    params = ReportParams(("device", "measurements"), start=LONG_AGO, format=form)
    archive = opened(domain, "alice", make(domain, "alice", params))
    resource = described(archive, f"measurements.{form}")
    assert resource["valueCount"] == 4
    assert resource.get("rowCount") == (4 if form in ("csv", "parquet") else None)
    cd4 = {"name": "cd4", "title": "CD4", "type": "number", "of": "Glucometer", "unit": "cells/µL"}
    assert cd4 | {"description": "Metric cd4"} in resource["metrics"]
    fields = {one["name"]: one["type"] for one in resource["schema"]["fields"]}
    kept = {"data": "object"} if form in ("json", "ndjson") else {"metric": "string", "value": "number"}
    whose = dict.fromkeys(("patientId", "sessionId", "sourceEntityId"), "string")
    assert fields == {"timestamp": "datetime"} | whose | kept
    if form == "json":
        assert set(json.loads(archive.read("measurements.json"))[0]) == set(fields)
    assert " bytes, 4 values)" in said(archive)
    assert "cd8: CD8 (Glucometer), in cells/µL" in said(archive)
    assert "Records of device, and measurements, created or measured from" in said(archive)


def test_devices_without_values_are_left_out_when_that_is_asked_and_counted(domain: World) -> None:
    ward = Ward.of(domain)
    full, *_ = [domain.device(key=f"GLU-{letter}", serial_number=f"SN-{letter}") for letter in "BAC"]
    ward.load(ward.series(full), "cd4", [FIRST_DAY])
    params = replace(ALWAYS, without_empty_devices=True)
    shown = exports.preview_data_export(domain.actor("alice"), params)
    assert (shown.device_count, shown.empty_devices, shown.file_count, shown.file_names) == (3, 2, 1, ("SN-B.csv",))
    archive = data_export(domain, params)
    assert archive.namelist() == ["SN-B.csv", "datapackage.json", "README.txt"]
    assert "2 devices without a value in the period: devices without values were not asked for" in said(archive)
    # What a device is called is said once, with its key where that is not a part of it.
    assert described(archive, "SN-B.csv")["title"] == "Measurements of SN-B (GLU-B)"
    whole = data_export(domain, ALWAYS)
    assert len(whole.namelist()) == 5
    assert "without a value" not in said(whole)


def test_when_no_device_has_values_the_archive_says_so(domain: World) -> None:
    domain.device(key="SN-1 monitor", serial_number="SN-1 monitor")
    early = between(0, 1000, without_empty_devices=True)
    assert exports.holds_no_value(domain.actor("alice"), early)
    archive = data_export(domain, early)
    assert archive.namelist() == ["datapackage.json", "README.txt"]
    assert "every device without a value in the period" in said(archive)
    assert "there is no value in here" in said(archive)
    (name, *_) = (headers := data_export(domain, between(0, 1000))).namelist()
    assert described(headers, name)["title"] == "Measurements of SN-1 monitor"


def data_export(world: World, params: Any) -> zipfile.ZipFile:
    export = exports.request_export(world.actor("alice"), "data_export", params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    return opened(world, "alice", exports.get_export(world.actor("alice"), export.id))

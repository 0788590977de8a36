"""What the archive says of itself holds up against Frictionless, and against the files."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import frictionless
import pytest

from app.archive import (
    Column,
    LeftOut,
    PackageDescription,
    Resource,
    Source,
    ZipWriter,
    data_package,
    data_package_bytes,
    readme_text,
)
from tests.archive.making import SNAPSHOT, staged_file

PATIENTS = Resource(
    path="patients.csv",
    title="Patients",
    format="csv",
    raw_length=0,
    raw_sha256="",
    rows=2,
    columns=(
        Column("id", "string", title="Identifier", required=True),
        Column("weight", "number", title="Weight", unit="kg"),
        Column("arm", "string", choices=("control", "treated")),
        Column("created", "datetime", title="Created"),
        Column("alive", "boolean"),
    ),
)
PATIENT_ROWS = (
    b"id,weight,arm,created,alive\r\n"
    b'p1,71.5,control,2024-01-02T03:04:05.678Z,true\r\n"p,2",,treated,2024-01-02T03:04:05Z,false\r\n'
)
EVENTS = Resource(
    path="logs/events.ndjson",
    title="Events",
    format="ndjson",
    raw_length=0,
    raw_sha256="",
    rows=2,
    columns=(Column("at", "integer", unit="ms"), Column("detail", "object"), Column("tags", "array")),
)
EVENT_ROWS = b'{"at":1,"detail":{"a":1},"tags":[1]}\n{"at":2,"detail":{},"tags":[]}\n'
DEVICES = replace(EVENTS, path="devices.json", title="Devices", format="json")
DEVICE_ROWS = b'[{"at":1,"detail":{"a":1},"tags":[1]},{"at":2,"detail":{},"tags":[]}]'
ATTACHED = Resource(path="files/messy.csv", title="messy.csv of patient p1", format="csv", raw_length=0, raw_sha256="")
FILES = {
    "patients.csv": PATIENT_ROWS,
    "logs/events.ndjson": EVENT_ROWS,
    "devices.json": DEVICE_ROWS,
    "files/messy.csv": b"a,b\n1\n1,2,3\n\xff",
}


def described(*resources: Resource, **changes: Any) -> PackageDescription:
    return PackageDescription(
        name="report-2024",
        title="Report of patients",
        description="Patients of two clinics, changed in May.",
        snapshot_revision=42,
        snapshot_at=SNAPSHOT,
        resources=resources,
        **changes,
    )


def published(folder: Path, files: dict[str, bytes], *resources: Resource, **changes: Any) -> Path:
    """An archive of these files with its data package, unpacked; the package's path."""
    with (folder / "a.zip").open("wb") as sink:
        writer = ZipWriter(sink, SNAPSHOT)
        measured = []
        for one in resources:
            member = writer.add(one.path, staged_file([files[one.path]]))
            assert member.raw_sha256 is not None
            measured.append(replace(one, raw_length=member.raw_length, raw_sha256=member.raw_sha256))
        writer.add_bytes("datapackage.json", data_package_bytes(described(*measured, **changes)))
        writer.finish()
    with zipfile.ZipFile(folder / "a.zip") as opened:
        opened.extractall(folder / "unpacked")
    return folder / "unpacked" / "datapackage.json"


def verdict(package: Path) -> list[Any]:
    return list(frictionless.validate(str(package)).flatten(["type", "message"]))


def test_the_package_and_every_file_it_names_validate(tmp_path: Path) -> None:
    package = published(tmp_path, FILES, PATIENTS, EVENTS, DEVICES, ATTACHED)
    assert verdict(package) == []
    strict = frictionless.Package(str(package))
    assert [one.type for one in strict.resources] == ["table", "table", "file", "file"]


def test_the_package_of_a_file_for_spreadsheets_validates(tmp_path: Path) -> None:
    files = {"patients.csv": b"\xef\xbb\xbf" + PATIENT_ROWS}
    package = published(tmp_path, files, PATIENTS, for_spreadsheets=True)
    assert verdict(package) == []
    assert json.loads(package.read_bytes())["chartroom"]["csvForSpreadsheets"] is True


def test_tables_without_rows_validate(tmp_path: Path) -> None:
    header = PATIENT_ROWS.split(b"\r\n")[0] + b"\r\n"
    files = {"patients.csv": header, "logs/events.ndjson": b"", "devices.json": b"[]"}
    package = published(tmp_path, files, *(replace(one, rows=0) for one in (PATIENTS, EVENTS, DEVICES)))
    assert verdict(package) == []


def test_every_table_says_its_columns_whether_or_not_a_validator_reads_its_rows() -> None:
    for one in data_package(described(PATIENTS, EVENTS, DEVICES, replace(EVENTS, rows=0)))["resources"]:
        assert one["schema"]["fields"]
        assert one["rowCount"] in (0, 2)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (PATIENT_ROWS.replace(b"control", b"unheard"), "constraint-error"),
        (PATIENT_ROWS.replace(b"71.5", b"heavy"), "type-error"),
        (PATIENT_ROWS.replace(b"weight", b"height"), "incorrect-label"),
        (PATIENT_ROWS + b"p3,,,,\r\n", "row-count"),
    ],
)
def test_a_file_that_is_not_as_described_does_not_validate(tmp_path: Path, rows: bytes, fault: str) -> None:
    """The positive control: what passes above passes because it is right."""
    package = published(tmp_path, {"patients.csv": rows}, PATIENTS)
    assert fault in [kind for kind, _ in verdict(package)]


def test_lines_of_ndjson_are_judged_too(tmp_path: Path) -> None:
    package = published(tmp_path, {"logs/events.ndjson": EVENT_ROWS.replace(b"[1]", b"{}")}, EVENTS)
    assert "type-error" in [kind for kind, _ in verdict(package)]


@pytest.mark.parametrize("one", [PATIENTS, EVENTS, DEVICES, ATTACHED], ids=lambda one: one.path)
def test_a_file_altered_after_it_was_unpacked_does_not_validate(tmp_path: Path, one: Resource) -> None:
    package = published(tmp_path, FILES, one)
    (package.parent / one.path).write_bytes(FILES[one.path].replace(b"1", b"7", 1))
    assert "hash-count" in [kind for kind, _ in verdict(package)]


def test_a_field_says_its_type_unit_and_choices() -> None:
    fields = data_package(described(PATIENTS))["resources"][0]["schema"]["fields"]
    assert fields[0] == {
        "name": "id",
        "type": "string",
        "title": "Identifier",
        "constraints": {"required": True},
    }
    assert fields[1] == {"name": "weight", "type": "number", "title": "Weight", "unit": "kg"}
    assert fields[2] == {"name": "arm", "type": "string", "constraints": {"enum": ["control", "treated"]}}


def test_each_resource_has_a_name_of_its_own_as_the_standard_wants_it() -> None:
    paths = ["Ärzte/Übersicht 1.csv", "arzte-ubersicht-1.json", "患者.csv", "設備.csv", ".csv"]
    package = data_package(described(*(replace(PATIENTS, path=path) for path in paths)))
    assert [one["name"] for one in package["resources"]] == [
        "arzte-ubersicht-1",
        "arzte-ubersicht-1-2",
        "file",
        "file-2",
        "csv",
    ]


def test_what_was_left_out_and_where_data_came_from_is_told_to_both() -> None:
    whole = described(
        PATIENTS,
        left_out=(LeftOut("names and birth dates", "you may not export personal data"),),
        sources=(Source("ACTG 175", "https://example.org/actg175"),),
        notes=("One record is larger than the split size and stands alone.",),
    )
    package = data_package(whole)
    assert package["chartroom"]["leftOut"] == [
        {"what": "names and birth dates", "why": "you may not export personal data"}
    ]
    assert package["sources"] == [{"title": "ACTG 175", "path": "https://example.org/actg175"}]
    text = readme_text(whole)
    assert "- names and birth dates: you may not export personal data." in text
    assert "- ACTG 175 https://example.org/actg175" in text
    assert "- One record is larger than the split size and stands alone." in text


def test_the_readme_tells_people_what_they_hold() -> None:
    text = readme_text(described(replace(PATIENTS, raw_length=1_234_567), replace(ATTACHED, raw_length=1)))
    assert text.startswith("Report of patients\n==================\n\nPatients of two clinics, changed in May.\n")
    assert "as it was at 2024-05-06T07:08:10.000Z (UTC), revision 42." in text
    assert "- patients.csv\n  Patients (1,234,567 bytes, 2 records)\n" in text
    assert "- files/messy.csv\n  messy.csv of patient p1 (1 byte)\n" in text
    assert "Nothing that was asked for was left out." in text
    assert 'option "for spreadsheets"' in text
    assert max(len(line) for line in text.splitlines()) <= 78


def test_the_readme_of_a_spreadsheet_export_explains_the_apostrophe() -> None:
    text = readme_text(described(PATIENTS, for_spreadsheets=True))
    assert "apostrophe (')" in text
    assert "verbatim" not in text


def test_the_readme_of_an_export_without_files_says_so() -> None:
    assert "No file: there was nothing to export." in readme_text(described())


def test_the_same_description_gives_the_same_bytes_wherever_it_is_written() -> None:
    elsewhere = SNAPSHOT.astimezone(timezone(timedelta(hours=9)))
    here = described(PATIENTS, EVENTS)
    assert data_package_bytes(replace(here, snapshot_at=elsewhere)) == data_package_bytes(here)
    assert readme_text(replace(here, snapshot_at=elsewhere)) == readme_text(here)
    assert b'"created": "2024-05-06T07:08:10.000Z"' in data_package_bytes(here)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(described(), name="Not A Name"),
        described(replace(PATIENTS, columns=(Column("a", "float"),))),
        replace(described(), snapshot_at=datetime(2024, 1, 1)),  # noqa: DTZ001 - the point of the test
    ],
)
def test_what_the_standard_does_not_know_is_refused(wrong: PackageDescription) -> None:
    with pytest.raises(ValueError, match=r"name|type|time zone"):
        data_package(wrong)


def test_utc_is_what_the_snapshot_is_told_in() -> None:
    moment = datetime(2024, 5, 6, 9, 8, 10, tzinfo=timezone(timedelta(hours=2)))
    package = data_package(replace(described(), snapshot_at=moment))
    assert package["chartroom"]["snapshot"] == {"revision": 42, "at": "2024-05-06T07:08:10.000Z"}
    assert moment.astimezone(UTC) == SNAPSHOT

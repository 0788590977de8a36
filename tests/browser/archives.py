"""A downloaded archive held against the database and against its own description."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from uuid import UUID

import frictionless

from app import attachments, catalog
from app.actor import Actor


def assert_whole(archive: Path) -> None:
    """It opens with unzip, and with what describes it everything in it is as described."""
    subprocess.run(["unzip", "-tqq", archive], check=True, capture_output=True)
    folder = archive.with_suffix("")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.flatten(["type", "message"]) == []
    described = json.loads((folder / "datapackage.json").read_text())["resources"]
    assert {each["path"] for each in described} | {"datapackage.json", "README.txt"} == set(names(archive))


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def read(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        return opened.read(name)


def assert_holds_the_patient(archive: Path, actor: Actor, patient: UUID) -> None:
    """The one record is the database's row, and each attached file is there byte for byte."""
    entity = catalog.get_entity(actor, patient)
    (record,) = json.loads(read(archive, "patient.json"))
    kept = json.loads(entity.attributes) | json.loads(entity.phi_attributes)
    assert record["_id"] == str(patient)
    for attribute in entity.template.attributes:
        given, value = record.get(attribute.name), kept.get(attribute.name)
        if attribute.kind == "REFERENCE" and value:
            # Whoever reads an archive knows a device by its own id, and what it is called was put in for them.
            given, value = given["id"], catalog.get_entity(actor, UUID(value["id"])).key
        assert given == value, attribute.name
    written = [read(archive, name) for name in names(archive) if name.startswith("files/")]
    held = []
    for file in attachments.list_files(actor, entity):
        _, stream = attachments.open_file(actor, file.id, note=False)
        with stream:
            held.append(stream.read())
    assert sorted(written) == sorted(held)

"""Rows of reports beside what a GET of the same record answers: the same words for the same things."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from flask import Flask

from app import administration, exports
from app.administration import AttributeSpec
from app.exports import ReportParams
from tests.api.biot_reports import completed, fetched, query, rows_of
from tests.api.conftest import Machine
from tests.factories import BEGINNING, World

DEVICES, PEOPLE = "/device/v1/devices", "/organization/v1/users"
SAME = ("_id", "_caption", "_creationTime", "_lastModifiedTime", "_configuration", "_timezone")
OF_DEVICE = AttributeSpec(name="device", label="Device", kind="REFERENCE", reference_data_type="device")
OF_PATIENT = AttributeSpec(name="patient", label="Patient", kind="REFERENCE", reference_data_type="patient")
TITLE = AttributeSpec(name="title", label="Title", kind="LABEL", phi=True)
WARD = AttributeSpec(name="ward", label="Ward", kind="LABEL")
KINDS: dict[str, list[AttributeSpec]] = {
    # The first label is the caption, and the title is the name.
    "usage-session": [WARD, TITLE, OF_DEVICE, OF_PATIENT],
    "device-alert": [WARD, TITLE, OF_DEVICE],
    "patient-alert": [OF_PATIENT],
    "command": [TITLE, OF_DEVICE],
    "caregiver": [AttributeSpec(name="name", label="Name", kind="LABEL")],
    "registration-code": [AttributeSpec(name="code", label="Code", kind="LABEL")],
}


def peopled(world: World) -> dict[str, str]:
    """A record of each data type: its address."""
    zone = AttributeSpec(name="timezone", label="Time zone", kind="LABEL")
    world = replace(world, templates=dict(world.templates))
    world.templates["zoned"] = administration.create_template(world.acme.id, "device", "zoned", "Zoned", [zone])
    zoned = world.entity("zoned", None, {"timezone": "Europe/Oslo"}, key="ZONED-1")
    device = world.device()
    patient = world.patient(device={"id": str(device.id)}, notes='she said "no" {"name": 1}')
    about = {"device": {"id": str(device.id)}, "patient": {"id": str(patient.id)}}
    made = {}
    for data_type, attributes in KINDS.items():
        template = administration.create_template(world.acme.id, data_type, data_type, data_type, attributes)
        world.templates[data_type] = template
        given = {"title": f"A title of {data_type} with “quotes” \" and more than thirty-two, and more than sixty-four",
                 "ward": "Ward 3", "name": "Ada Lovelace", "code": "C-1"} | about  # fmt: skip
        named = {one.name for one in attributes}
        made[data_type] = world.entity(data_type, None, {key: one for key, one in given.items() if key in named}).id
    log = world.log(device, title=" a log whose name is longer than names may be: ä")
    untitled = world.entity("usage-session", None, about).id
    return {
        "device": f"/device/v2/devices/{device.key}",
        "device zoned": f"/device/v2/devices/{zoned.key}",
        "patient": f"{PEOPLE}/patients/{patient.id}",
        "generic-entity": f"/generic-entity/v1/generic-entities/{log.id}",
        "organization": f"/organization/v1/organizations/{world.northside.id}",
        "organization-user": f"{PEOPLE}/organizations/{world.users['alice'].id}",
        "caregiver": f"{PEOPLE}/caregivers/{made['caregiver']}",
        "usage-session": f"{DEVICES}/{device.key}/usage-sessions/{made['usage-session']}",
        "usage-session untitled": f"{DEVICES}/{device.key}/usage-sessions/{untitled}",
        "device-alert": f"{DEVICES}/{device.key}/alerts/{made['device-alert']}",
        "patient-alert": f"{PEOPLE}/patients/{patient.id}/alerts/{made['patient-alert']}",
        "command": f"{DEVICES}/{device.key}/commands/{made['command']}",
        "registration-code": f"/organization/v1/registration-codes/{made['registration-code']}",
    }


def test_a_row_of_each_data_type_says_what_a_get_of_the_same_record_says(either: tuple[Machine, World]) -> None:
    machine, world = either
    with machine.client.application.app_context():
        addresses = peopled(world)
    types = list(dict.fromkeys(one.split()[0] for one in addresses))
    report = completed(machine, *map(query, types))
    rows = {one: {row["_id"]: row for row in rows_of(machine, report, one)} for one in types}
    for which, address in addresses.items():
        got = machine.get(address).json
        row = rows[which.split()[0]][got["_id"]]
        for name in SAME:
            assert row.get(name) == (got.get(name) if name in row else None), (which, name)
        assert ("_configuration" in row) == (which.split()[0] == "device")
        if isinstance(got.get("_name"), str):
            assert row["_name"] == got["_name"], which
        for name, value in row.items():
            if isinstance(value, dict):
                compare(got[name], value)
            elif not name.startswith("_"):
                assert got[name] == value, (which, name)


def compare(got: dict[str, Any], told: dict[str, Any]) -> None:
    """What a row tells of another thing is what the GET tells, if less."""
    assert told == {name: got[name] for name in told}
    assert "id" in told or told == {}


def test_files_are_no_longer_than_asked_with_names_in_the_rows(machine: Machine, app: Flask, world: World) -> None:
    with app.app_context():
        device = world.device()
        for _ in range(300):
            world.log(device, title="ä" * 30 + '"')
    report = completed(machine, query("generic-entity"), outputMetadata={"maxFileSizeInBytes": 50_000})
    paths = report["fileOutput"]["filesLocation"]["generic-entity"]["paths"]
    sizes = [len(fetched(machine, one).data) for one in paths]
    assert len(sizes) > 1
    assert max(sizes) <= 50_000


def test_a_name_that_identifies_people_goes_with_the_caption(domain: World) -> None:
    world = replace(domain, templates=dict(domain.templates))
    world.templates["kept"] = administration.create_template(
        world.acme.id, "generic-entity", "kept", "Kept", [WARD, TITLE]
    )
    world.entity("kept", None, {"ward": "Ward 3", "title": "of Ana Ruiz"})
    wanted = ReportParams(("generic-entity",), start=BEGINNING, without_phi=True)
    made = exports.request_export(world.actor("alice"), "report", wanted, request_key=uuid4().hex)
    exports.work_until_idle("test")
    told = b"".join(exports.open_file(world.actor("alice"), made.id, 0).chunks)
    assert b"Ward 3" in told
    assert b"Ana" not in told
    assert b"_name" not in told

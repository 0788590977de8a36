"""Devices, and what belongs to them: sessions and alerts."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app import administration
from app.administration import AttributeSpec
from app.catalog import create_entity, get_entity_by_key, list_templates
from tests.api.conftest import Machine
from tests.factories import World

DEVICES, BELOW = "/device/v2/devices", "/device/v1/devices"


def test_a_device_is_made_with_its_own_id_changed_and_removed(machine: Machine, world: World) -> None:
    body = {"_id": "Scale 7/b", "_templateId": str(world.templates["device"].id), "_status": None, "_configuration": {}}
    made = machine.post(DEVICES, json=body)
    assert made.status_code == 201, made.text
    assert made.get_json()["_id"] == "Scale 7/b"
    assert made.get_json()["_ownerOrganization"]["id"] == str(world.northside.id)
    assert made.get_json()["_status"] is None
    path = f"{DEVICES}/Scale%207%2Fb"
    changed = machine.patch(path, json={"firmware": "1.2"}).get_json()
    assert changed["_status"]["_fwVersion"] == "1.2"
    assert changed["_status"]["_certificateStatus"] == "NOT_INSTALLED"
    assert changed["_status"]["_connection"]["_connected"] is False
    assert machine.post(DEVICES, json=body).status_code == 409
    assert machine.delete(path).status_code == 204
    assert machine.get(path).status_code == 404


@pytest.mark.parametrize("key", ["", "x" * 109, " x", "/x", "a//b", "..", "a\nb", 7, None])
def test_an_id_that_no_address_can_name_is_refused(machine: Machine, key: Any) -> None:
    answer = machine.post(f"{DEVICES}/templates/glucometer", json={"_id": key})
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["_id"])


@pytest.fixture
def device_key(app: Flask, world: World) -> str:
    """A device of Northside's, in a tenant with templates for sessions and alerts."""
    state = AttributeSpec(
        name="state", label="State", kind="SINGLE_SELECT",
        choices=tuple({"value": one, "label": one} for one in ("ACTIVE", "DONE", "CLEARED")),
    )  # fmt: skip
    device = AttributeSpec(name="device", label="Device", kind="REFERENCE", reference_data_type="device")
    patient = AttributeSpec(name="patient", label="Patient", kind="REFERENCE", reference_data_type="patient")
    start = AttributeSpec(name="started_at", label="Started", kind="DATE_TIME")
    with app.app_context():
        for data_type, attributes in (
            ("usage-session", (state, device, patient, start)), ("device-alert", (state, device)),
            ("patient-alert", (state, patient)), ("command", (state, device)), ("registration-code", (state,)),
        ):  # fmt: skip
            name = data_type.replace("-", "_")
            administration.create_template(world.acme.id, data_type, name, name, attributes)
        return world.device().key


@pytest.fixture
def patient_id(app: Flask, world: World) -> str:
    with app.app_context():
        return str(world.patient().id)


def test_a_session_is_made_read_changed_found_and_removed_below_its_device(
    machine: Machine, device_key: str, patient_id: str
) -> None:
    sessions = f"{BELOW}/{device_key}/usage-sessions"
    body = {"_startTime": "2024-05-01T10:00:00Z", "_state": "ACTIVE", "_patient": {"id": patient_id}}
    made = machine.post(f"{sessions}/usage-type/usage_session", json=body)
    assert made.status_code == 201, made.text
    session = made.get_json()
    assert (session["_state"], session["_startTime"]) == ("ACTIVE", "2024-05-01T10:00:00.000Z")
    assert (session["_device"]["id"], session["_patient"]["id"]) == (device_key, patient_id)
    assert (session["_summary"], session["_sessionContext"], session["_initiator"]) == (
        {"_stopReason": None, "_stopReasonCode": None}, "", "EXTERNAL",
    )  # fmt: skip
    one = f"{sessions}/{session['_id']}"
    assert machine.patch(one, json={"_state": "DONE"}).get_json()["_state"] == "DONE"
    asked = {"searchRequest": json.dumps({"filter": {"_device.id": {"eq": device_key}}})}
    assert machine.get(f"{BELOW}/usage-sessions", query_string=asked).get_json()["data"][0]["_id"] == session["_id"]
    assert machine.delete(one).status_code == 204
    assert machine.get(one).status_code == 404


def test_a_session_below_another_device_is_unknown(
    app: Flask, machine: Machine, device_key: str, patient_id: str, world: World
) -> None:
    body = {"_startTime": "2024-05-01T10:00:00Z", "_state": "DONE", "_patient": {"id": patient_id}}
    made = machine.post(f"{BELOW}/{device_key}/usage-sessions/usage-type/usage_session", json=body).get_json()
    with app.app_context():
        other = world.device().key
    for path in (f"{other}/usage-sessions/{made['_id']}", f"{device_key}/usage-sessions/{uuid4()}"):
        assert machine.get(f"{BELOW}/{path}").status_code == 404
        assert machine.delete(f"{BELOW}/{path}").status_code == 404


def test_alerts_of_devices_and_of_patients_are_made_and_cleared(
    machine: Machine, device_key: str, patient_id: str
) -> None:
    of_patient = f"/organization/v1/users/patients/{patient_id}/alerts"
    for path, template in ((f"{BELOW}/{device_key}/alerts", "device_alert"), (of_patient, "patient_alert")):
        alert = machine.post(f"{path}/{template}", json={"_state": "ACTIVE"})
        assert alert.status_code == 201, alert.text
        assert alert.get_json()["_setDateTime"]
        cleared = machine.patch(f"{path}/{alert.get_json()['_id']}", json={"_state": "CLEARED"})
        assert cleared.get_json()["_state"] == "CLEARED"
    assert machine.get(f"{BELOW}/alerts").get_json()["data"][0]["_clearedBy"] is not None
    found = machine.get("/organization/v1/users/patients/alerts").get_json()["data"]
    assert [one["_patient"]["id"] for one in found] == [patient_id]


def test_commands_are_read_and_removed(app: Flask, machine: Machine, device_key: str, world: World) -> None:
    with app.app_context():
        alice = world.actor("alice")
        device = get_entity_by_key(alice, "device", device_key)
        [template] = list_templates(alice, "command")
        command = create_entity(alice, template.id, world.northside.id, {"device": {"id": str(device.id)}})
        path = f"{BELOW}/{device_key}/commands/{command.id}"
    body = machine.get(path).get_json()
    assert (body["_state"], body["_supportStop"], body["_timeoutInSeconds"]) == ("COMPLETED", False, 0)
    assert len(machine.get(f"{BELOW}/commands").get_json()["data"]) == 1
    assert machine.delete(path).status_code == 204


def test_registration_codes_have_a_code(machine: Machine, device_key: str, world: World) -> None:
    body = {"_code": "ABC-1", "_ownerOrganization": {"id": str(world.northside.id)}}
    answer = machine.post("/organization/v1/registration-codes/templates/registration_code", json=body)
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == ["_code"]

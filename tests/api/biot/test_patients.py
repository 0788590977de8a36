"""Patients, as BioT's clients read and write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app import catalog
from tests.api.conftest import Machine
from tests.factories import World

PATIENTS = "/organization/v1/users/patients"


@pytest.fixture
def patient_id(app: Flask, world: World) -> str:
    with app.app_context():
        device = world.device()
        return str(world.patient(sex="F", born="1980-02-01", national_id="X-1", device={"id": str(device.id)}).id)


def owned(world: World, **more: Any) -> dict[str, Any]:
    return {
        "_name": {"firstName": "Ana", "lastName": "Ruiz"},
        "_ownerOrganization": {"id": str(world.northside.id)},
        "_templateId": str(world.templates["patient"].id),
    } | more


def test_a_patient_reads_by_the_contracts_names_and_by_the_templates_own(machine: Machine, patient_id: str) -> None:
    body = machine.get(f"{PATIENTS}/{patient_id}").get_json()
    assert body["_id"] == patient_id
    assert body["_name"]["firstName"] == body["first_name"] == "Ana"
    assert (body["_gender"], body["sex"]) == ("FEMALE", "F")
    assert body["_nationalId"] == "X-1"
    assert body["_dateOfBirth"] == "1980-02-01"
    assert body["_address"] is None
    assert body["_invitationAccepted"] is False
    assert body["_template"]["name"] == "patient"
    assert body["_creationTime"].endswith("Z")
    assert body["analysis_file"] is None


def test_references_have_six_keys_and_devices_go_by_their_own_ids(
    machine: Machine, patient_id: str, world: World
) -> None:
    body = machine.get(f"{PATIENTS}/{patient_id}").get_json()
    for reference in (body["_ownerOrganization"], body["device"]):
        assert set(reference) == {"id", "name", "organizationId", "templateId", "templateName", "template"}
    assert body["_ownerOrganization"]["id"] == str(world.northside.id)
    assert body["_ownerOrganization"]["name"] == "Northside Clinic"
    assert body["device"]["id"].startswith("GLU-")
    assert body["device"]["templateName"] == "glucometer"


def test_a_patient_is_made_changed_and_removed(machine: Machine, world: World) -> None:
    made = machine.post(PATIENTS, json=owned(world, _gender="MALE", _nationalId="N-77", weight=71.5))
    assert made.status_code == 201, made.text
    body = made.get_json()
    assert (body["_gender"], body["sex"], body["weight"], body["_caption"]) == ("MALE", "M", 71.5, "Ana Ruiz")
    changed = machine.patch(f"{PATIENTS}/{body['_id']}", json={"_name": {"lastName": "Vega"}, "weight": None})
    assert changed.status_code == 200, changed.text
    assert changed.get_json()["_name"] == {"firstName": "Ana", "lastName": "Vega"}
    assert changed.get_json()["weight"] is None
    assert changed.get_json()["_lastModifiedTime"] > body["_lastModifiedTime"]
    assert machine.delete(f"{PATIENTS}/{body['_id']}").status_code == 204
    assert machine.get(f"{PATIENTS}/{body['_id']}").status_code == 404


def test_a_patient_is_made_by_a_templates_name(machine: Machine, world: World) -> None:
    body = owned(world)
    del body["_templateId"]
    assert machine.post(f"{PATIENTS}/templates/patient", json=body).status_code == 201
    assert machine.post(f"{PATIENTS}/templates/glucometer", json=body).status_code == 404


def test_a_second_one_with_a_unique_value_is_409_and_nothing_is_made(machine: Machine, world: World) -> None:
    assert machine.post(PATIENTS, json=owned(world, _nationalId="N-1")).status_code == 201
    before = machine.get(PATIENTS).get_json()["metadata"]["page"]["totalResults"]
    again = machine.post(PATIENTS, json=owned(world, _nationalId="N-1"))
    assert (again.status_code, list(again.get_json()["details"])) == (409, ["_nationalId"])
    assert machine.get(PATIENTS).get_json()["metadata"]["page"]["totalResults"] == before


def test_what_was_read_may_be_sent_back_with_one_value_changed_by_either_name(
    machine: Machine, patient_id: str
) -> None:
    body = machine.get(f"{PATIENTS}/{patient_id}").get_json()
    body["_name"]["firstName"] = "Eva"
    answer = machine.patch(f"{PATIENTS}/{patient_id}", json=body)
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert body["first_name"] == "Eva"
    body["first_name"] = "Ida"
    assert machine.patch(f"{PATIENTS}/{patient_id}", json=body).get_json()["_name"]["firstName"] == "Ida"
    both = {"first_name": "Una", "_name": {"firstName": "Zoe"}}
    assert machine.patch(f"{PATIENTS}/{patient_id}", json=both).status_code == 400


def test_an_empty_update_changes_nothing(machine: Machine, patient_id: str) -> None:
    before = machine.get(f"{PATIENTS}/{patient_id}").get_json()
    assert machine.patch(f"{PATIENTS}/{patient_id}", json={}).get_json() == before


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"_phone": "+341234567"}, "_phone"),
        ({"_gender": "MARTIAN"}, "_gender"),
        ({"_name": {"firstName": None}}, "_name.firstName"),
        ({"_name": "Ana"}, "_name"),
        ({"age": "many"}, "age"),
        ({"device": "GLU-1"}, "device"),
        ({"device": {"id": "no such device"}}, "device"),
        ({"analysis_file": {"id": "x"}}, "analysis_file"),
        ({"analysis_file": {"id": str(uuid4())}}, "analysis_file"),
        ({"_ownerOrganization": {"id": str(uuid4())}}, "_ownerOrganization"),
        ({"_configuration": {"x": 1}}, "_configuration"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_place_and_changes_nothing(
    machine: Machine, patient_id: str, body: dict[str, Any], place: str
) -> None:
    before = machine.get(f"{PATIENTS}/{patient_id}").get_json()
    answer = machine.patch(f"{PATIENTS}/{patient_id}", json=body | {"weight": 3.5})
    assert (answer.status_code, list(answer.get_json()["details"] or {})) == (400, [place]), answer.text
    assert machine.get(f"{PATIENTS}/{patient_id}").get_json() == before


@pytest.mark.parametrize("missing", ["_name", "_ownerOrganization", "_templateId"])
def test_what_a_new_patient_needs_is_asked_for(machine: Machine, world: World, missing: str) -> None:
    body = owned(world)
    del body[missing]
    answer = machine.post(PATIENTS, json=body)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, [missing])


def test_another_tenants_organization_and_template_are_refused_like_unknown_ones(
    machine: Machine, world: World
) -> None:
    theirs = {"_ownerOrganization": world.foreign.id, "_templateId": world.foreign_templates["patient"].id}
    for name, foreign in theirs.items():
        answers = []
        for known in (foreign, uuid4()):
            given = {"id": str(known)} if name == "_ownerOrganization" else str(known)
            answer = machine.post(PATIENTS, json=owned(world) | {name: given})
            answers.append((answer.status_code, answer.get_json()["details"]))
        assert answers[0] == answers[1]
        assert answers[0][0] == 400


def test_who_may_only_look_changes_nothing(machine_of: Callable[[str], Machine], patient_id: str, world: World) -> None:
    ann = machine_of("ann")
    assert ann.get(f"{PATIENTS}/{patient_id}").status_code == 200
    assert ann.patch(f"{PATIENTS}/{patient_id}", json={"weight": 1}).status_code == 403
    assert ann.delete(f"{PATIENTS}/{patient_id}").status_code == 403
    assert ann.post(PATIENTS, json=owned(world)).status_code == 403


def test_a_patient_whom_something_refers_to_stays(app: Flask, machine: Machine, world: World) -> None:
    with app.app_context():
        key = world.device().key
        device = catalog.get_entity_by_key(world.actor("alice"), "device", key)
        world.patient(device={"id": str(device.id)})
    answer = machine.delete(f"/device/v2/devices/{key}")
    assert answer.status_code == 400
    assert machine.get(f"/device/v2/devices/{key}").status_code == 200


def test_being_enabled_is_said_only_where_the_template_keeps_it(machine: Machine, patient_id: str) -> None:
    assert machine.post(f"{PATIENTS}/{patient_id}/enabled-state/ENABLED").get_json()["_enabled"] == "ENABLED"
    for state in ("DISABLED", "SLEEPY"):
        assert machine.post(f"{PATIENTS}/{patient_id}/enabled-state/{state}").status_code == 400


def test_nobody_who_signs_in_here_is_a_patient(machine: Machine, world: World) -> None:
    assert machine.get(f"{PATIENTS}/self").status_code == 404
    body = machine.get("/organization/v1/users/self").get_json()
    assert (body["_id"], body["_userType"]) == (str(world.users["alice"].id), "organization-user")

"""A program attaches its files by changing a record; what may not be attached is refused in the contract's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.catalog import get_entity, values_of
from tests.api.biot.sent import LOG, announce, fetch, refused, sent, state_of
from tests.api.conftest import Machine
from tests.attachments.files import picture
from tests.factories import World


@pytest.fixture
def patient(app: Flask, world: World) -> str:
    with app.app_context():
        return str(world.patient().id)


def path_of(patient: str) -> str:
    return f"/organization/v1/users/patients/{patient}"


def test_an_attached_file_reads_back_and_downloads(machine: Machine, client: FlaskClient, patient: str) -> None:
    file_id = sent(machine)
    changed = machine.patch(path_of(patient), json={"analysis_file": {"id": file_id}})
    assert changed.status_code == 200, changed.text
    told = machine.get(path_of(patient)).get_json()["analysis_file"]
    assert (told["id"], told["name"], told["mimeType"], told["size"]) == (file_id, "log.csv", "text/csv", len(LOG))
    url = machine.get(f"/file/v1/files/{file_id}/download").get_json()["signedUrl"]
    assert fetch(client, url).data == LOG
    assert machine.patch(path_of(patient), json={"analysis_file": None}).get_json()["analysis_file"] is None
    refused(machine.get(f"/file/v1/files/{file_id}/download"), 410, "GONE")
    refused(fetch(client, url), 410, "GONE")


def test_what_may_not_be_attached_is_refused_and_nothing_changes(
    app: Flask, machine: Machine, machine_of: Callable[[str], Machine], world: World, patient: str
) -> None:
    taken = sent(machine)
    with app.app_context():
        other = str(world.patient().id)
    assert machine.patch(path_of(other), json={"analysis_file": {"id": taken}}).status_code == 200
    cases: dict[str, tuple[Any, int]] = {
        "before its bytes came": (announce(machine)["id"], 400),
        "attached before": (taken, 400),
        "over the template's size": (sent(machine, b"1,2,3\n" * 1_000_000), 413),
        "of a kind that the template does not take": (sent(machine, picture("PNG"), "a.png"), 400),
        "another organization's": (sent(machine_of("rita")), 400),
        "another tenant's": (sent(machine_of("boris")), 400),
        "unknown": (str(uuid4()), 400),
        "no id": ("mine", 400),
    }
    for name, (file_id, status) in cases.items():
        answer = machine.patch(path_of(patient), json={"age": 77, "analysis_file": {"id": file_id}})
        assert answer.status_code == status, name
        assert "analysis_file" in str(refused(answer, status)["details"]), name
    with app.app_context():
        kept = values_of(get_entity(world.actor("alice"), UUID(patient)))
        assert "analysis_file" not in kept
        assert kept["age"] == 40
        assert state_of(cases["another organization's"][0]) == "stored"


def test_another_organizations_patient_gets_no_file(
    machine: Machine, machine_of: Callable[[str], Machine], patient: str
) -> None:
    rita = machine_of("rita")
    answer = rita.patch(path_of(patient), json={"analysis_file": {"id": sent(rita)}})
    unknown = rita.patch(path_of(str(uuid4())), json={"analysis_file": {"id": sent(rita)}})
    assert refused(answer, 404) | {"traceId": ""} == refused(unknown, 404) | {"traceId": ""}
    assert machine.get(path_of(patient)).get_json().get("analysis_file") is None

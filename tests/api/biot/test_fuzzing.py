"""Schemathesis: no 5xx, nothing that is not as described."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, jsonify

from tests.api.biot.fuzzing import Ids, faults_of
from tests.api.conftest import Machine
from tests.factories import World

FEW, MANY = 2, 12
"""Examples of each operation: a few for every run, and as many as five minutes hold."""


@pytest.fixture
def token(machine_of: Callable[[str], Machine]) -> str:
    """Of somebody who may do everything."""
    return machine_of("max").token


@pytest.fixture
def ids(app: Flask, world: World) -> Ids:
    """Things that are there."""
    with app.app_context():
        device = world.device()
        patient = world.patient(device={"id": str(device.id)})
        log = world.log(device)
        return {
            "/organization/v1/users/patients/": {
                "entity_id": str(patient.id), "patient_id": str(patient.id), "template_name": "patient",
            },
            "/organization/v1/organizations/": {"entity_id": str(world.riverside.id)},
            "/organization/v1/users/organizations/": {"entity_id": str(world.users["adam"].id)},
            "/device/v": {"device_key": device.key, "template_name": "glucometer"},
            "/generic-entity/v": {"entity_id": str(log.id), "template_name": "device_log"},
            "/settings/": {"template_id": str(world.templates["patient"].id)},
        }  # fmt: skip


def test_what_schemathesis_sends_is_answered_as_described(app: Flask, token: str, ids: Ids) -> None:
    assert faults_of(app, token, examples=FEW, ids=ids) == []


@pytest.mark.long
def test_whatever_schemathesis_sends_is_answered_as_described(app: Flask, token: str, ids: Ids) -> None:
    assert faults_of(app, token, examples=MANY, ids=ids) == []


def test_schemathesis_finds_a_planted_fault(app: Flask, token: str, answers_that_differ: list[str]) -> None:
    def fail(**ids: Any) -> None:
        raise RuntimeError("planted")

    views = app.view_functions
    views["api.biot.templates.search_templates"] = fail
    views["api.biot.templates.search_minimized"] = lambda: jsonify(data="planted")
    found = faults_of(app, token, examples=1, paths="/settings/v1/templates")
    assert any("/settings/v1/templates (positive)" in one and "planted" in one for one in found)
    assert any("/settings/v1/templates/minimized (positive)" in one for one in found)
    assert not any("{template_id}" in one for one in found)
    assert len(answers_that_differ) == 1
    answers_that_differ.clear()

"""The description is valid, whole and true."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, jsonify
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.biot.describing import FACE, described, operations_of
from tests.api.conftest import Machine

OPEN_ON_PURPOSE = {"BulkResult", "MeasureEcho", "TokenPage"}
"""They repeat what the client itself sent."""

ENTITIES = {
    "Caregiver", "Command", "Device", "DeviceAlert", "GenericEntity", "Organization", "OrganizationUser", "OwnEntity",
    "Patient", "PatientAlert", "RegistrationCode", "UsageSession",
}  # fmt: skip


@pytest.fixture
def told(client: FlaskClient) -> dict[str, Any]:
    """The document, as a stranger gets it."""
    answer = client.get("/openapi/biot.json")
    assert answer.status_code == 200
    return answer.get_json()


def test_the_description_is_valid_openapi(told: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(told).validate()


def differences(app: Flask) -> set[tuple[str, str]]:
    return operations_of(app) ^ described()


def test_what_is_answered_is_described_and_nothing_else_is(app: Flask) -> None:
    assert differences(app) == set()


def test_a_planted_route_that_nobody_described_is_found(app: Flask) -> None:
    app.add_url_rule("/dms/v1/planted/<uuid:thing_id>", f"{FACE}planted.show", lambda **_: "x")
    assert ("GET", "/dms/v1/planted/{thing_id}") in differences(app)


def test_an_answer_of_another_shape_is_found(app: Flask, machine: Machine, answers_that_differ: list[str]) -> None:
    app.view_functions[f"{FACE}sign_in.own_account"] = lambda: jsonify(username="alice")
    machine.get("/ums/v2/users/self")
    assert "id" in answers_that_differ.pop()
    assert answers_that_differ == []


def test_only_what_templates_decide_is_open_in_an_answer(told: dict[str, Any]) -> None:
    schemas = told["components"]["schemas"]
    for name in _answered(told):
        if name not in ENTITIES:
            assert _is_closed(schemas[name]) or name in OPEN_ON_PURPOSE, name
    for name in ENTITIES:
        assert schemas[name]["required"]


def _answered(told: dict[str, Any]) -> set[str]:
    """The schemas that answers are made of, those within them too."""
    answers = [
        one for item in told["paths"].values() for operation in item.values()
        for one in operation["responses"].values()
    ]  # fmt: skip
    found: set[str] = set()
    waiting = list(_names(answers))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _names(told["components"]["schemas"][name])
    return found


def _names(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(_names(value) for value in part.values()))
    return set().union(*(_names(one) for one in part)) if isinstance(part, list) else set()


def _is_closed(part: Any) -> bool:
    if isinstance(part, list):
        return all(map(_is_closed, part))
    if not isinstance(part, dict):
        return True
    kinds = part.get("type") if isinstance(part.get("type"), list) else [part.get("type")]
    if "object" in kinds and part.get("additionalProperties", True) is True:
        return False
    return all(map(_is_closed, part.values()))

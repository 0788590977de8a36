"""The description is valid, whole and true."""

from __future__ import annotations

from flask import Flask, jsonify
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.servitly.client import Client
from tests.api.servitly.describing import servitly


def test_the_description_is_valid_openapi_and_open_to_everybody(client: FlaskClient) -> None:
    answer = client.get("/openapi/servitly.json")
    assert (answer.status_code, answer.json["openapi"]) == (200, "3.1.0")
    OpenAPIV31SpecValidator(answer.json).validate()


def test_what_is_answered_is_described_and_nothing_else_is(app: Flask) -> None:
    assert servitly.operations_of(app) == servitly.described()


def test_an_answer_of_another_shape_is_found(app: Flask, alices: Client, answers_that_differ: list[str]) -> None:
    app.view_functions["api.servitly.data_exports.list_"] = lambda: jsonify([{"state": "QUEUED"}])
    alices.open("GET")
    assert "data/dataExports 200: $[0]" in answers_that_differ.pop()


def test_every_call_says_which_tenant_it_is_of() -> None:
    for path, item in servitly.known["paths"].items():
        for operation in item.values():
            named = any(one["name"] == "X-Servitly-Tenant" for one in operation.get("parameters", ()))
            assert named is ("security" not in operation), path

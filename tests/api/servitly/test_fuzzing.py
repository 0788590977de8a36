"""Schemathesis: no 5xx, nothing that is not as described."""

from __future__ import annotations

import pytest
from flask import Flask, jsonify

from tests.api.fuzzing import Fuzzed, Ids
from tests.api.servitly.client import Client
from tests.exports.timeseries import Ward
from tests.factories import World

FEW, MANY = 3, 60


@pytest.fixture
def face(alices: Client) -> Fuzzed:
    return Fuzzed(
        "/openapi/servitly.json", {"Authorization": f"Bearer {alices.machine.token}", "X-Servitly-Tenant": "acme"}
    )


@pytest.fixture
def ids(alices: Client, world: World) -> Ids:
    """A data export that is completed."""
    with alices.app.app_context():
        ward = Ward.of(world)
        ward.load(ward.series(world.device()), "cd4", [1_600_000_000_000])
    export_id = alices.schedule().json["id"]
    alices.work()
    return {"/data/dataExports/": {"data_export_id": export_id}}


def test_what_schemathesis_sends_is_answered_as_described(app: Flask, face: Fuzzed, ids: Ids) -> None:
    assert face.faults_of(app, examples=FEW, ids=ids) == []


@pytest.mark.long
def test_whatever_schemathesis_sends_is_answered_as_described(app: Flask, face: Fuzzed, ids: Ids) -> None:
    assert face.faults_of(app, examples=MANY, ids=ids) == []


def test_schemathesis_finds_a_planted_fault(app: Flask, face: Fuzzed, answers_that_differ: list[str]) -> None:
    app.view_functions["api.servitly.data_exports.show"] = lambda **_: jsonify(state="QUEUED")
    found = face.faults_of(app, examples=1, paths="/data/dataExports/")
    assert any("GET /data/dataExports/{data_export_id} (positive)" in one for one in found)
    assert answers_that_differ
    answers_that_differ.clear()

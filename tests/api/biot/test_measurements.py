"""Measurements: delivered, and read back in each of the ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app import accounts
from tests.api.conftest import Machine
from tests.factories import PASSWORD, World

SAVE, BULK = "/measurement/v1/measurements", "/measurement/v1/measurements/bulk"
RAW, AGGREGATED = "/measurement/v2/measurements/raw", "/measurement/v2/measurements/aggregated"


@pytest.fixture
def subject(app: Flask, world: World) -> dict[str, str]:
    with app.app_context():
        return {"deviceId": world.device().key, "patientId": str(world.patient().id)}


def message(subject: dict[str, str], minute: int, **data: Any) -> dict[str, Any]:
    return {"metadata": {"timestamp": f"2024-05-01T10:{minute:02}:00.000Z", **subject}, "data": data}


def read(machine: Machine, path: str, subject: dict[str, str], **more: Any) -> Any:
    filters = {
        "_patient.id": {"eq": subject["patientId"]},
        "timestamp": {"from": "2024-05-01T10:00:00Z", "to": "2024-05-01T11:00:00Z"},
    } | more.pop("filter", {})
    return machine.get(path, query_string={"searchRequest": json.dumps({"filter": filters} | more)})


def test_one_message_is_kept_and_reads_back(machine: Machine, subject: dict[str, str]) -> None:
    sent = message(subject, 5, cd4=512, cd8=800.5)
    answer = machine.post(SAVE, json=sent)
    assert (answer.status_code, answer.get_json()) == (200, sent)
    body = read(machine, RAW, subject).get_json()
    assert body["data"] == [
        {
            "patientId": subject["patientId"], "sessionId": "", "sourceEntityId": subject["deviceId"],
            "timestamp": "2024-05-01T10:05:00.000Z", "data": {"cd4": 512.0, "cd8": 800.5},
        }
    ]  # fmt: skip
    assert body["metadata"]["nextToken"] is None


def test_of_many_the_good_ones_are_kept_and_the_others_named(machine: Machine, subject: dict[str, str]) -> None:
    measures = [
        message(subject, 1, cd4=1), message(subject, 2, cd4="x", cd8=2), message(subject, 3, nothing=1),
        message({"patientId": str(uuid4())}, 4, cd4=1), message({}, 5, cd4=1), message(subject, 1, cd4=9),
        message(subject, 6),
    ]  # fmt: skip
    answer = machine.post(BULK, json={"measures": measures})
    body = answer.get_json()
    assert (answer.status_code, body["metadata"]) == (206, {"numberOfMeasuresSaved": 2, "numberOfMeasuresFailed": 6})
    assert [one["failureData"][0]["code"] for one in body["failedMeasures"]] == [
        "BAD_VALUE", "UNKNOWN_ATTRIBUTE", "UNKNOWN_SUBJECT", "NO_SUBJECT", "CONTRADICTION", "NO_DATA",
    ]  # fmt: skip
    assert body["failedMeasures"][0]["data"] == {"cd4": "x", "cd8": 2}
    assert [one["data"] for one in read(machine, RAW, subject).get_json()["data"]] == [{"cd4": 1.0}, {"cd8": 2.0}]
    assert machine.post(BULK, json={"measures": [message(subject, 9, cd4=3)]}).status_code == 200


def test_pages_by_token_hold_every_sample_once_in_order(machine: Machine, subject: dict[str, str]) -> None:
    patient = {"patientId": subject["patientId"]}
    measures = [message(whose, minute, cd4=minute) for minute in range(7) for whose in (subject, patient)]
    assert machine.post(BULK, json={"measures": measures}).status_code == 200
    token, seen = None, []
    while True:
        more = {"nextToken": token} if token else {}
        body = read(machine, RAW, subject, limitPerPage=3, **more).get_json()
        seen += [(one["timestamp"], one["sourceEntityId"]) for one in body["data"]]
        token = body["metadata"]["nextToken"]
        if token is None:
            break
    assert len(seen) == len(set(seen)) == 14
    assert [time for time, _ in seen] == sorted(time for time, _ in seen)


def test_bins_have_means_and_empty_ones_are_left_out(machine: Machine, subject: dict[str, str]) -> None:
    values = {0: 10, 1: 20, 30: 5}
    machine.post(BULK, json={"measures": [message(subject, minute, cd4=value) for minute, value in values.items()]})
    body = read(machine, AGGREGATED, subject, filter={"binIntervalSeconds": {"eq": 600}}).get_json()
    assert body["data"] == [
        {
            "timestamp": {"from": "2024-05-01T10:00:00.000Z", "to": "2024-05-01T10:10:00.000Z"},
            "data": {"cd4": {"average": 15.0, "standardDeviation": 5.0}},
        },
        {
            "timestamp": {"from": "2024-05-01T10:30:00.000Z", "to": "2024-05-01T10:40:00.000Z"},
            "data": {"cd4": {"average": 5.0, "standardDeviation": 0.0}},
        },
    ]


def test_the_first_version_nests_by_metric_source_and_session(machine: Machine, subject: dict[str, str]) -> None:
    machine.post(SAVE, json=message(subject, 5, cd4=512, cd8=1))
    asked = {
        "attributes": ["cd4"], "patientId": subject["patientId"], "startTime": "2024-05-01T10:00:00.000000+0000",
        "endTime": "2024-05-01T11:00:00.000000+0000",
    }  # fmt: skip
    [raw] = machine.get(f"{SAVE}/raw", query_string=asked).get_json()["attributes"]
    assert (raw["attributeName"], raw["sources"][0]["sourceEntityId"]) == ("cd4", subject["deviceId"])
    [measured] = raw["sources"][0]["measurementSessions"][0]["measurements"]
    assert measured == {"timestamp": "2024-05-01T10:05:00.000Z", "data": [512.0]}
    asked |= {"binIntervalSeconds": 3600}
    [means] = machine.get(f"{SAVE}/aggregated", query_string=asked).get_json()["attributes"]
    [mean] = means["sources"][0]["measurementSessions"][0]["measurements"]
    assert mean == {"timestamp": "2024-05-01T10:00:00.000Z", "average": 512.0, "standardDeviation": 0.0}


def test_other_peoples_measurements_are_unknown_and_nobody_else_brings_any(
    machine: Machine, machine_of: Callable[[str], Machine], subject: dict[str, str]
) -> None:
    machine.post(SAVE, json=message(subject, 5, cd4=1))
    for name in ("boris", "rita"):
        assert read(machine_of(name), RAW, subject).status_code == 404
        assert machine_of(name).post(SAVE, json=message(subject, 6, cd4=1)).status_code == 400
    assert machine_of("ann").post(SAVE, json=message(subject, 6, cd4=1)).status_code == 403
    assert len(read(machine, RAW, subject).get_json()["data"]) == 1


@pytest.mark.parametrize(
    ("path", "filters", "more"),
    [
        (RAW, {"timestamp": {"from": "2024-05-01T10:00:00Z"}}, {}),
        (RAW, {"timestamp": {"from": "2024-05-02T10:00:00Z", "to": "2024-05-01T10:00:00Z"}}, {}),
        (RAW, {"nonsense": {"eq": 1}}, {}),
        (RAW, {"_patient.id": None}, {}),
        (RAW, {}, {"nextToken": "x"}),
        (RAW, {}, {"nextToken": "99999999999999999999.1"}),
        (AGGREGATED, {}, {}),
        (AGGREGATED, {"binIntervalSeconds": {"eq": 0}}, {}),
        (AGGREGATED, {"binIntervalSeconds": {"eq": 1}, "timestamp": {"from": "2000-01-01", "to": "2024-01-01"}}, {}),
    ],
)
def test_a_question_that_cannot_be_answered_is_400(
    machine: Machine, subject: dict[str, str], path: str, filters: dict[str, Any], more: dict[str, Any]
) -> None:
    assert read(machine, path, subject, filter=filters, **more).status_code == 400


MUCH = 10**9
"""Next to the square of so large a value those of small differences are lost."""


def test_postgresql_reads_and_counts_alike(postgresql_app: tuple[Flask, World]) -> None:
    app, world = postgresql_app
    with app.app_context():
        subject = {"deviceId": world.device().key, "patientId": str(world.patient().id)}
        signed = accounts.sign_in_machine(world.users["alice"].email, PASSWORD)
    machine = Machine(app.test_client(), signed.access.text)
    measures = [message(subject, minute, cd4=MUCH + minute * 10) for minute in range(4)]
    assert machine.post(BULK, json={"measures": measures}).status_code == 200
    assert [one["data"]["cd4"] for one in read(machine, RAW, subject).get_json()["data"]] == [
        MUCH + one for one in (0, 10, 20, 30)
    ]
    [one] = read(machine, AGGREGATED, subject, filter={"binIntervalSeconds": {"eq": 3600}}).get_json()["data"]
    assert one["data"]["cd4"]["average"] == MUCH + 15
    assert one["data"]["cd4"]["standardDeviation"] == pytest.approx(125**0.5)


def test_a_source_that_no_database_can_hold_is_unknown(either: tuple[Machine, World]) -> None:
    machine, _ = either
    period = "startTime=2024-01-01T00:00:00Z&endTime=2024-02-01T00:00:00Z"
    for reading in ("raw", "aggregated"):
        path = f"/measurement/v1/measurements/{reading}?sourceEntityId=%00&binIntervalSeconds=60&{period}"
        answer = machine.get(path)
        assert answer.status_code == 404, answer.text

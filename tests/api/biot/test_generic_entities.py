"""Generic entities, in both versions of their addresses."""

from __future__ import annotations

from uuid import uuid4

from flask import Flask

from tests.api.conftest import Machine
from tests.factories import World

V1, V3 = "/generic-entity/v1/generic-entities", "/generic-entity/v3/generic-entities"


def test_a_generic_entity_lives_at_both_addresses(machine: Machine, world: World) -> None:
    made = machine.post(f"{V3}/device_log", json={"_name": "first log"})
    assert made.status_code == 201, made.text
    body = made.get_json()
    assert body["_name"] == body["title"] == body["_caption"] == "first log"
    assert body["_ownerOrganization"]["id"] == str(world.northside.id)
    assert machine.get(f"{V1}/{body['_id']}").get_json() == body
    changed = machine.patch(f"{V1}/{body['_id']}", json={"_name": "first log", "title": "renamed"})
    assert changed.get_json()["_name"] == "renamed"
    assert machine.delete(f"{V3}/device_log/{body['_id']}").status_code == 204
    assert machine.get(f"{V3}/device_log/{body['_id']}").status_code == 404


def test_a_name_longer_than_clients_can_read_is_shown_cut_and_may_be_sent_back_so(
    app: Flask, machine: Machine, world: World
) -> None:
    title = "a log with a title that goes on for long"
    with app.app_context():
        log_id = world.log(world.device(), title=title).id
    body = machine.get(f"{V1}/{log_id}").get_json()
    assert body["_name"] == title[:32].strip()
    assert machine.patch(f"{V1}/{log_id}", json={"_name": body["_name"]}).get_json()["title"] == title


def test_a_new_one_needs_a_name_that_clients_can_read(machine: Machine) -> None:
    for name in (None, "", "x" * 33, 5):
        assert machine.post(f"{V1}/templates/device_log", json={"_name": name}).status_code == 400


def test_an_entity_is_unknown_below_another_templates_name(app: Flask, machine: Machine, world: World) -> None:
    with app.app_context():
        log_id = world.log(world.device()).id
    assert machine.get(f"{V3}/device_log/{log_id}").status_code == 200
    for path in (f"{V3}/glucometer/{log_id}", f"{V3}/nothing/{log_id}", f"{V3}/nothing", f"{V1}/{uuid4()}"):
        assert machine.get(path).status_code == 404
    assert machine.get(f"{V3}/device_log").get_json()["metadata"]["page"]["totalResults"] == 1

"""A program exports no more than the role of its person, and switches count for it too."""

from __future__ import annotations

from dataclasses import replace

from flask import Flask

from app import administration
from tests.api.biot_reports import EXPORT, body, completed, fetched, query
from tests.api.conftest import Machine
from tests.exports.test_export_rights import WITHOUT, let
from tests.factories import World


def test_a_program_gets_no_more_than_its_person(app: Flask, world: World, machine: Machine) -> None:
    with app.app_context():
        world.patient(first_name="Zanzibar")
    (address,) = completed(machine)["fileOutput"]["filesLocation"]["patient"]["paths"]
    assert "Zanzibar" in fetched(machine, address).text
    with app.app_context():
        let(world, clinician=WITHOUT)
    # The address that was signed before opens it no more.
    assert fetched(machine, address).status_code == 403
    (address,) = completed(machine, query("patient"))["fileOutput"]["filesLocation"]["patient"]["paths"]
    told = fetched(machine, address).text
    assert ("Zanzibar" in told, '"age":40' in told) == (False, True)


def test_switches_and_hosts_of_the_tenant_count_for_programs(app: Flask, world: World, machine: Machine) -> None:
    with app.app_context():
        boss = world.actor("max")
        present = administration.tenant_settings(boss)
        wanted = replace(present, callback_hosts=("results.example.org",))
        administration.change_settings(boss, wanted, present.fingerprint)
    told = machine.post(EXPORT, json=body(callbackEndpoint="https://elsewhere.example.org/done"))
    assert (told.status_code, "none of them" in told.json["message"]) == (400, True)
    assert machine.post(EXPORT, json=body(callbackEndpoint="https://results.example.org/done")).status_code == 201
    with app.app_context():
        present = administration.tenant_settings(boss)
        off = replace(present, exports_enabled=False, off_reason="The ward is being moved.")
        administration.change_settings(boss, off, present.fingerprint)
    refused = machine.post(EXPORT, json=body())
    assert (refused.status_code, refused.json["code"]) == (403, "EXPORTS_DISABLED")
    assert "The ward is being moved." in refused.json["message"]

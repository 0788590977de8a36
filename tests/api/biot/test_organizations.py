"""Organizations and their users: read by everybody who sees them, changed by administrators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.conftest import Machine
from tests.factories import PASSWORD, World

ORGANIZATIONS, USERS = "/organization/v1/organizations", "/organization/v1/users/organizations"
MachineOf = Callable[[str], Machine]


def test_an_organization_is_found_by_its_name(machine_of: MachineOf, world: World) -> None:
    asked = {"searchRequest": '{"filter": {"_name": {"eq": "Riverside General"}}}'}
    [body] = machine_of("max").get(ORGANIZATIONS, query_string=asked).get_json()["data"]
    assert body["_id"] == body["_ownerOrganization"]["id"] == str(world.riverside.id)
    assert set(body["_primaryAdministrator"]) >= {"id", "name", "templateId"}
    assert machine_of("alice").get(f"{ORGANIZATIONS}/{world.riverside.id}").status_code == 404


def test_the_primary_administrator_is_one_that_the_caller_may_see(machine: Machine, world: World) -> None:
    body = machine.get(f"{ORGANIZATIONS}/{world.northside.id}").get_json()
    assert body["_primaryAdministrator"]["id"] == str(world.users["nora"].id)


def test_administrators_make_rename_and_remove_organizations(machine_of: MachineOf) -> None:
    machine = machine_of("max")
    made = machine.post(f"{ORGANIZATIONS}/templates/organization", json={"_name": "Lakeside"})
    assert made.status_code == 201, made.text
    path = f"{ORGANIZATIONS}/{made.get_json()['_id']}"
    assert machine.patch(path, json={"_name": "Seaside"}).get_json()["_name"] == "Seaside"
    assert machine.patch(path, json={"short_code": "other"}).status_code == 400
    assert machine.delete(path).status_code == 204
    assert machine.get(path).status_code == 404


def test_an_organization_that_holds_something_stays(machine_of: MachineOf, world: World) -> None:
    answer = machine_of("max").delete(f"{ORGANIZATIONS}/{world.northside.id}")
    assert answer.status_code == 400
    assert machine_of("max").get(f"{ORGANIZATIONS}/{world.northside.id}").status_code == 200


@pytest.mark.parametrize("name", ["alice", "nora"])
def test_nobody_else_makes_organizations(machine_of: MachineOf, name: str) -> None:
    body = {"_name": "Lakeside"}
    assert machine_of(name).post(f"{ORGANIZATIONS}/templates/organization", json=body).status_code == 403


def test_a_new_user_can_do_nothing_until_they_are_given_a_role_and_a_password(
    machine_of: MachineOf, world: World
) -> None:
    nora = machine_of("nora")
    body = {
        "_name": {"firstName": "Zoe", "lastName": "Lind"}, "_email": "zoe@example.org",
        "_ownerOrganization": {"id": str(world.northside.id)},
    }  # fmt: skip
    made = nora.post(f"{USERS}/templates/organization_user", json=body)
    assert made.status_code == 201, made.text
    user = made.get_json()
    assert (user["_name"], user["_canLogin"]) == (body["_name"], False)
    assert nora.post(f"{USERS}/templates/organization_user", json=body).status_code == 409
    assert machine_of("alice").patch(f"{USERS}/{user['_id']}", json={"_email": "y@example.org"}).status_code == 403
    changed = nora.patch(f"{USERS}/{user['_id']}", json={"_name": {"lastName": "Berg"}, "_email": "zb@example.org"})
    assert changed.get_json()["name"] == "Zoe Berg"
    assert nora.delete(f"{USERS}/{user['_id']}").status_code == 204
    assert nora.post(f"{USERS}/templates/organization_user", json=body).status_code == 201


def test_who_is_disabled_is_shut_out_at_once(machine_of: MachineOf, world: World) -> None:
    nora, alice = machine_of("nora"), machine_of("alice")
    path = f"{USERS}/{world.users['alice'].id}/enabled-state"
    assert alice.get("/ums/v2/users/self").status_code == 200
    assert nora.post(f"{path}/DISABLED").get_json()["_enabled"] == "DISABLED"
    assert alice.get("/ums/v2/users/self").status_code == 401
    assert nora.post(f"{path}/ENABLED").get_json()["_enabled"] == "ENABLED"
    body = {"username": world.users["alice"].email, "password": PASSWORD}
    assert nora.post("/ums/v2/users/login", json=body).status_code == 200
    own = f"{USERS}/{world.users['nora'].id}"
    assert nora.post(f"{own}/enabled-state/DISABLED").status_code == 403
    assert nora.delete(own).status_code == 403
    assert nora.get(f"{USERS}/self").get_json()["_id"] == str(world.users["nora"].id)

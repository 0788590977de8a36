"""What cannot be asked for, by whom, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import errors
from app.api.ocl import answers
from tests.api.conftest import Machine
from tests.api.ocl.shelf import Shelf

MachineOf = Callable[[str], Machine]


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize(
    "path",
    [
        "/orgs/nobody/sources/", "/users/nobody/sources/LUNG/", "/orgs/northside/sources/NONE/",
        "/orgs/NORTHSIDE/sources/LUNG/", "/orgs/northside/sources/lung/", "/orgs/northside/collections/LUNG/",
        "/orgs/northside/sources/LUNG/v9/", "/orgs/northside/sources/LUNG/export/", "/orgs/northside/sources/a b/",
        "/orgs/northside/sources/a%2Fb/", "/orgs/northside/sources/LUNG/a b/", "/orgs/northside/sources/a%00b/",
        "/orgs/northside/sources/LUNG/latest/", "/orgs/northside/sources/LUNG/concepts/Z/", "/orgs/northside/things/",
        "/sources/LUNG/v2/export/", "/orgs/", "/user/", "/orgs/northside/sources/LUNG/concepts/é/",
        f"/orgs/northside/sources/{'x' * 300}/",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404_in_one_shape(shelf: Shelf, prefix: str, path: str) -> None:
    answer = shelf.machine.get(f"{prefix}{path}")
    assert (answer.status_code, answer.json) == (404, {"detail": "Not found."})


def test_another_tenants_repository_is_not_there_and_a_private_one_is_403(
    app: Flask, shelf: Shelf, machine_of: MachineOf
) -> None:
    shelf.release("v1")
    boris = machine_of("boris")
    for place in ("", "versions/", "v1/", "v1/export/", "concepts/", "concepts/A1/", "v1/processing/"):
        foreign = boris.get(f"{shelf.path}{place}")
        assert (foreign.status_code, foreign.json) == (404, {"detail": "Not found."}), place
    assert boris.post(f"{shelf.path}versions/", json={"id": "x"}).status_code == 404
    assert boris.delete(f"{shelf.path}v1/").status_code == 404


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=-1", "limit"), ("limit=some", "limit"), ("limit=9999999999999", "limit"), ("limit=1.5", "limit"),
        ("offset=-1", "offset"), ("offset=99999999", "offset"), ("updatedSince=yesterday", "updatedSince"),
        ("updatedSince=2019-13-45", "updatedSince"), ("updatedSince=0001-01-01T00:00:00Z", "updatedSince"),
        ("updatedSince=" + "9" * 99, "updatedSince"), ("updatedSince=%00", "updatedSince"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_400_by_its_name(shelf: Shelf, query: str, named: str) -> None:
    answer = shelf.get(f"?includeConcepts=true&{query}")
    assert answer.status_code == 400
    assert list(answer.json) == [named]


def test_pages_have_bounds_and_those_of_2015_are_narrower(shelf: Shelf) -> None:
    for page in ("0", "-1", "x", "10001"):
        assert shelf.get(f"versions/?page={page}").status_code == 400
    assert shelf.get("versions/?limit=-1").status_code == 400
    for limit in ("0", "1001", "1000000"):
        assert shelf.get(f"concepts/?limit={limit}").headers["pages"] == "1"
    for place in ("concepts/?", "?includeConcepts=true&"):
        older = f"/v1{shelf.path}{place}"
        assert shelf.machine.get(f"{older}limit=501").json == {"limit": ["Use at most 500."]}
        assert shelf.machine.get(f"{older}limit=500").status_code == 200
    assert len(shelf.machine.get(f"/v1{shelf.path}?includeConcepts=true&limit=0").json["concepts"]) == 3


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({}, 400, {"version": ["This field may not be null."]}),
        ({"id": None}, 400, {"version": ["This field may not be null."]}),
        ({"id": 7}, 400, {"version": ["Not a valid string."]}),
        ({"id": "v3", "released": "perhaps"}, 400, {"released": ["Must be a valid boolean."]}),
        ({"id": "v3", "released": []}, 400, {"released": ["Must be a valid boolean."]}),
        ({"id": "v3", "extras": []}, 400, {"extras": ["Not a valid object."]}),
        ({"id": "v2"}, 409, {
            "error": "Source version 'v2' already exist.", "detail": "Source version 'v2' already exist.",
        }),
        *(({"id": wrong}, 400, None) for wrong in
          ("HEAD", "latest", "export", "versions", "a b", "a/b", "", ".", "x" * 300, "ü", "a\nb")),
    ],
)  # fmt: skip
def test_a_version_that_cannot_be_made_is_refused(
    shelf: Shelf, body: dict[str, Any], status: int, told: dict[str, Any] | None
) -> None:
    shelf.release("v2")
    answer = shelf.ask("POST", "versions/", json=body)
    assert answer.status_code == status, answer.text
    assert told is None or answer.json == told
    assert [one["id"] for one in shelf.get("versions/").json] == ["v2", "HEAD"]


def test_a_version_is_answered_as_its_repository_with_the_versions_id(shelf: Shelf) -> None:
    made = shelf.ask("POST", "versions/", json={"id": "v2", "released": "True", "description": "Second"})
    assert made.status_code == 201
    body = made.json
    told = (body["type"], body["id"], body["version"], body["released"], body["is_processing"])
    assert told == ("Source", "LUNG", "v2", True, True)
    for body_of_it in (b"", b"[]", b"{"):
        answer = shelf.ask("POST", "versions/", data=body_of_it, content_type="application/json")
        assert answer.status_code == 400


def test_only_its_owners_people_make_change_and_delete_versions(shelf: Shelf, machine_of: MachineOf) -> None:
    shelf.release("v2")
    for name in ("rita", "ann"):
        machine = machine_of(name)
        assert machine.get(f"{shelf.path}v2/").status_code == 200
        for method, rest in (("POST", "versions/"), ("PUT", "v2/"), ("PATCH", "v2/"), ("DELETE", "v2/")):
            assert machine.open(method, f"{shelf.path}{rest}", json={"id": "v3"}).status_code == 403, (name, method)
    changed = shelf.ask("PATCH", "v2/", json={"released": False, "description": "Withdrawn"}).json
    assert (changed["released"], changed["description"]) == (False, "Withdrawn")
    assert shelf.ask("PUT", "v2/", json={"released": "true"}).json["description"] == "Withdrawn"
    for method in ("PUT", "DELETE"):
        assert shelf.ask(method, "HEAD/", json={}).status_code == 400
    assert shelf.ask("DELETE", "v2/").status_code == 204
    assert shelf.ask("DELETE", "v2/").status_code == 404


def test_another_method_is_405_and_names_those_that_are_known(shelf: Shelf) -> None:
    answer = shelf.ask("DELETE", "concepts/A1/")
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"GET", "HEAD", "OPTIONS"})


def test_every_kind_of_no_has_a_code() -> None:
    kinds = [known for known in vars(errors).values() if isinstance(known, type) and issubclass(known, errors.Refusal)]
    for kind in kinds:
        assert kind is errors.Refusal or any(issubclass(kind, known) for known, _ in answers.STATUSES), kind

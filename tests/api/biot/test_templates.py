"""Templates and entity types."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from app.models.template import DATA_TYPES
from tests.api.conftest import Machine
from tests.factories import World

TEMPLATES = "/settings/v1/templates"


def found(machine: Machine, path: str = TEMPLATES, **asked: Any) -> dict[str, Any]:
    answer = machine.get(path, query_string={"searchRequest": json.dumps(asked)})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_a_template_is_found_by_its_name_and_tells_its_attributes(machine: Machine, world: World) -> None:
    [template] = found(machine, filter={"name": {"eq": "patient"}})["data"]
    assert template["id"] == str(world.templates["patient"].id)
    assert template["entityTypeName"] == "patient"
    known = {one["name"]: one for one in template["customAttributes"]}
    assert known["analysis_file"]["type"] == "FILE"
    assert known["analysis_file"]["validation"]["max"] == 5_000_000
    assert "application/pdf" in known["analysis_file"]["validation"]["supportedMimeTypes"]
    assert known["sex"]["selectableValues"] == [
        {"name": "F", "displayName": "Female"}, {"name": "M", "displayName": "Male"},
    ]  # fmt: skip
    assert known["device"]["referenceConfiguration"]["entityType"] == "device"
    assert ("firstName", "_name") in {(one["name"], one["basePath"]) for one in template["builtInAttributes"]}
    assert machine.get(f"{TEMPLATES}/{template['id']}").get_json() == template


def test_minimized_templates_are_the_same_without_attributes(machine: Machine) -> None:
    short, whole = found(machine, f"{TEMPLATES}/minimized"), found(machine)
    assert short["metadata"] == whole["metadata"]
    for one, other in zip(short["data"], whole["data"], strict=True):
        assert one == {name: value for name, value in other.items() if not name.endswith("Attributes")}


def test_a_search_filters_sorts_and_cuts(machine: Machine) -> None:
    asked = {"filter": {"entityTypeName": {"in": ["device", "patient"]}}, "sort": [{"prop": "name", "order": "ASC"}]}
    assert [one["name"] for one in found(machine, **asked)["data"]] == ["glucometer", "patient"]
    page = found(machine, **asked, limit=1, page=1)
    assert ([one["name"] for one in page["data"]], page["metadata"]["page"]["totalResults"]) == (["patient"], 2)
    assert [one["name"] for one in found(machine, freeTextSearch="gluco")["data"]] == ["glucometer"]
    either = {"$OR": {"filter": {"name": {"like": "LOG"}, "displayName": {"eq": "patient"}}}}
    assert {one["name"] for one in found(machine, filter=either)["data"]} == {"device_log", "patient"}
    assert found(machine, filter={"creationTime": {"to": "2001-01-01T00:00:00Z"}})["data"] == []


@pytest.mark.parametrize(
    "asked", [{"filter": {"x": {"eq": 1}}}, {"sort": [{"prop": "x"}]}, {"filter": {"name": {"gt": 1}}}]
)
def test_what_means_nothing_is_400(machine: Machine, asked: dict[str, Any]) -> None:
    assert machine.get(TEMPLATES, query_string={"searchRequest": json.dumps(asked)}).status_code == 400


def test_another_tenants_template_is_unknown(machine_of: Callable[[str], Machine], world: World) -> None:
    boris = machine_of("boris")
    for template_id in (world.templates["patient"].id, uuid4()):
        assert boris.get(f"{TEMPLATES}/{template_id}").status_code == 404


def test_every_entity_type_is_named(machine: Machine) -> None:
    listed = machine.get("/settings/v1/entity-types").get_json()["entityTypes"]
    assert [one["name"] for one in listed] == list(DATA_TYPES)
    assert len(found(machine, "/settings/v2/entity-types")["data"]) == len(DATA_TYPES)

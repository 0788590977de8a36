"""Searches: every operator, on columns, attributes, references and what is the same for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import accounts
from app.access.patience import patiently
from app.errors import Invalid
from app.extensions import db
from tests.api.conftest import Machine
from tests.factories import PASSWORD, World

PATIENTS = "/organization/v1/users/patients"


def searched(machine: Machine, path: str = PATIENTS, **asked: Any) -> TestResponse:
    return machine.get(path, query_string={"searchRequest": json.dumps(asked)})


def people(app: Flask, world: World) -> dict[str, str]:
    """Three patients of Northside, one of Riverside; what the tests below ask for."""
    with app.app_context():
        device = world.device(key="GLU-A")
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        made = {
            "ada": {"sex": "F", "age": 30, "born": "1990-05-05", "weight": 60.5, "device": {"id": str(device.id)}},
            "ben": {"sex": "M", "age": 40, "smoker": True, "notes": "50% off_beat"},
            "cyd": {"age": 50, "smoker": False, "sex": None},
        }  # fmt: skip
        ids = {
            name: str(world.entity(
                "patient", None, {"first_name": name.title(), "last_name": "Ruiz"} | values,
                at=moment.replace(day=number),
            ).id)
            for number, (name, values) in enumerate(made.items(), 1)
        }  # fmt: skip
        world.patient(world.riverside, first_name="Rik", sex="M", age=40)
        return ids


def test_what_every_record_has_is_never_absent(app: Flask, machine: Machine, world: World) -> None:
    everybody = people(app, world)
    for name in ("_templateName", "_template.name", "_templateId", "_caption"):
        for asked, how_many in (({"isNull": True}, 0), ({"isNotNull": True}, len(everybody))):
            answer = searched(machine, filter={name: asked})
            assert answer.status_code == 200, (name, answer.text)
            assert answer.get_json()["metadata"]["page"]["totalResults"] == how_many, name


CASES: list[tuple[dict[str, Any], str]] = [
    ({"_name.firstName": {"eq": "ADA"}}, "ada"),
    ({"first_name": {"eq": "Ada"}}, "ada"),
    ({"_name.firstName": {"not": "Ada"}}, "ben cyd"),
    ({"_name.firstName": {"in": ["Ada", "Ben"]}}, "ada ben"),
    ({"_name.firstName": {"notIn": ["Ada", "Ben"]}}, "cyd"),
    ({"_name.firstName": {"like": "y"}}, "cyd"),
    ({"notes": {"like": "0% off_"}}, "ben"),
    ({"notes": {"like": "%"}}, "ben"),
    ({"notes": {"like": "x"}}, ""),
    ({"_gender": {"eq": "FEMALE"}}, "ada"),
    ({"_gender": {"in": ["FEMALE", "MALE"]}}, "ada ben"),
    ({"_gender": {"isNull": True}}, "cyd"),
    ({"_gender": {"isNotNull": True}}, "ada ben"),
    ({"_gender": {"isNull": False}}, "ada ben"),
    ({"age": {"gt": 30, "lte": 50}}, "ben cyd"),
    ({"age": {"lt": 40}}, "ada"),
    ({"age": {"gte": 40}, "_gender": {"eq": "MALE"}}, "ben"),
    ({"weight": {"eq": 60.5}}, "ada"),
    ({"smoker": {"eq": True}}, "ben"),
    ({"smoker": {"eq": False}}, "cyd"),
    ({"_dateOfBirth": {"from": "1990-01-01", "to": "1991-01-01T00:00:00+0000"}}, "ada"),
    ({"_creationTime": {"from": "2024-01-02T00:00:00", "to": "2024-01-02T00:00:00.000Z"}}, "ben"),
    ({"_creationTime": {"to": "2024-01-01T23:00:00Z"}}, "ada"),
    ({"device.id": {"eq": "GLU-A"}}, "ada"),
    ({"device": {"eq": "GLU-B"}}, ""),
    ({"_enabled": {"eq": "ENABLED"}}, "ada ben cyd"),
    ({"_enabled": {"eq": "DISABLED"}}, ""),
    ({"_canLogin": {"eq": True}}, ""),
    ({"_phone": {"isNull": True}}, "ada ben cyd"),
    ({"_phone": {"like": "x"}}, ""),
    ({"_templateName": {"eq": "patient"}}, "ada ben cyd"),
    ({"_templateName": {"in": ["nothing"]}}, ""),
    ({"_id": {"eq": "no id"}}, ""),
    ({"_ownerOrganization.id": {"in": [str(uuid4())]}}, ""),
    ({"$OR": {"filter": {"age": {"gt": 45}, "_gender": {"eq": "FEMALE"}}}}, "ada cyd"),
    ({"$AND": {"filter": {"age": {"gt": 35}, "_gender": {"eq": "MALE"}}}}, "ben"),
    ({"$NOT": {"filter": {"age": {"gt": 35}}}}, "ada"),
    ({"_name.firstName": {"in": [], "eq": None, "filter": {}}}, "ada ben cyd"),
]


@pytest.mark.parametrize("place", ["app", "postgresql_app"])
def test_each_operator_finds_what_it_says_on_both_databases(
    request: pytest.FixtureRequest, world: World, place: str
) -> None:
    app = request.getfixturevalue(place)
    if place == "postgresql_app":
        app, world = app
    ids = people(app, world)
    machine = signed_in(app, world)
    names = {known: name for name, known in ids.items()}
    for filters, expected in CASES:
        answer = searched(machine, filter=filters, sort=[{"prop": "_creationTime", "order": "ASC"}])
        assert answer.status_code == 200, (filters, answer.text)
        body = answer.get_json()
        assert " ".join(names[one["_id"]] for one in body["data"]) == expected, filters
        assert body["metadata"]["page"] == {"totalResults": len(expected.split()), "page": 0, "limit": 100}
    for prop, order, expected in SORTED:
        answer = searched(machine, sort=[{"prop": prop, "order": order}, {"prop": "age", "order": "ASC"}])
        assert " ".join(names[one["_id"]] for one in answer.get_json()["data"]) == expected, (prop, order)


SORTED = (
    ("_creationTime", "DESC", "cyd ben ada"), ("_name.firstName", "ASC", "ada ben cyd"), ("age", "DESC", "cyd ben ada"),
    ("_gender", "ASC", "ada ben cyd"), ("_dateOfBirth", "DESC", "ada ben cyd"), ("_caption", "ASC", "ada ben cyd"),
)  # fmt: skip


def signed_in(app: Flask, world: World) -> Machine:
    with app.app_context():
        signed = accounts.sign_in_machine(world.users["alice"].email, PASSWORD)
    return Machine(app.test_client(), signed.access.text)


@pytest.fixture
def known(app: Flask, world: World) -> dict[str, str]:
    return people(app, world)


def test_any_word_finds_and_filters_narrow(machine: Machine, known: dict[str, str]) -> None:
    assert searched(machine, freeTextSearch="ada cy").get_json()["metadata"]["page"]["totalResults"] == 2
    assert searched(machine, freeTextSearch=known["ben"]).get_json()["data"][0]["_id"] == known["ben"]
    both = searched(machine, freeTextSearch="ada ben", filter={"age": {"gt": 35}}).get_json()
    assert [one["_id"] for one in both["data"]] == [known["ben"]]
    assert both["metadata"]["freeTextSearch"] == "ada ben"
    assert searched(machine, freeTextSearch="&!").get_json()["data"] == []


def test_pages_hold_everybody_once(machine: Machine, known: dict[str, str]) -> None:
    pages = [searched(machine, limit=2, page=number).get_json() for number in range(3)]
    assert [len(page["data"]) for page in pages] == [2, 1, 0]
    assert {one["_id"] for page in pages for one in page["data"]} == set(known.values())
    assert {page["metadata"]["page"]["totalResults"] for page in pages} == {3}


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": {"nonsense": {"eq": 1}}},
        {"filter": {"first_name": {"gt": 5}}},
        {"filter": {"age": {"like": "4"}}},
        {"filter": {"age": {"eq": "many"}}},
        {"filter": {"age": {"from": "2024-01-01"}}},
        {"filter": {"_creationTime": {"from": "yesterday"}}},
        {"filter": {"_creationTime": {"like": "2024"}}},
        {"filter": {"age": {"filter": {"age": {"eq": 1}}}}},
        {"filter": {"$OR": {"eq": 1}}},
        {"filter": {"$OR": {"filter": {"nonsense": {"eq": 1}}}}},
        {"filter": {"images": {"isNull": True}}},
        {"sort": [{"prop": "nonsense"}]},
        {"limit": 0},
        {"page": -1},
        {"limit": 1000, "page": 101},
    ],
)
def test_a_search_that_means_nothing_is_400(machine: Machine, known: dict[str, str], asked: dict[str, Any]) -> None:
    assert searched(machine, **asked).status_code == 400


def test_others_are_not_found_by_any_condition(
    machine_of: Callable[[str], Machine], known: dict[str, str], world: World
) -> None:
    boris = machine_of("boris")
    for asked in (
        {}, {"filter": {"_id": {"in": list(known.values())}}}, {"freeTextSearch": "ada"},
        {"filter": {"_ownerOrganization.id": {"eq": str(world.northside.id)}}}, {"filter": {"age": {"gt": 0}}},
    ):  # fmt: skip
        assert searched(boris, **asked).get_json()["metadata"]["page"]["totalResults"] == 0


def test_a_search_that_no_index_answers_in_time_ends_in_words(domain: World) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(Invalid, match="too long"), patiently(0.05):
        db.session.execute(db.text(endless))
    assert db.session.scalar(db.text("SELECT 1")) == 1

"""What the face refuses: by which code, in the one shape, and without telling what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import select

from app import accounts, administration, clock
from app.extensions import db
from app.models import Location, Metric, Template, begin_writing
from tests.api.conftest import Machine
from tests.api.servitly.client import END, START, Client
from tests.factories import World

ClientOf = Callable[..., Client]
CALLS = (("POST", ""), ("GET", ""), ("GET", f"/{uuid4()}"), ("DELETE", f"/{uuid4()}"))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"startTimestamp": None}, "startTimestamp"),
    ({"endTimestamp": None}, "endTimestamp"),
    ({"startTimestamp": END}, "endTimestamp"),
    ({"startTimestamp": END + 1}, "endTimestamp"),
    ({"startTimestamp": str(START)}, "startTimestamp"),
    ({"startTimestamp": START + 0.5}, "startTimestamp"),
    ({"endTimestamp": 2**63}, "endTimestamp"),
    ({"startTimestamp": -(2**63)}, "startTimestamp"),
    ({"startTimestamp": True}, "startTimestamp"),
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "n" * 129}, "name"),
    ({"name": 5}, "name"),
    ({"thingFileName": ""}, "thingFileName"),
    ({"thingFileName": "${thing.secret}"}, "thingFileName"),
    ({"thingFileName": "${thing.id"}, "thingFileName"),
    ({"thingFileName": "${metric.id}"}, "thingFileName"),
    ({"hashThingFileName": "yes"}, "hashThingFileName"),
    ({"includeUnit": 1}, "includeUnit"),
    ({"timestampFormat": "iso_8601"}, "timestampFormat"),
    ({"timestampFormat": "RFC_822"}, "timestampFormat"),
    ({"qualifiedMetricIds": [{"thingDefinitionId": "x"}]}, "qualifiedMetricIds[0].metricId"),
    ({"qualifiedMetricIds": ["1"]}, "qualifiedMetricIds[0]"),
    ({"qualifiedMetricIds": [{"metricId": "999999"}]}, "qualifiedMetricIds[0].metricId"),
    ({"qualifiedMetricIds": {}}, "qualifiedMetricIds"),
    ({"metricIds": ["999999"]}, "metricIds"),
    ({"metricIds": [1]}, "metricIds"),
    ({"thingDefinitionIds": "x"}, "thingDefinitionIds"),
    ({"thingDefinitionIds": ["x"]}, "thingDefinitionIds"),
    ({"qualifiedMetricIds": [{"metricId": "1"}], "metricIds": ["1"]}, "qualifiedMetricIds"),
    ({"customerId": "x"}, "customerId"),
    ({"customerId": ""}, "customerId"),
    ({"locationId": 5}, "locationId"),
    ({"thingId": ["x"]}, "thingId"),
]


def refused(answer: Any, status: int, words: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert list(answer.json) == ["message"]
    assert words in answer.json["message"]


def test_every_call_needs_a_token_the_tenants_header_and_the_tenants_own_token(
    alices: Client, stranger: Machine
) -> None:
    elsewhere = [replace(alices, tenant=tenant) for tenant in ("borealis", "nowhere", "ACME")]
    for method, path in CALLS:
        refused(alices.open(method, path, headers={"Authorization": ""}), 401)
        refused(alices.open(method, path, headers={"Authorization": f"Bearer {stranger.token}"}), 401)
        for nothing in ("", "  "):
            refused(alices.open(method, path, headers={"X-Servitly-Tenant": nothing}), 400)
        missing = alices.machine.open(method, f"/data/dataExports{path}")
        assert (missing.status_code, missing.json) == (400, {"message": "X-Servitly-Tenant is required"})
        answers = [client.open(method, path) for client in elsewhere]
        for answer in answers:
            refused(answer, 403)
            assert answer.json == answers[0].json


def test_every_call_needs_the_right_to_export_and_a_tenant_that_lets_its_people_export(
    app: Flask, client_of: ClientOf, world: World
) -> None:
    with app.app_context():
        _, secret = accounts.issue_token(world.actor("alice"), "looks only", ("view",), clock.now() + timedelta(days=1))
    looker, boriss = Client(app, Machine(app.test_client(), secret)), client_of("boris", "borealis")
    for method, path in CALLS:
        refused(looker.open(method, path), 403, "export data")
        refused(boriss.open(method, path), 403, "switched off")


def test_a_tenant_may_export_once_its_switch_is_on(app: Flask, client_of: ClientOf, world: World) -> None:
    with app.app_context():
        administration.set_exports_enabled(world.borealis.id, True)
    assert client_of("boris", "borealis").schedule().status_code == 201


def test_what_cannot_be_meant_is_refused_by_its_place(alices: Client) -> None:
    for wrong, place in WRONG:
        refused(alices.schedule(**wrong), 400, f"{place}: ")
    assert alices.open("GET").json == []


def test_ids_of_another_tenant_or_organization_are_refused_in_the_words_for_what_does_not_exist(
    app: Flask, alices: Client, world: World
) -> None:
    with app.app_context():
        theirs, foreign, patient = world.device(world.riverside), world.device(world.foreign), world.patient()
        things = [str(one.id) for one in (theirs, foreign, patient)]
        begin_writing()
        place = Location(tenant_id=world.acme.id, organization_id=world.riverside.id, name="Ward 9")
        db.session.add(place)
        db.session.commit()
        place_id = str(place.id)
        metrics = {
            name: str(db.session.scalars(select(Metric.id).where(Metric.template_id == template.id)).first())
            for name, template in (
                ("foreign", world.foreign_templates["device"]),
                ("patients", world.templates["patient"]),
            )
        }
    wrongs: dict[str, list[str]] = {
        "customerId": [str(world.riverside.id), str(world.foreign.id), "nothing"],
        "locationId": [place_id, "nothing"],
        "thingId": [*things, "nothing"],
    }
    for field, ids in wrongs.items():
        answers = {alices.schedule(**{field: one}).text for one in (*ids, str(uuid4()))}
        assert len(answers) == 1, field
        refused(alices.schedule(**{field: ids[0]}), 400, f"{field}: There is no such {field.removesuffix('Id')}.")
    for metric in metrics.values():
        unknown = alices.schedule(qualifiedMetricIds=[{"metricId": "7777777"}])
        assert alices.schedule(qualifiedMetricIds=[{"metricId": metric}]).json == unknown.json
        assert alices.schedule(metricIds=[metric]).json == alices.schedule(metricIds=["7777777"]).json
    for template in (world.foreign_templates["device"], world.templates["patient"]):
        refused(alices.schedule(thingDefinitionIds=[str(template.id)]), 400, "thingDefinitionIds: ")


def test_a_metric_must_be_of_all_that_is_said_of_it(app: Flask, alices: Client, world: World) -> None:
    with app.app_context():
        begin_writing()
        template = db.session.get_one(Template, world.templates["device"].id)
        template.product_model = "GL-7"
        metric = template.metrics[0]
        metric.part = "strip"
        db.session.commit()
        right = {
            "metricId": str(metric.id),
            "productModelId": "GL-7",
            "productModelPartId": "strip",
            "thingDefinitionId": str(template.id),
        }
    for name in ("productModelId", "productModelPartId", "thingDefinitionId"):
        refused(alices.schedule(qualifiedMetricIds=[right | {name: "another"}]), 400, "qualifiedMetricIds[0].metricId")
    by_model = {name: right[name] for name in ("metricId", "productModelId", "productModelPartId")}
    bean = alices.schedule(qualifiedMetricIds=[by_model]).json
    assert bean["qualifiedMetricIds"] == [right]


def test_a_body_that_is_none_and_addresses_that_are_none_are_refused_in_the_same_shape(alices: Client) -> None:
    for body in (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name": "\\u0000"}', b"[" * 5_000):
        refused(alices.open("POST", data=body, content_type="application/json"), 400)
    refused(alices.open("POST", data=b"a=1", content_type="application/x-www-form-urlencoded"), 400, "Send JSON")
    refused(alices.open("POST", data=b" " * 3_000_000, content_type="application/json"), 400)
    for path in ("/abcd1234", "/", f"/{uuid4()}/nothing"):
        refused(alices.open("GET", path), 404, "There is no such data export.")
    refused(alices.open("PATCH", f"/{uuid4()}"), 405)
    refused(alices.machine.get("/data/nothing", headers={"X-Servitly-Tenant": "acme"}), 404)


def test_a_second_bulk_export_waits_for_the_first_and_is_told_which_it_is(client_of: ClientOf) -> None:
    first = client_of("alice").schedule().json["id"]
    for who in ("alice", "rita", "max"):
        answer = client_of(who).schedule()
        assert answer.status_code == 429
        assert answer.json["runningExportId"] == first
        assert set(answer.json) == {"message", "runningExportId"}
        assert int(answer.headers["Retry-After"]) > 0
    client_of("alice").work()
    assert client_of("rita").schedule().status_code == 201


def test_a_fault_of_ours_is_told_without_a_word_about_it(app: Flask, alices: Client) -> None:
    def fail() -> None:
        raise RuntimeError("planted")

    app.view_functions["api.servitly.data_exports.list_"] = fail
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = alices.open("GET")
    refused(answer, 500)
    assert "planted" not in answer.text

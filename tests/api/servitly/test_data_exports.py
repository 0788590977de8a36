"""A data export's life as a program sees it: scheduled, completed, fetched, listed, deleted, expired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask

from app import clock, exports
from app.api.servitly.beans import STATES
from app.exports.holding import withdraw
from app.exports.settling import fail_export
from app.extensions import db
from app.models import Export, begin_writing
from app.models.export import EXPORT_STATES
from tests.api.servitly.client import END, START, Client
from tests.exports.timeseries import Ward, between
from tests.factories import World

ClientOf = Callable[..., Client]
NOW = datetime(2026, 5, 4, 3, 2, 1, 234_000, tzinfo=UTC)


def test_what_is_not_said_has_its_default(alices: Client, turn: Callable[[datetime], None]) -> None:
    turn(NOW)
    answer = alices.schedule()
    assert answer.status_code == 201
    bean = answer.json
    assert UUID(bean["id"])
    assert answer.headers["Location"] == f"/data/dataExports/{bean['id']}"
    assert bean == {
        "id": bean["id"],
        "name": "Export 2026-05-04T03:02:01Z",
        "state": "PENDING",
        "dateTime": round(NOW.timestamp() * 1000),
        "thingFileName": "${thing.serialNumber}",
        "hashThingFileName": False,
        "customerId": None,
        "locationId": None,
        "thingId": None,
        "qualifiedMetricIds": [],
        "startTimestamp": START,
        "endTimestamp": END,
        "includeUnit": False,
        "timestampFormat": "ISO_8601",
    }
    assert alices.show(bean["id"]).json == bean


def test_what_is_said_is_said_again(app: Flask, alices: Client, world: World) -> None:
    with app.app_context():
        device, metric = world.device(), Ward.of(world).metrics["cd8"]
        device_id = str(device.id)
    template_id = str(world.templates["device"].id)
    said = {
        "name": "n" * 128,
        "thingFileName": "${thing.name}_${thingDefinition.name}",
        "hashThingFileName": True,
        "customerId": str(world.northside.id),
        "thingId": device_id,
        "qualifiedMetricIds": [
            {
                "metricId": str(metric),
                "productModelId": None,
                "productModelPartId": None,
                "thingDefinitionId": template_id,
            }
        ],
        "includeUnit": True,
        "timestampFormat": "EPOCH_MILLIS",
    }
    only_answered = {"dateTime": 5, "state": "COMPLETED", "url": "https://example.org/", "id": "abcd1234"}
    bean = alices.schedule(**said, **only_answered).json
    assert {name: bean[name] for name in said} == said
    assert (bean["state"], "url" in bean) == ("PENDING", False)
    assert bean["id"] != "abcd1234"
    assert bean["dateTime"] > START


def test_an_archive_is_fetched_by_an_address_that_is_new_each_time_and_soon_over(
    app: Flask, alices: Client, turn: Callable[[datetime], None]
) -> None:
    export_id = alices.schedule().json["id"]
    alices.work()
    first, second = (alices.show(export_id).json["url"] for _ in range(2))
    assert first != second
    stranger = app.test_client()
    assert alices.fetched(first).raw == alices.fetched(second).raw == {}
    with stranger.get(first) as whole, stranger.get(first, headers={"Range": "bytes=2-9"}) as part:
        assert (part.status_code, part.data) == (206, whole.data[2:10])
    for altered in (f"{first}0", first.replace("tenant=", "tenant=0"), urlsplit(first).path):
        answer = stranger.get(altered)
        assert (answer.status_code, list(answer.json)) == (403, ["message"])
    later = clock.now() + timedelta(seconds=901)
    turn(later)
    assert stranger.get(first).status_code == 403
    assert "url" in alices.show(export_id).json


def test_only_one_that_is_asked_for_by_its_id_has_an_address(alices: Client) -> None:
    export_id = alices.schedule().json["id"]
    alices.work()
    (listed,) = alices.open("GET").json
    assert (listed["id"], listed["state"], "url" in listed) == (export_id, "COMPLETED", False)


def test_they_are_listed_newest_first_and_page_by_page(alices: Client, turn: Callable[[datetime], None]) -> None:
    ids = []
    for number in range(3):
        turn(NOW + timedelta(seconds=number))
        ids.insert(0, alices.schedule(name=f"number {number}").json["id"])
        alices.work()
    assert [one["id"] for one in alices.open("GET").json] == ids
    assert [one["id"] for one in alices.open("GET", "?limit=1&offset=1").json] == [ids[1]]
    assert alices.open("GET", "?offset=3").json == []
    for wrong in ("limit=0", "limit=1001", "limit=x", "limit=-1", "offset=-1", "offset=100001", "limit=1.5", "limit="):
        assert alices.open("GET", f"?{wrong}").status_code == 400


def test_what_the_portal_was_asked_for_is_not_among_them_and_takes_no_slot(
    app: Flask, alices: Client, world: World
) -> None:
    with app.app_context():
        asked = exports.request_export(
            world.actor("alice"), "data_export", between(START, END), request_key="in the portal"
        )
        export_id = str(asked.id)
    assert alices.open("GET").json == []
    assert alices.show(export_id).status_code == 404
    assert alices.open("DELETE", f"/{export_id}").status_code == 404
    assert alices.schedule().status_code == 201


def test_deleting_a_pending_one_frees_the_slot_and_one_that_has_ended_loses_its_archive(alices: Client) -> None:
    first = alices.schedule().json["id"]
    assert alices.open("DELETE", f"/{first}").status_code == 204
    second = alices.schedule()
    assert second.status_code == 201
    alices.work()
    url = alices.show(second.json["id"]).json["url"]
    assert alices.open("DELETE", f"/{second.json['id']}").status_code == 204
    for export_id in (first, second.json["id"]):
        assert alices.show(export_id).status_code == 404
        assert alices.open("DELETE", f"/{export_id}").status_code == 404
    assert alices.app.test_client().get(url).status_code == 404
    assert alices.open("GET").json == []


def test_after_thirty_days_the_archive_is_gone_and_the_bean_says_so(
    app: Flask, alices: Client, turn: Callable[[datetime], None]
) -> None:
    turn(NOW)
    export_id = alices.schedule(name="kept").json["id"]
    alices.work()
    turn(NOW + timedelta(days=30, seconds=-1))
    assert alices.show(export_id).json["state"] == "COMPLETED"
    turn(NOW + timedelta(days=30))
    # Before and after the archive is really taken away.
    for _ in range(2):
        bean = alices.show(export_id).json
        assert (bean["state"], bean["message"], bean["name"]) == ("ERROR", "archive expired", "kept")
        assert "url" not in bean
        with app.app_context():
            exports.expire_exports()


def test_an_archive_that_was_withdrawn_before_its_time_says_why(app: Flask, alices: Client) -> None:
    export_id = alices.schedule().json["id"]
    alices.work()
    with app.app_context():
        begin_writing()
        withdraw(db.session.get_one(Export, UUID(export_id)), "It was withdrawn.")
        db.session.commit()
    bean = alices.show(export_id).json
    assert (bean["state"], bean["message"], "url" in bean) == ("ERROR", "It was withdrawn.", False)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_one_without_an_archive_is_an_error_and_says_why(app: Flask, alices: Client, world: World, end: str) -> None:
    export_id = alices.schedule().json["id"]
    with app.app_context():
        if end == "cancelled":
            exports.cancel_export(world.actor("alice"), UUID(export_id))
        else:
            begin_writing()
            assert fail_export(UUID(export_id), "It took longer than exports may take.")
            db.session.commit()
    bean = alices.show(export_id).json
    assert bean["state"] == "ERROR"
    assert bean["message"]
    assert "url" not in bean
    assert alices.schedule().status_code == 201


def test_there_are_three_states_and_each_of_ours_is_one_of_them() -> None:
    assert set(STATES) == set(EXPORT_STATES)
    assert set(STATES.values()) == {"PENDING", "COMPLETED", "ERROR"}


def test_colleagues_of_the_organization_see_it_and_nobody_else_learns_that_it_is_there(client_of: ClientOf) -> None:
    alices = client_of("alice")
    export_id = alices.schedule().json["id"]
    unknown = str(UUID(int=7))
    for who in ("adam", "ann", "max", "nora"):
        assert client_of(who).show(export_id).json["state"] == "PENDING", who
    for method in ("GET", "DELETE"):
        rita = client_of("rita")
        foreign, missing = (rita.open(method, f"/{one}") for one in (export_id, unknown))
        assert (foreign.status_code, foreign.json) == (missing.status_code, missing.json) == (
            404, {"message": "There is no such data export."},
        )  # fmt: skip
    assert client_of("rita").open("GET").json == []
    alices.work()
    adams = client_of("adam").show(export_id).json
    assert alices.fetched(adams["url"])
    # What ann may export is more than alice's organization has.
    anns = client_of("ann").schedule().json["id"]
    assert alices.show(anns).status_code == 404


def test_an_address_is_of_no_use_to_whom_it_was_made_for_once_they_may_not_export(
    app: Flask, alices: Client, world: World
) -> None:
    export_id = alices.schedule().json["id"]
    alices.work()
    url = alices.show(export_id).json["url"]
    with app.app_context():
        begin_writing()
        world_tenant = db.session.merge(world.acme)
        world_tenant.exports_enabled = False
        db.session.commit()
    assert app.test_client().get(url).status_code == 403

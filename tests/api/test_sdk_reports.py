"""The published clients ask for reports, unmodified, against the running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest

from app.catalog import records
from app.extensions import db
from app.models import Entity, begin_writing, take_revision
from tests.api.biot_reports import EXPORT, REPORTS, body
from tests.api.live import Clients, Live
from tests.callbacks.conftest import receiver_with
from tests.factories import PASSWORD
from tests.faults.processes import until


@pytest.fixture
def recorded(sdk: Clients) -> Iterator[dict[str, str]]:
    """A patient, a device and a log of it, which go again."""
    with sdk.live.at_hand() as world:
        device = world.device()
        made = {"patient": world.patient(), "device": device, "log": world.log(device)}
        ids = {name: entity.id for name, entity in made.items()}
        told = {"patient": str(ids["patient"]), "device": device.key, "log": str(ids["log"])}
    yield told
    with sdk.live.at_hand() as world:
        begin_writing()
        revision = take_revision(world.acme.id)
        for name in ("log", "device", "patient"):
            records.delete_entity(db.session.get_one(Entity, ids[name]), revision, None)
        db.session.commit()


def test_the_published_client_runs_a_reports_whole_life(sdk: Clients, recorded: dict[str, str]) -> None:
    told = sdk.run("reports.py", named="sdk report")
    assert told["healthy"]["version"]
    assert told["made"] == "IN_PROGRESS"
    assert told["report"]["status"] == "COMPLETED"
    assert told["report"]["reportInitiator"]["userId"] == str(sdk.live.world.users["alice"].id)
    assert recorded["patient"] in {row["_id"] for row in told["files"]["patient"][0]["rows"]}
    assert recorded["device"] in {row["_id"] for row in told["files"]["device"][0]["rows"]}
    assert told["files"]["command"] == [{"name": "command.json", "rows": []}]
    assert told["found"] == [told["report"]["id"]]
    assert told["total"] == 1
    assert told["refused"]["status"] == 400
    assert "remove one of the two" in told["refused"]["message"]
    assert told["too_late"]["code"] == "ALREADY_FINISHED"
    assert told["gone"]["status"] == 404


def test_the_reconciler_tells_a_receiver_of_the_end_and_its_addresses_work(live: Live) -> None:
    def asked(method: str, path: str, given: Any = None, token: str = "") -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        sent = Request(live.url + path, json.dumps(given).encode() if given else None, headers, method=method)
        with urlopen(sent) as answer:
            return json.loads(answer.read() or b"null")

    who = {"username": live.world.users["alice"].email, "password": PASSWORD}
    token = asked("POST", "/ums/v2/users/login", who)["accessJwt"]["token"]
    for receiver in receiver_with():
        receiver.answers = [500, 200]
        made = asked("POST", EXPORT, body(callbackEndpoint=receiver.url()), token)
        received = receiver.received
        until(lambda received=received: len(received) == 2, "the receiver was told twice")
        first, second = received
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert (second.json["id"], second.json["status"]) == (made["id"], "COMPLETED")
        [path] = second.json["fileOutput"]["filesLocation"]["patient"]["paths"]
        assert path.startswith(live.config.public_url)
        with urlopen(live.url + path.removeprefix(live.config.public_url)) as answer:
            assert isinstance(json.load(answer), list)
    asked("DELETE", f"{REPORTS}/{made['id']}", token=token)


def test_the_published_wrapper_exports_a_snapshot_and_reads_it_back(sdk: Clients, recorded: dict[str, str]) -> None:
    told = sdk.run("wrapper_reports.py", named="wrapped report")
    assert told["made"]["name"] == "wrapped report"
    assert told["status"] == "COMPLETED"
    rows = {row["_id"]: row for row in told["files"]["generic-entity"]}
    assert rows[recorded["log"]]["_template"]["name"] == "device_log"

"""Log lines of web, worker, builder and reconciler about one export: all name it, and the request that asked for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app import exports
from app.builder.hired import Builder, BuilderFault, Ordered
from app.exports.claims import claim_part
from app.extensions import db
from app.models import ExportPart, begin_writing
from app.models.types import EPOCH
from app.storage import StorageSettings
from config import Config
from tests.conftest import csrf_token
from tests.factories import World

SignedIn = Callable[[str], FlaskClient]
Captured = pytest.CaptureFixture[str]
ASKED = {
    "data_types": "patient", "period": "creation", "start": "2000-01-01T00:00", "end": "", "order": "desc",
    "format": "json", "request_key": "one form of one page",
}  # fmt: skip


def lines_of(captured: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.readouterr().err.splitlines()]


def ask(browser: FlaskClient) -> tuple[str, str]:
    """Ask for an export through the form; its id, and the number of the request."""
    answer = browser.post("/exports/", data={"csrf_token": csrf_token(browser, "/exports/new")} | ASKED)
    assert answer.status_code == 303, answer.text
    return answer.location.rsplit("/", 1)[1], answer.headers["X-Request-ID"]


def test_web_and_worker_name_the_export_and_the_request_that_asked_for_it(
    app: Flask, world: World, signed_in: SignedIn, capfd: Captured
) -> None:
    with app.app_context():
        world.many_patients(3)
    browser = signed_in("alice")
    capfd.readouterr()
    export_id, request_id = ask(browser)
    of_web = [line for line in lines_of(capfd) if line.get("export_id") == export_id]
    assert [(line["event"], line["request_id"]) for line in of_web] == [("an export is asked for: report", request_id)]
    with app.app_context():
        exports.work_until_idle("a worker")
    of_worker = lines_of(capfd)
    told = [line["event"].rpartition(": ")[2] for line in of_worker if line["logger"] == "app.exports.work"]
    assert told == ["plan", "build", "publish"]
    assert {(line.get("export_id"), line.get("request_id")) for line in of_worker} == {(export_id, request_id)}
    browser.get(f"/exports/{export_id}")
    [shown] = [line for line in lines_of(capfd) if line["event"] == "request"]
    assert shown["export_id"] == export_id
    assert shown["request_id"] != request_id


def test_the_reconciler_names_them_too(app: Flask, world: World, signed_in: SignedIn, capfd: Captured) -> None:
    export_id, request_id = ask(signed_in("alice"))
    with app.app_context():
        assert claim_part("a worker that dies") is not None
        begin_writing()
        db.session.execute(update(ExportPart).values(lease_until=EPOCH))
        db.session.commit()
        capfd.readouterr()
        assert exports.requeue_stale_exports().parts == 1
    [line] = [one for one in lines_of(capfd) if one["logger"] == "app.exports.upkeep" and "put back" in one["event"]]
    assert (line["export_id"], line["request_id"]) == (export_id, request_id)


@pytest.mark.usefixtures("app")
def test_a_builder_that_breaks_says_of_what_in_a_line_of_the_same_kind(config: Config, capfd: Captured) -> None:
    builder = Builder()
    builder.take_place(config.database_url, StorageSettings.local(config.data_dir / "storage").to_json())
    about = {"export_id": "that export", "request_id": "that request"}
    ordered = [Ordered(0, {"make": "nothing that anybody knows"}, first=True, final=True)]
    try:
        with pytest.raises(BuilderFault):
            list(builder.build("staging/x", ordered, about))
    finally:
        builder.end()
    [line] = lines_of(capfd)
    assert line.items() >= about.items()
    assert line["event"] == "the builder met KeyError"
    assert line["exception"][0]["type"] == "builtins.KeyError"
    assert "nothing that anybody knows" not in json.dumps(line)

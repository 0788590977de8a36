"""One bulk export at a time, kept by the database: fifty programs ask a running server in the same moment."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import Session

from app import accounts, exports
from app.errors import AlreadyRunning
from app.extensions import db
from tests.api.live import Live
from tests.exports.timeseries import between
from tests.factories import PASSWORD, World

PROGRAMS = 50
ALWAYS = between(0, 4_000_000_000_000, bulk=True, headed_by="name")
Answer = tuple[int, dict[str, Any]]


def ask(live: Live, token: str, method: str, path: str = "", body: Any = None) -> Answer:
    asked = urllib.request.Request(
        f"{live.url}/data/dataExports{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {token}", "X-Servitly-Tenant": "acme", "Content-Type": "application/json"
        },
    )  # fmt: skip
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_of_fifty_that_ask_a_server_at_once_exactly_one_is_answered_201(live: Live) -> None:
    tokens = []
    with live.at_hand() as world:
        for who in ("alice", "rita", "max"):
            tokens.append(accounts.sign_in_machine(world.users[who].email, PASSWORD).access.text)
    body = {"startTimestamp": 0, "endTimestamp": 4_000_000_000_000}
    with live.at_rest():
        everybody = Barrier(PROGRAMS)

        def schedule(number: int) -> Answer:
            everybody.wait()
            return ask(live, tokens[number % len(tokens)], "POST", body=body)

        with ThreadPoolExecutor(PROGRAMS) as threads:
            answers = list(threads.map(schedule, range(PROGRAMS)))
        assert Counter(status for status, _ in answers) == {201: 1, 429: PROGRAMS - 1}
        (first,) = (bean["id"] for status, bean in answers if status == 201)
        assert {body["runningExportId"] for status, body in answers if status == 429} == {first}
        assert ask(live, tokens[2], "DELETE", f"/{first}")[0] == 204
        again, bean = ask(live, tokens[0], "POST", body=body)
        assert again == 201
        assert ask(live, tokens[0], "DELETE", f"/{bean['id']}")[0] == 204


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_wall_stands_in_either_database(request: pytest.FixtureRequest, database: str) -> None:
    app: Flask
    world: World
    if database == "sqlite":
        app, world = request.getfixturevalue("app"), request.getfixturevalue("world")
    else:
        app, world = request.getfixturevalue("postgresql_app")
    everybody = Barrier(8)

    def schedule(number: int) -> str:
        with app.app_context():
            actor = world.actor(("alice", "rita", "max", "adam")[number % 4])
            everybody.wait()
            try:
                made = exports.request_export(actor, "data_export", ALWAYS, request_key=uuid4().hex)
            except AlreadyRunning as refusal:
                return f"waits for {refusal.running_id}"
            else:
                return str(made.id)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(schedule, range(8)))
    (first,) = (one for one in found if not one.startswith("waits"))
    assert sorted(found)[-7:] == [f"waits for {first}"] * 7
    with app.app_context():
        portals = exports.request_export(
            world.actor("alice"), "data_export", replace(ALWAYS, bulk=False), request_key=uuid4().hex
        )
        assert portals.state == "queued"


def test_one_that_ends_just_when_the_next_is_refused_lets_it_in(app: Flask, world: World) -> None:
    met: list[str] = []

    def cancel_the_first() -> None:
        with app.app_context():
            exports.cancel_export(world.actor("alice"), first_id)
            db.session.remove()

    def note(context: ExceptionContext) -> None:
        met.append("the wall")

    def after_rollback(session: Session) -> None:
        if met == ["the wall"]:
            met.append("its end")
            with ThreadPoolExecutor(1) as thread:
                thread.submit(cancel_the_first).result()

    with app.app_context():
        first_id = exports.request_export(world.actor("alice"), "data_export", ALWAYS, request_key="the first").id
        rita = world.actor("rita")
        event.listen(db.engine, "handle_error", note)
        event.listen(db.session, "after_rollback", after_rollback)
        try:
            second = exports.request_export(rita, "data_export", ALWAYS, request_key="the second")
        finally:
            event.remove(db.session, "after_rollback", after_rollback)
        assert met == ["the wall", "its end"]
        assert (second.state, second.id != first_id) == ("queued", True)
        assert exports.get_export(world.actor("alice"), first_id).state == "cancelled"

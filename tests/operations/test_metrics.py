"""What whoever watches an installation is told, and that nobody else is told it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from rq import Worker
from sqlalchemy import event
from werkzeug.test import TestResponse

from app import create_app, jobqueue, operations
from app.extensions import db
from config import Config
from tests.conftest import SECRET
from tests.factories import World
from tests.operations.conftest import Made, make_of_everything
from tests.ops.running import ROOT, environment
from tests.services.valkey import Valkey

TOKEN = "a-token-that-opens-nothing-else"
ONE_OF_TWO = """
import os, runpy
settings = runpy.run_path("ops/gunicorn.conf.py")
folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
from app import create_app
from config import Config
app = create_app(Config.from_env())
def visit(times):
    for _ in range(times):
        assert app.test_client().get("/healthz").status_code == 200
child = os.fork()
if not child:
    visit(3)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
visit(2)
assert len(os.listdir(folder)) == 4
print(app.test_client().get("/metrics", headers={"Authorization": "Bearer " + os.environ["METRICS_TOKEN"]}).text)
settings["on_exit"](None)
assert not os.path.exists(folder)
"""

Values = dict[tuple[str, ...], float]


def scrape(app: Flask, token: str = TOKEN) -> TestResponse:
    return app.test_client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def values_of(text: str) -> Values:
    """Each sample by its name and the values of its labels in the order of their names."""
    return {
        (sample.name.removeprefix("chartroom_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def watched(app: Flask, config: Config, valkey: Valkey) -> Flask:
    """The application over the same database, with a real Valkey, and watched."""
    return create_app(replace(config, redis_url=valkey.url, metrics_token=TOKEN))


def test_without_a_token_in_the_settings_there_is_no_such_address(app: Flask) -> None:
    answer = scrape(app)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_whoever_does_not_bear_it_is_told_nothing(watched: Flask) -> None:
    for given in (None, "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}é", TOKEN):
        answer = watched.test_client().get("/metrics", headers={} if given is None else {"Authorization": given})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), given
        assert "chartroom_" not in answer.text


def test_a_token_that_could_be_guessed_is_no_setting() -> None:
    for weak in ("short", "long enough but with spaces"):
        with pytest.raises(ValueError, match="METRICS_TOKEN"):
            Config.from_env({"SECRET_KEY": SECRET, "METRICS_TOKEN": weak})


def test_everything_is_counted_in_a_few_statements(made: Made, watched: Flask, worker: Callable[[], Worker]) -> None:
    worker()
    busy = worker()
    with watched.app_context():
        assert jobqueue.ring(jobqueue.IMPORTS)
        assert jobqueue.ring()
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    busy.prepare_execution(busy.queues[0].jobs[0])
    answer = scrape(watched)
    assert answer.content_type.startswith("text/plain; version=")
    assert "Set-Cookie" not in answer.headers
    assert len([one for one in statements if one.lstrip().startswith("SELECT")]) <= 6
    told = values_of(answer.text)
    oldest = told.pop(("oldest_waiting_seconds",))
    assert 90 <= oldest < 600
    expected = {
        ("database_up",): 1, ("valkey_up",): 1, ("queue_depth",): 2,
        ("workers", "exports"): 0, ("workers", "imports"): 1, ("workers", "nothing"): 1,
        ("exports", "ready"): 1, ("exports", "building"): 1, ("exports", "failed"): 1, ("exports", "queued"): 1,
        ("exports", "cancelled"): 0, ("exports", "expired"): 0,
        ("parts_waiting",): 1, ("leases", "held"): 0, ("leases", "late"): 1, ("callbacks_failing",): 1,
        ("outbox_messages", "callback", "waiting"): 1, ("outbox_messages", "callback", "failed"): 0,
        ("outbox_messages", "mail", "waiting"): 1, ("outbox_messages", "mail", "failed"): 1,
        ("storage_bytes", "files", "acme"): made.file_bytes, ("storage_bytes", "archives", "acme"): made.archive_bytes,
        ("storage_bytes", "files", "borealis"): 0, ("storage_bytes", "archives", "borealis"): 0,
    }  # fmt: skip
    assert {name: value for name, value in told.items() if not name[0].startswith("request")} == expected


def test_it_is_counted_alike_on_postgresql(postgresql_app: tuple[Flask, World]) -> None:
    app, world = postgresql_app
    with app.app_context():
        made = make_of_everything(world)
        found = operations.look_at_database()
    assert found is not None
    assert (found.exports["ready"], found.backlog.waiting, found.backlog.leases_late) == (1, 1, 1)
    assert found.callbacks == operations.Outbox(waiting=1, failing=1)
    assert found.storage["acme"] == operations.Storage(made.file_bytes, 1, made.archive_bytes, 1)


def test_requests_are_told_by_the_pattern_of_their_address_alone(watched: Flask, made: Made) -> None:
    stranger: FlaskClient = watched.test_client()
    for _ in range(2):
        stranger.get(f"/exports/{made.ready}?q=canary-of-a-patient")
    stranger.get("/nowhere/canary-of-a-patient")
    stranger.open("/healthz", method="CANARY-OF-A-PATIENT")
    text = scrape(watched).text
    told = values_of(text)
    assert told["requests_total", "GET", "/exports/<uuid:export_id>", "303"] == 2
    assert told["request_seconds_count", "GET", "/exports/<uuid:export_id>"] == 2
    assert told["requests_total", "GET", "none", "404"] == 1
    assert told["requests_total", "other", "none", "405"] == 1
    assert "canary" not in text.lower()
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


def test_what_does_not_answer_is_told_and_the_rest_too(watched: Flask, valkey: Valkey, config: Config) -> None:
    valkey.kill()
    told = values_of(scrape(watched).text)
    assert (told["valkey_up",], told["database_up",]) == (0, 1)
    assert ("queue_depth",) not in told
    assert ("exports", "ready") in told
    away = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    headless = create_app(replace(config, database_url=away, metrics_token=TOKEN))
    told = values_of(scrape(headless).text)
    assert told["database_up",] == 0
    assert ("exports", "ready") not in told


def test_two_processes_of_the_web_are_added_up(tmp_path: Path) -> None:
    settings = environment(
        SECRET_KEY=SECRET, DATA_DIR=str(tmp_path), REDIS_URL="unix:///nowhere/valkey.sock", METRICS_TOKEN=TOKEN,
        LOG_LEVEL="ERROR", PYTHONPATH=str(ROOT), PYTHONWARNINGS="ignore",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", ONE_OF_TWO], cwd=ROOT, env=settings, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = values_of(done.stdout)
    assert told["requests_total", "GET", "/healthz", "200"] == 5
    assert told["request_seconds_count", "GET", "/healthz"] == 5

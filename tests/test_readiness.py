"""Alive and ready: what supervisors ask, and what a stranger learns from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from rq.utils import utcformat

from app import clock, create_app
from app.extensions import db
from config import Config
from tests.services.valkey import Valkey


@pytest.fixture
def ready_app(app: Flask, config: Config, valkey: Valkey) -> Iterator[Flask]:
    """The application over the same database, with a real Valkey."""
    made = create_app(replace(config, redis_url=valkey.url))
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def stranger(ready_app: Flask) -> FlaskClient:
    return ready_app.test_client()


@pytest.fixture
def worker(valkey: Valkey, config: Config) -> Iterator[Worker]:
    """A worker that has registered itself, as worker.py's does when it starts."""
    with Redis.from_url(valkey.url) as connection:
        queue = Queue(config.queue_name, connection=connection, serializer=JSONSerializer)
        born = Worker([queue], connection=connection, serializer=JSONSerializer)
        born.register_birth()
        yield born


def failing(browser: FlaskClient) -> set[str]:
    answer = browser.get("/readyz")
    told = answer.json
    assert told is not None
    assert set(told["checks"]) == {"database", "valkey", "storage", "worker"}
    failed = {name for name, check in told["checks"].items() if not check["ok"]}
    assert answer.status_code == (503 if failed else 200)
    assert told["status"] == ("not ready" if failed else "ready")
    return failed


def later(**passed: float) -> None:
    """Turn the clock on, and stop it there."""
    moment = clock.now() + timedelta(**passed)
    clock.turn(lambda: moment)


def test_a_process_that_answers_is_alive_whatever_else_is_away(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_everything_that_answers_is_ready(stranger: FlaskClient, worker: Worker) -> None:
    assert failing(stranger) == set()


def test_without_a_worker_it_is_not_ready(stranger: FlaskClient) -> None:
    assert failing(stranger) == {"worker"}


def test_a_worker_of_another_deployment_does_not_count(valkey: Valkey, stranger: FlaskClient) -> None:
    with Redis.from_url(valkey.url) as connection:
        Worker([Queue("elsewhere", connection=connection)], connection=connection).register_birth()
        assert failing(stranger) == {"worker"}


def test_a_worker_that_was_killed_is_not_alive_for_ever(stranger: FlaskClient, worker: Worker) -> None:
    last = clock.now() - timedelta(seconds=worker.worker_ttl + 1)
    worker.connection.hset(worker.key, "last_heartbeat", utcformat(last))
    assert failing(stranger) == {"worker"}


def test_with_valkey_killed_it_says_so_at_once(stranger: FlaskClient, worker: Worker, valkey: Valkey) -> None:
    valkey.kill()
    assert failing(stranger) == {"valkey", "worker"}


def test_a_storage_that_cannot_be_written_is_told(stranger: FlaskClient, worker: Worker, config: Config) -> None:
    failing(stranger)
    later(seconds=1)
    storage = config.data_dir / "storage"
    storage.rename(config.data_dir / "storage-away")
    storage.write_text("a file where the folder was")
    assert failing(stranger) == {"storage"}


def test_strangers_make_the_disk_write_at_most_once_a_second(
    stranger: FlaskClient, worker: Worker, config: Config
) -> None:
    later(seconds=0)
    assert failing(stranger) == set()
    storage = config.data_dir / "storage"
    storage.rename(config.data_dir / "storage-away")
    storage.write_text("a file where the folder was")
    assert failing(stranger) == set()
    later(milliseconds=999)
    assert failing(stranger) == set()
    later(milliseconds=1)
    assert failing(stranger) == {"storage"}


def test_a_database_without_tables_is_told(stranger: FlaskClient, worker: Worker, config: Config) -> None:
    (config.data_dir / "chartroom.sqlite3").unlink()
    with stranger.application.app_context():
        db.engine.dispose()
    assert failing(stranger) == {"database"}


def test_a_stranger_learns_names_and_nothing_else(stranger: FlaskClient, valkey: Valkey, config: Config) -> None:
    valkey.kill()
    told = stranger.get("/readyz").text
    for secret in (str(config.data_dir), valkey.url, "sock", "sqlite", "Traceback", "Error"):
        assert secret not in told

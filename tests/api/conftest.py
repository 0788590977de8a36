"""Machines: clients that carry a token instead of a cookie, and a live server for the vendor's own clients."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import accounts
from tests.api.live import Clients, Live, python_of_clients
from tests.conftest import config_for
from tests.factories import PASSWORD, World
from tests.services.valkey import running_valkey


@dataclass(frozen=True)
class Machine:
    """A program signed in as somebody of the test world. What it asks and gets is JSON."""

    client: FlaskClient
    token: str

    def open(self, method: str, path: str, **more: Any) -> TestResponse:
        """One request; ``headers`` given here win over the token's."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"} | more.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.open("GET", path, **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        return self.open("POST", path, **more)

    def patch(self, path: str, **more: Any) -> TestResponse:
        return self.open("PATCH", path, **more)

    def put(self, path: str, **more: Any) -> TestResponse:
        return self.open("PUT", path, **more)

    def delete(self, path: str, **more: Any) -> TestResponse:
        return self.open("DELETE", path, **more)


@pytest.fixture
def machine_of(app: Flask, world: World) -> Callable[[str], Machine]:
    """``machine_of("boris")``: a program that signed in with that person's password."""

    def sign_in(name: str) -> Machine:
        with app.app_context():
            signed_in = accounts.sign_in_machine(world.users[name].email, PASSWORD)
        return Machine(app.test_client(), signed_in.access.text)

    return sign_in


@pytest.fixture
def machine(machine_of: Callable[[str], Machine]) -> Machine:
    """``machine.post("/ums/…", json={…})``: a program of alice's, clinician of Northside."""
    return machine_of("alice")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> tuple[Machine, World]:
    """A program of alice's over each database, for what is asked in SQL of its own; and who is in there."""
    if request.param == "sqlite":
        app, world = request.getfixturevalue("app"), request.getfixturevalue("world")
    else:
        app, world = request.getfixturevalue("postgresql_app")
    with app.app_context():
        signed_in = accounts.sign_in_machine(world.users["alice"].email, PASSWORD)
    return Machine(app.test_client(), signed_in.access.text), world


@pytest.fixture
def stranger(app: Flask) -> Machine:
    """A program with a token that nobody gave it."""
    return Machine(app.test_client(), f"chartroom_{'0' * 16}_{'x' * 43}")


@pytest.fixture(scope="session")
def live(peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running server with a worker, over the test world; one for all tests here: leave nothing that others meet."""
    with running_valkey() as valkey:
        here = frozenset({"127.0.0.1"})
        config = replace(config_for(tmp_path_factory.mktemp("live"), valkey.url), callback_allowed_hosts=here)
        shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
        made = Live(config, peopled_sqlite[1])
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="session")
def sdk(live: Live) -> Clients:
    """``sdk.run("sign_in.py", who="alice")``: the published clients, unmodified, against the running server."""
    return Clients(python_of_clients(), live)

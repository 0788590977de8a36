"""What every test has at hand. No application context stays pushed but in the ``domain`` fixture."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import flask_migrate
import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from app import clock, create_app
from app.accounts import passwords
from app.exports.builders import kept_builder
from app.extensions import db
from config import Config
from tests import routes_once, statements_once
from tests.factories import PASSWORD, World, make_world
from tests.services.postgresql import PostgreSQL

pytest_plugins = ["tests.services.plugin"]
# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
routes_once.share()
statements_once.share()

SECRET = "a secret for tests, of more than thirty-two characters"


class CompiledPages(BytecodeCache):
    """Templates are compiled once for all tests, not again for the application of each; a changed one is not taken."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


compiled_pages = CompiledPages()


@pytest.fixture(autouse=True)
def _clock_runs_again() -> Iterator[None]:
    """A test that turned the clock gives it back."""
    yield
    clock.turn(None)


@pytest.fixture(scope="session", autouse=True)
def _builder_ends_with_the_tests() -> Iterator[None]:
    """Exports that tests make in their own process leave it a builder for the next one."""
    yield
    kept_builder.end()


@pytest.fixture
def turn() -> Callable[[datetime], None]:
    """``turn(moment)``: from now on it is that moment, for the dates that people see."""
    return lambda moment: clock.turn(lambda: moment)


def quick_hashes() -> None:
    """Passwords of people who do not exist are hashed quickly; a test of the real strength sets it itself."""
    passwords.tune(passes=1, kibibytes=64, lanes=1)


@pytest.fixture(autouse=True)
def _quick_hashes() -> None:
    quick_hashes()


def config_for(data_dir: Path, redis_url: str = "unix:///nowhere/valkey.sock") -> Config:
    """The settings of tests: short leases in the same ratios as real ones."""
    return replace(
        Config.from_env({"SECRET_KEY": SECRET, "DATA_DIR": str(data_dir), "REDIS_URL": redis_url}),
        lease_seconds=2.0,
        beat_seconds=0.5,
        give_up_seconds=1.5,
        reconcile_seconds=0.5,
        backoff_seconds=0.1,
        backoff_limit_seconds=1.0,
        part_rows=40,
        fragment_rows=10,
    )


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database that ran every migration once; each test copies it."""
    home = tmp_path_factory.mktemp("migrated")
    app = create_app(config_for(home))
    with app.app_context():
        flask_migrate.upgrade()
        db.session.remove()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return home / "chartroom.sqlite3"


def detached_world() -> World:
    """The world of :mod:`tests.factories` in the current application's database; its rows are loaded and detached."""
    world = make_world()
    for row in (*world.users.values(), *world.templates.values(), *world.foreign_templates.values()):
        db.session.refresh(row)
    for row in (world.acme, world.borealis, world.northside, world.riverside, world.foreign):
        db.session.refresh(row)
    db.session.expunge_all()
    db.session.remove()
    return world


@pytest.fixture(scope="session")
def peopled_sqlite(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """The migrated database with the world of :mod:`tests.factories` in it."""
    home = tmp_path_factory.mktemp("peopled")
    shutil.copy(migrated_sqlite, home / "chartroom.sqlite3")
    quick_hashes()
    app = create_app(config_for(home))
    with app.app_context():
        world = detached_world()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return home / "chartroom.sqlite3", world


@pytest.fixture(scope="session")
def peopled_postgresql(postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, World]:
    """The address of a PostgreSQL database that ran every migration and holds the same; to be copied, not connected."""
    quick_hashes()
    url = postgresql_server.new_database()
    app = create_app(replace(config_for(tmp_path_factory.mktemp("peopled")), database_url=url))
    with app.app_context():
        flask_migrate.upgrade()
        world = detached_world()
        db.engine.dispose()
    return url, world


@pytest.fixture
def postgresql_app(
    postgresql_server: PostgreSQL, peopled_postgresql: tuple[str, World], tmp_path: Path
) -> Iterator[tuple[Flask, World]]:
    """The application over a fresh copy of the peopled PostgreSQL database, and who is in it. No context is pushed."""
    url = postgresql_server.new_database(like=peopled_postgresql[0])
    made = create_app(replace(config_for(tmp_path), database_url=url))
    made.jinja_env.bytecode_cache = compiled_pages
    yield made, peopled_postgresql[1]
    with made.app_context():
        db.session.remove()
        db.engine.dispose()
    postgresql_server.drop_database(url)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_for(tmp_path)


@pytest.fixture
def app(config: Config, peopled_sqlite: tuple[Path, World]) -> Iterator[Flask]:
    """The application over a fresh copy of the peopled database. No context is pushed."""
    shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
    made = create_app(config)
    made.jinja_env.bytecode_cache = compiled_pages
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def world(peopled_sqlite: tuple[Path, World]) -> World:
    """The people, organizations and templates that the fresh copy holds. Their rows are detached: read, not changed."""
    return peopled_sqlite[1]


@pytest.fixture
def domain(app: Flask, world: World) -> Iterator[World]:
    """The world, with an application context for this test: what domain tests take."""
    with app.app_context():
        yield world


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A stranger's browser."""
    return app.test_client()


@pytest.fixture
def signed_in(app: Flask, world: World) -> Callable[[str], FlaskClient]:
    """``signed_in("alice")``: a browser in which that person has signed in through the form."""

    def sign_in(name: str) -> FlaskClient:
        browser = app.test_client()
        token = csrf_token(browser, "/sign-in")
        answer = browser.post(
            "/sign-in",
            data={"csrf_token": token, "email": world.users[name].email, "password": PASSWORD},
        )
        assert answer.status_code == 303, answer.text
        return browser

    return sign_in


def csrf_token(browser: FlaskClient, path: str) -> str:
    """The CSRF token that a page of the portal carries."""
    page = browser.get(path)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text) or re.search(
        r'name="csrf-token"[^>]*content="([^"]+)"', page.text
    )
    assert found, f"no CSRF token on {path}: {page.status_code}"
    return found.group(1)

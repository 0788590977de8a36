"""What every answer carries: headers, refusals in words, logs without values."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import db
from config import Config
from tests.factories import PASSWORD, World
from tests.portal.signing_in import enter, words_of

SignedIn = Callable[[str], FlaskClient]


def test_every_page_of_a_person_says_what_the_browser_may_do(signed_in: SignedIn, client: FlaskClient) -> None:
    for browser, path in ((signed_in("alice"), "/entities/"), (client, "/sign-in"), (client, "/nowhere")):
        headers = browser.get(path).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers
        assert re.fullmatch(r"[0-9a-f]{32}", headers["X-Request-ID"])


def test_static_files_are_kept_for_a_year_only_under_their_present_version(client: FlaskClient) -> None:
    page = client.get("/sign-in").text
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    assert len(addresses) >= 4
    for address in addresses:
        with client.get(address) as kept:
            assert kept.status_code == 200
            assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        with client.get(address.split("?")[0] + "?v=000000000000") as stale:
            assert stale.headers["Cache-Control"] == "no-cache"
    assert client.get("/static/../config.py").status_code == 404
    assert client.get("/static/nothing.css?v=1").headers["Cache-Control"] == "no-store"


def test_a_fault_of_ours_shows_no_trace_and_is_logged_without_values(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise RuntimeError("canary-of-a-patient")

    app.add_url_rule("/broken", "broken", broken)
    answer = app.test_client().get("/broken?q=canary-of-a-query")
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text
    assert "RuntimeError" not in answer.text
    logged = capsys.readouterr().err
    assert answer.headers["X-Request-ID"] in logged
    assert "RuntimeError" in logged
    assert "canary" not in logged


def test_a_script_gets_every_refusal_as_json(client: FlaskClient, signed_in: SignedIn) -> None:
    asks_json = {"Accept": "application/json"}
    nowhere = client.get("/nowhere", headers=asks_json)
    assert (nowhere.status_code, list(nowhere.json or {})) == (404, ["error"])
    wrong_way = client.put("/sign-in", headers=asks_json)
    assert (wrong_way.status_code, list(wrong_way.json or {})) == (405, ["error"])
    assert "POST" in wrong_way.headers["Allow"]
    too_old = client.post("/sign-in", headers=asks_json)
    assert too_old.status_code == 400
    assert "too old" in (too_old.json or {})["error"]


def test_a_database_that_is_away_is_said_so_and_is_no_fault_of_the_person(
    app: Flask, signed_in: SignedIn, config: Config
) -> None:
    browser = signed_in("alice")
    with app.app_context():
        db.engine.dispose()
    database = Path(config.data_dir / "chartroom.sqlite3")
    for file in config.data_dir.glob("chartroom.sqlite3*"):
        file.rename(file.with_name("away-" + file.name))
    database.mkdir()
    answer = browser.get("/entities/")
    assert answer.status_code == 503
    assert "Try again in a minute" in words_of(answer)


def test_no_log_line_holds_what_a_person_typed(
    client: FlaskClient, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(client, "canary-address@example.org", "canary-password-of-mine")
    enter(client)
    client.get("/entities/patient?q=canary-patient")
    captured = capsys.readouterr()
    assert '"event": "request"' in captured.err
    assert "canary" not in captured.err + captured.out
    assert PASSWORD not in captured.err + captured.out

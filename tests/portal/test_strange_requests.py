"""Requests that no browser of ours sends: unreadable referrers, forms full of files, foreign hosts."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app import create_app
from app.extensions import db
from config import Config
from tests.conftest import csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import words_of

SignedIn = Callable[[str], FlaskClient]
UNREADABLE = ["http://[", "https://[", "http://[::1", "https://localhost:99999999/", "https://[x]/"]


@pytest.mark.parametrize("referrer", UNREADABLE)
def test_a_referrer_that_nobody_can_read_changes_no_answer(
    signed_in: SignedIn, client: FlaskClient, referrer: str
) -> None:
    headers = {"Referer": referrer}
    assert client.get("/nowhere", headers=headers).status_code == 404
    assert client.put("/sign-in", headers=headers).status_code == 405
    stranger = client.post("/exports/", headers=headers)
    assert stranger.status_code == 401
    browser = signed_in("alice")
    assert browser.get("/entities/patient?q=Ruiz&cursor=broken", headers=headers).status_code < 500
    assert browser.get("/entities/?q=Ruiz", headers=headers).status_code == 200


def test_a_refusal_keeps_the_way_on_for_who_is_signed_in_and_tells_strangers_nothing(
    signed_in: SignedIn, client: FlaskClient
) -> None:
    stranger, known = client.get("/nowhere"), signed_in("alice").get("/nowhere")
    assert (stranger.status_code, known.status_code) == (404, 404)
    for way in ('href="/entities/patient"', 'href="/exports/"', "Sign out"):
        assert way in known.text
        assert way not in stranger.text


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("referrer", UNREADABLE)
def test_a_form_with_a_referrer_that_nobody_can_read_is_not_from_our_page(
    app: Flask, world: World, scheme: str, referrer: str
) -> None:
    browser, base = app.test_client(), f"{scheme}://localhost"
    token = csrf_token(browser, f"{base}/sign-in")
    data = {"csrf_token": token, "email": world.users["alice"].email, "password": PASSWORD}
    answer = browser.post(f"{base}/sign-in", data=data, headers={"Referer": referrer})
    assert answer.status_code == 400
    assert "The form was too old" in words_of(answer)
    answer = browser.post(f"{base}/sign-in", data=data, headers={"Referer": f"{base}/sign-in"})
    assert answer.status_code == 303


def form_of(files: int, fields: int = 0, **more: str) -> tuple[bytes, str]:
    """A form with that many empty files and empty fields; its bytes and its kind."""
    data: dict[str, object] = {f"field{number}": "" for number in range(fields)} | dict(more)
    data["file"] = [FileStorage(io.BytesIO(), filename=f"{number}.txt") for number in range(files)]
    boundary, body = encode_multipart(data)
    return body, f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize("files", [1, 90])
def test_a_form_with_files_is_refused_where_no_file_is_asked_for(client: FlaskClient, files: int) -> None:
    body, kind = form_of(files, csrf_token=csrf_token(client, "/sign-in"))
    answer = client.post("/sign-in", data=body, content_type=kind)
    assert answer.status_code == 415


def test_a_signed_in_persons_form_with_files_is_refused_likewise(signed_in: SignedIn, config: Config) -> None:
    browser = signed_in("alice")
    body, kind = form_of(3, csrf_token=csrf_token(browser, "/entities/"))
    assert browser.post("/sign-out", data=body, content_type=kind).status_code == 415
    assert browser.get("/entities/").status_code == 200
    assert not any(Path(config.data_dir, "incoming").glob("*"))


def test_a_form_has_at_most_a_hundred_parts(client: FlaskClient) -> None:
    body, kind = form_of(0, fields=101)
    assert client.post("/sign-in", data=body, content_type=kind).status_code == 413
    body, kind = form_of(0, fields=95, csrf_token=csrf_token(client, "/sign-in"), email="a@example.org")
    assert client.post("/sign-in", data=body, content_type=kind).status_code == 422


def test_a_sign_in_of_more_than_sixteen_kilobytes_is_not_read(client: FlaskClient) -> None:
    data = {"csrf_token": csrf_token(client, "/sign-in"), "email": "a" * 17_000}
    unread = io.BytesIO(b"email=" + b"a" * 17_000)
    answer = client.post(
        "/sign-in",
        input_stream=unread,
        headers={"Content-Length": "17006"},
        content_type="application/x-www-form-urlencoded",
    )
    assert (answer.status_code, unread.tell()) == (413, 0)
    assert client.post("/sign-in", data=data).status_code == 413
    assert client.post("/sign-in", data=data | {"email": "a" * 8_000}).status_code == 422


@pytest.mark.parametrize("path", ["/entities", "/exports", "/entities?q=Ruiz", "//entities", "//evil.example/.."])
def test_no_redirect_names_the_host_that_the_client_says_we_are(app: Flask, config: Config, path: str) -> None:
    proxied = create_app(replace(config, public_url="https://portal.example.org", trusted_proxies=1))
    for headers in (
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Host": "evil.example"},
        {"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
    ):
        answer = proxied.test_client().get(
            "/",
            environ_overrides={"PATH_INFO": path.split("?")[0]},
            headers=headers,
            query_string=path.partition("?")[2],
        )
        location = answer.headers.get("Location", "/")
        assert "evil.example" not in location.partition("?")[0]
        assert location.startswith("/")
        assert not location.startswith("//")
    with proxied.app_context():
        db.session.remove()
        db.engine.dispose()


def test_an_address_without_its_slash_leads_to_the_one_with_it(client: FlaskClient) -> None:
    answer = client.get("/entities?q=Ruiz", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (308, "/entities/?q=Ruiz")


def test_probes_by_address_are_answered(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"Host": "192.0.2.7:8000"}).status_code == 200

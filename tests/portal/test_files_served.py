"""Uploads as a real server receives them: what is said of a body and what comes of it need not agree."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.extensions import db
from tests.attachments.files import picture
from tests.browser.portal import Web
from tests.conftest import config_for, csrf_token
from tests.factories import PASSWORD, World
from tests.portal.cabinet import Cabinet, make_cabinet

PNG = picture("PNG", (300, 300))
Ask = Callable[..., tuple[int, str]]
Served = tuple[Flask, Web, Path]
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def served(peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application, and gunicorn over the same data."""
    config = replace(config_for(tmp_path_factory.mktemp("served")), upload_idle_seconds=5.0)
    shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
    web = Web(config, config.data_dir / "web.log")
    web.start()
    app = create_app(config)
    yield app, web, config.data_dir
    web.stop()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def cabinet(served: Served, world: World) -> Cabinet:
    return make_cabinet(served[0], world, served[2])


@pytest.fixture
def ask(served: Served, world: World, cabinet: Cabinet) -> Ask:
    """``ask(["Content-Length: 5"], [b"bytes"])``: send that as Alice; the status and the rest of the answer."""
    app, web, _ = served
    alice = app.test_client()
    form = {"email": world.users["alice"].email, "password": PASSWORD, "csrf_token": csrf_token(alice, "/sign-in")}
    assert alice.post("/sign-in", data=form).status_code == 303
    token = cabinet.token(alice)
    cookie = alice.get_cookie("chartroom")
    assert cookie is not None

    def ask(
        headers: list[str], body: list[bytes], *, ends: bool = False, kind: str = "application/octet-stream"
    ) -> tuple[int, str]:
        head = [
            f"POST {cabinet.path}/files/images?name=a.png HTTP/1.1",
            f"Host: 127.0.0.1:{web.port}",
            "Connection: close",
            "Accept: application/json",
            f"Cookie: chartroom={cookie.value}",
            f"X-CSRFToken: {token}",
            f"Content-Type: {kind}",
            *headers,
        ]
        with socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode())
            for piece in body:
                connection.sendall(piece)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        status, _, rest = answer.decode(errors="replace").partition("\r\n")
        return int(status.split()[1]), rest

    return ask


def test_an_honest_length_is_accepted(ask: Ask, cabinet: Cabinet) -> None:
    status, _ = ask([f"Content-Length: {len(PNG)}"], [PNG])
    assert status == 201
    assert [cabinet.bytes_of(file) for file in cabinet.files() if file.entity_id == cabinet.patient_id] == [PNG]


def test_a_length_over_the_limit_is_refused_before_any_byte_comes(ask: Ask, cabinet: Cabinet) -> None:
    status, said = ask(["Content-Length: 999999999999"], [])
    assert status == 413
    assert "This file is too large: at most 50 MB are accepted here." in said
    cabinet.assert_empty()


def test_a_length_that_says_less_than_comes_ends_the_file_there(ask: Ask, cabinet: Cabinet) -> None:
    status, said = ask(["Content-Length: 100"], [PNG, bytes(2_000_000)])
    assert status == 422
    assert "error" in said
    cabinet.assert_empty()


def test_a_length_that_says_more_than_comes_is_a_broken_upload(ask: Ask, cabinet: Cabinet) -> None:
    status, said = ask([f"Content-Length: {len(PNG) + 1000}"], [PNG], ends=True)
    assert status == 422
    assert "The upload broke off before the file was complete." in said
    cabinet.assert_empty()


def test_a_body_without_a_length_is_refused(ask: Ask, cabinet: Cabinet) -> None:
    chunk = f"{len(PNG):x}\r\n".encode() + PNG + b"\r\n0\r\n\r\n"
    status, said = ask(["Transfer-Encoding: chunked"], [chunk])
    assert status == 411
    assert "An upload must say beforehand how many bytes it has." in said
    assert ask([], [])[0] == 411
    cabinet.assert_empty()


@pytest.mark.parametrize("header", ["Content-Length: -5", "Content-Length: many", "Content-Length: 5, 6"])
def test_a_length_that_is_no_number_is_refused(ask: Ask, cabinet: Cabinet, header: str) -> None:
    assert ask([header], [b"hello"], ends=True)[0] in (400, 411)
    cabinet.assert_empty()


def multipart(content: bytes) -> bytes:
    part = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return part + content + b"\r\n--edge--\r\n"


@pytest.mark.parametrize("cut", [5, 40, 900])
def test_a_form_that_breaks_off_leaves_nothing(ask: Ask, cabinet: Cabinet, cut: int) -> None:
    form = multipart(PNG)
    headers, kind = [f"Content-Length: {len(form) + 10}"], "multipart/form-data; boundary=edge"
    status, said = ask(headers, [form[:-cut]], ends=True, kind=kind)
    assert status == 422, said
    assert "The upload broke off before the file was complete." in said
    cabinet.assert_empty()


@pytest.mark.long
def test_an_upload_that_falls_silent_is_broken_off(ask: Ask, cabinet: Cabinet) -> None:
    status, said = ask([f"Content-Length: {len(PNG)}"], [PNG[:-10]])
    assert status == 422, said
    assert "The upload broke off before the file was complete." in said
    cabinet.assert_empty()


def test_a_form_that_falls_silent_is_broken_off(ask: Ask, cabinet: Cabinet) -> None:
    form = multipart(PNG)
    status, said = ask([f"Content-Length: {len(form)}"], [form[:-40]], kind="multipart/form-data; boundary=edge")
    assert status == 422, said
    assert "The upload broke off before the file was complete." in said
    cabinet.assert_empty()


def test_a_browser_still_sending_hears_why_it_was_refused(ask: Ask, cabinet: Cabinet) -> None:
    size = 60_000_000  # above the attribute's limit
    status, said = ask([f"Content-Length: {size}"], [bytes(1_000_000)] * 60)
    assert status == 413
    assert "This file is too large" in said
    cabinet.assert_empty()

"""A file of a program: announced, sent to its signed address, downloaded from another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import attachments, clock
from app.extensions import db
from app.models import AuditEvent, StoredFile, User, begin_writing
from tests.api.biot.sent import LOG, UPLOAD, announce, fetch, put, refused, sent, state_of, stored_keys
from tests.api.conftest import Machine
from tests.attachments.files import picture
from tests.factories import World


def download(machine: Machine, file_id: str, **arguments: str) -> dict[str, Any]:
    answer = machine.get(f"/file/v1/files/{file_id}/download", query_string=arguments)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_a_file_goes_in_and_comes_out_as_it_was(machine: Machine, client: FlaskClient) -> None:
    made = announce(machine)
    assert set(made) == {"id", "name", "mimeType", "signedUrl"}
    assert (made["name"], made["mimeType"]) == ("log.csv", "text/csv")
    answer = put(client, made["signedUrl"], LOG)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["ETag"] == f'"{hashlib.md5(LOG, usedforsecurity=False).hexdigest()}"'
    told = download(machine, made["id"])
    assert {name: told[name] for name in ("id", "name", "mimeType")} == {
        "id": made["id"], "name": "log.csv", "mimeType": "text/csv",
    }  # fmt: skip
    got = fetch(client, told["signedUrl"])
    assert (got.status_code, got.data) == (200, LOG)
    assert got.headers["Content-Type"] == "text/csv"
    assert got.headers["Content-Disposition"] == 'attachment; filename="log.csv"'
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]


def test_the_asked_disposition_is_signed_with_the_address(machine: Machine, client: FlaskClient) -> None:
    url = download(machine, sent(machine), contentDisposition="ATTACHMENT")["signedUrl"]
    assert fetch(client, url).headers["Content-Disposition"].startswith("attachment")
    refused(fetch(client, url.replace("disposition=attachment", "disposition=inline")), 403)
    refused(machine.get(f"/file/v1/files/{sent(machine)}/download?contentDisposition=SIDEWAYS"), 400)


def test_a_kind_that_nobody_looks_into_is_never_shown_in_place(machine: Machine, client: FlaskClient) -> None:
    file_id = sent(machine, b"<script>alert(1)</script>", "page.html", "text/html")
    got = fetch(client, download(machine, file_id, contentDisposition="INLINE")["signedUrl"])
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"].startswith("attachment")


def test_a_range_is_answered_and_the_record_has_one_download(app: Flask, machine: Machine, client: FlaskClient) -> None:
    url = download(machine, sent(machine))["signedUrl"]
    got = fetch(client, url, headers={"Range": "bytes=3-9"})
    assert (got.status_code, got.data) == (206, LOG[3:10])
    with app.app_context():
        assert len(list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == "file.download")))) == 1


def test_only_what_was_decoded_is_shown_in_place(machine: Machine, client: FlaskClient) -> None:
    """A text says of itself what it is, and nobody has read it to its end."""
    for name, content, shown in (
        ("scan.png", picture("PNG"), "inline"), ("log.csv", LOG, "attachment"), ("log.txt", LOG, "attachment"),
        ("facts.json", b"{}", "attachment"),
    ):  # fmt: skip
        url = download(machine, sent(machine, content, name), contentDisposition="INLINE")["signedUrl"]
        got = fetch(client, url)
        assert got.headers["Content-Disposition"].startswith(shown), name
        assert got.mimetype != "application/octet-stream", name


def test_a_page_of_another_origin_may_send_bytes_and_read_their_tag_and_nothing_else(
    machine: Machine, client: FlaskClient
) -> None:
    made = announce(machine)
    parts = urlsplit(made["signedUrl"])
    asked = client.options(f"{parts.path}?{parts.query}", headers={"Origin": "https://app.example.org"})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert asked.headers["Access-Control-Allow-Methods"] == "PUT"
    refusal = put(client, f"{made['signedUrl']}0", LOG)
    answer = put(client, made["signedUrl"], LOG)
    for one in (refusal, answer):
        assert one.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    for one in (fetch(client, download(machine, made["id"])["signedUrl"]), machine.get(UPLOAD)):
        assert "Access-Control-Allow-Origin" not in one.headers


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "a.csv"},
        {"mimeType": "text/csv"},
        {"name": "", "mimeType": "text/csv"},
        {"name": "a.csv", "mimeType": ""},
        {"name": "a" * 129, "mimeType": "text/csv"},
        {"name": "a.csv", "mimeType": "x" * 101},
        {"name": 7, "mimeType": "text/csv"},
        {"name": "a\0.csv", "mimeType": "text/csv"},
        {"name": "///", "mimeType": "text/csv"},
    ],
)
def test_what_cannot_be_announced_is_refused_and_nothing_is_expected(
    app: Flask, machine: Machine, body: dict[str, Any]
) -> None:
    refused(machine.post(UPLOAD, json=body), 400)
    with app.app_context():
        assert db.session.scalar(select(StoredFile.id)) is None


def test_a_name_is_kept_without_its_folders_and_says_so(machine: Machine) -> None:
    assert announce(machine, "../../etc/log.csv")["name"] == "log.csv"


def test_an_analyst_may_not_send_files(machine_of: Callable[[str], Machine]) -> None:
    refused(machine_of("ann").post(UPLOAD, json={"name": "a.csv", "mimeType": "text/csv"}), 403, "FORBIDDEN")


ALTERED = {
    "another file": lambda url, other: url.replace(url.split("/uploads/")[1][:36], other),
    "without a signature": lambda url, _: url.partition("&signature=")[0],
    "a shorter signature": lambda url, _: url[:-1],
    "a later end": lambda url, _: url.replace("expires=1", "expires=2"),
    "one more argument": lambda url, _: f"{url}&tenant2=1",
    "an argument twice": lambda url, _: f"{url}&expires=1",
    "another person": lambda url, _: url.replace("person=", "person=0"),
    "another key": lambda url, _: url.replace("key=", "key=0"),
    "no arguments": lambda url, _: url.partition("?")[0],
    "a signature that is no text": lambda url, _: url.partition("&signature=")[0] + "&signature=%FF%00é",
}


def test_an_altered_address_takes_nothing(app: Flask, machine: Machine, client: FlaskClient) -> None:
    made, other = announce(machine), announce(machine)
    for name, alter in ALTERED.items():
        altered = alter(made["signedUrl"], other["id"])
        assert altered != made["signedUrl"], name
        refused(put(client, altered, LOG), 403, "FORBIDDEN")
    with app.app_context():
        assert (state_of(made["id"]), state_of(other["id"]), stored_keys()) == ("expected", "expected", [])
    assert put(client, made["signedUrl"], LOG).status_code == 200


def test_an_address_for_one_deed_opens_no_other(machine: Machine, client: FlaskClient) -> None:
    made = announce(machine)
    assert put(client, made["signedUrl"], LOG).status_code == 200
    told = download(machine, made["id"])
    as_download = made["signedUrl"].replace("/uploads/", "/downloads/")
    as_upload = told["signedUrl"].replace("/downloads/", "/uploads/")
    refused(fetch(client, as_download), 403)
    refused(put(client, as_upload, LOG), 403)
    refused(put(client, told["signedUrl"], LOG), 405)
    refused(fetch(client, made["signedUrl"]), 405)


def test_an_address_ends_after_an_hour(machine: Machine, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made, told = announce(machine), download(machine, sent(machine))
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=59))
    assert fetch(client, told["signedUrl"]).status_code == 200
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=61))
    refused(put(client, made["signedUrl"], LOG), 403)
    refused(fetch(client, told["signedUrl"]), 403)


def test_an_address_ends_with_its_person(app: Flask, machine: Machine, client: FlaskClient, world: World) -> None:
    made = announce(machine)
    with app.app_context():
        begin_writing()
        db.session.get_one(User, world.users["alice"].id).active = False
        db.session.commit()
    refused(put(client, made["signedUrl"], LOG), 403)


def test_bytes_come_once(app: Flask, machine: Machine, client: FlaskClient) -> None:
    made = announce(machine)
    assert put(client, made["signedUrl"], LOG).status_code == 200
    refused(put(client, made["signedUrl"], b"other,bytes\n"), 409, "ALREADY_STORED")
    assert fetch(client, download(machine, made["id"])["signedUrl"]).data == LOG
    with app.app_context():
        assert len(stored_keys()) == 1


def test_before_its_bytes_came_there_is_nothing_to_download(machine: Machine) -> None:
    refused(machine.get(f"/file/v1/files/{announce(machine)['id']}/download"), 409, "NOT_READY")


def test_what_breaks_off_leaves_nothing_and_may_be_sent_again(
    app: Flask, machine: Machine, client: FlaskClient
) -> None:
    made = announce(machine)
    cut = put(client, made["signedUrl"], LOG, environ_overrides={"CONTENT_LENGTH": str(len(LOG) + 1)})
    assert "broke off" in refused(cut, 400)["message"]
    with app.app_context():
        assert (state_of(made["id"]), stored_keys()) == ("expected", [])
    assert put(client, made["signedUrl"], LOG).status_code == 200


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("scan.png", b"no picture at all", 400), ("empty.csv", b"", 400), ("log.csv", picture("PNG"), 400)],
)
def test_bytes_that_are_not_what_their_name_says_are_not_kept(
    app: Flask, machine: Machine, client: FlaskClient, name: str, content: bytes, status: int
) -> None:
    made = announce(machine, name)
    refused(put(client, made["signedUrl"], content), status)
    with app.app_context():
        assert (state_of(made["id"]), stored_keys()) == ("expected", [])


def test_more_than_the_deployment_takes_is_refused_however_it_is_announced(
    app: Flask, machine: Machine, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments.intake.intake, "max_bytes", 1000)
    url = announce(machine)["signedUrl"]
    refused(put(client, url, LOG), 413, "TOO_LARGE")
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    refused(put(client, url, LOG, environ_overrides=chunked | {"CONTENT_LENGTH": ""}), 413)
    with app.app_context():
        assert stored_keys() == []


def test_bytes_without_an_announced_length_are_taken(machine: Machine, client: FlaskClient) -> None:
    made = announce(machine)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert put(client, made["signedUrl"], LOG, environ_overrides=chunked).status_code == 200
    assert fetch(client, download(machine, made["id"])["signedUrl"]).data == LOG


def test_encoded_bytes_are_refused(machine: Machine, client: FlaskClient) -> None:
    refused(put(client, announce(machine)["signedUrl"], LOG, headers={"Content-Encoding": "gzip"}), 400)


@pytest.mark.parametrize("who", ["boris", "rita", "adam"])
def test_somebody_elses_upload_is_unknown(machine: Machine, machine_of: Callable[[str], Machine], who: str) -> None:
    theirs = machine_of(who)
    foreign = theirs.get(f"/file/v1/files/{sent(machine)}/download")
    unknown = theirs.get("/file/v1/files/11111111-2222-4333-8444-555555555555/download")
    assert refused(foreign, 404) | {"traceId": ""} == refused(unknown, 404) | {"traceId": ""}


def test_what_nobody_attached_is_swept_after_a_day(app: Flask, machine: Machine) -> None:
    file_id, expected = sent(machine, picture("PNG"), "a.png"), announce(machine)["id"]
    with app.app_context():
        assert len(stored_keys()) == 2
        attachments.sweep_files(clock.now() + timedelta(hours=23))
        assert (state_of(file_id), state_of(expected)) == ("stored", "expected")
        attachments.sweep_files(clock.now() + timedelta(hours=25))
        assert (state_of(file_id), state_of(expected), stored_keys()) == (None, None, [])

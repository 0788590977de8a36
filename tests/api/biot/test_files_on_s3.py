"""With an object store beneath, a program's bytes go to the store itself; what they are is asked when they are used."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from app import attachments, clock
from app.attachments.editing import edit_with_files
from app.catalog import values_of
from app.errors import Invalid
from app.extensions import db
from app.models import AuditEvent, Entity, StoredFile
from app.storage import storage
from config import Config
from tests.api.biot.sent import LOG, MIB, PARTS, announce, announce_parts, refused, state_of, stored_keys
from tests.api.conftest import Machine
from tests.attachments.files import picture
from tests.conftest import config_for
from tests.factories import World
from tests.services.seaweedfs import SeaweedFS


@pytest.fixture
def config(tmp_path: Path, s3_server: SeaweedFS, s3_bucket: str) -> Config:
    return replace(config_for(tmp_path), **s3_server.settings_for(s3_bucket))


def store(url: str, content: bytes | None = None) -> tuple[int, Any, bytes]:
    """Ask the store itself: bytes to an address, or from it."""
    asked = urllib.request.Request(url, data=content, method="GET" if content is None else "PUT")
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


def of_store(url: str, s3_server: SeaweedFS) -> bool:
    return url.startswith(s3_server.url) and "X-Amz-Signature" in url


def test_bytes_go_to_the_store_and_come_from_it(app: Flask, machine: Machine, s3_server: SeaweedFS) -> None:
    made = announce(machine)
    assert of_store(made["signedUrl"], s3_server)
    status, headers, _ = store(made["signedUrl"], LOG)
    assert status == 200
    assert headers["ETag"]
    told = machine.get(f"/file/v1/files/{made['id']}/download").get_json()
    assert of_store(told["signedUrl"], s3_server)
    status, headers, body = store(told["signedUrl"])
    assert (status, body, headers["Content-Type"]) == (200, LOG, "text/csv")
    assert headers["Content-Disposition"] == 'attachment; filename="log.csv"'
    with app.app_context():
        assert state_of(made["id"]) == "stored"
        # What is trusted is a copy that nobody can send to.
        assert [key.partition("/")[0] for key in stored_keys()] == ["files"]
        assert db.session.scalar(select(AuditEvent.id).where(AuditEvent.action == "file.download")) is not None


def test_bytes_sent_after_they_were_looked_at_change_nothing(app: Flask, machine: Machine) -> None:
    made = announce(machine)
    store(made["signedUrl"], LOG)
    machine.get(f"/file/v1/files/{made['id']}/download")
    assert store(made["signedUrl"], b"something,else\n")[0] == 200
    told = machine.get(f"/file/v1/files/{made['id']}/download").get_json()
    assert store(told["signedUrl"])[2] == LOG
    with app.app_context():
        attachments.sweep_files(clock.now() + timedelta(hours=25))
        assert stored_keys() == []


def test_a_file_is_looked_at_when_it_is_attached(app: Flask, machine: Machine, world: World) -> None:
    missing = announce(machine, "scan.png", "image/png")["id"]
    addresses = {one: announce(machine, "scan.png", "image/png") for one in ("good", "bad")}
    store(addresses["good"]["signedUrl"], picture("PNG"))
    store(addresses["bad"]["signedUrl"], b"<script>")
    with app.app_context():
        alice, patient = world.actor("alice"), world.patient().id
        for file_id in (addresses["bad"]["id"], missing):
            with pytest.raises(Invalid):
                edit_with_files(alice, patient, {}, {"images": [UUID(file_id)]})
            assert "images" not in values_of(db.session.get_one(Entity, patient))
        edit_with_files(alice, patient, {}, {"images": [UUID(addresses["good"]["id"])]})
        file = db.session.get_one(StoredFile, UUID(addresses["good"]["id"]))
        assert (file.state, file.media_type) == ("attached", "image/png")
        assert file.preview_key in stored_keys()
        assert not [key for key in stored_keys() if key.startswith("arrivals/")]


def test_bytes_over_the_bound_are_refused_when_they_are_used(
    app: Flask, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments.intake.intake, "max_bytes", 100)
    made = announce(machine)
    assert store(made["signedUrl"], LOG)[0] == 200
    refused(machine.get(f"/file/v1/files/{made['id']}/download"), 413)
    with app.app_context():
        assert (state_of(made["id"]), stored_keys()) == ("expected", [])


def test_parts_go_to_the_store_and_are_joined_by_their_tags(app: Flask, machine: Machine) -> None:
    pieces = [b"%031d\n" % 1 * (5 * MIB // 32), LOG]
    made = announce_parts(machine, 3)
    named = [
        {"partNumber": place["partNumber"], "etag": store(place["signedUrl"], piece)[1]["ETag"]}
        for place, piece in zip(made["signedUrls"], pieces, strict=False)
    ]
    path = f"{PARTS}{made['id']}"
    refused(machine.put(path, json={"parts": [{"partNumber": 3, "etag": named[0]["etag"]}]}), 400)
    refused(machine.put(path, json={"parts": [{"partNumber": 1, "etag": named[1]["etag"]}]}), 400)
    assert machine.put(path, json={"parts": named}).status_code == 200
    told = machine.post(f"{path}/complete", data=b"", content_type="application/json").get_json()
    assert store(told["signedUrl"])[2] == b"".join(pieces)
    with app.app_context():
        assert [key.partition("/")[0] for key in stored_keys()] == ["files"]


def test_a_cancelled_upload_leaves_nothing_in_the_store(app: Flask, machine: Machine) -> None:
    made = announce_parts(machine, 1)
    store(made["signedUrls"][0]["signedUrl"], LOG)
    assert machine.delete(f"{PARTS}{made['id']}/cancel").status_code == 204
    with app.app_context():
        assert stored_keys() == []


def test_an_address_for_sending_fetches_nothing_and_the_other_way_round(machine: Machine) -> None:
    made = announce(machine)
    assert store(made["signedUrl"], LOG)[0] == 200
    assert store(made["signedUrl"])[0] == 403
    told = machine.get(f"/file/v1/files/{made['id']}/download").get_json()
    assert store(told["signedUrl"], b"x")[0] == 403


def test_where_addresses_of_the_store_are_switched_off_they_are_ours(
    app: Flask, machine: Machine, s3_server: SeaweedFS
) -> None:
    storage.bind(replace(storage.settings, signed_downloads=False))
    made = announce(machine)
    assert not of_store(made["signedUrl"], s3_server)
    assert made["signedUrl"].startswith("http://localhost/file/v1/uploads/")

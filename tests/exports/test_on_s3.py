"""Exports with an object store beneath: whole archives, fetched from the store itself, and words when it refuses."""

from __future__ import annotations

import hashlib
import io
import json
import re
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import exports
from app.exports import ReportParams
from app.extensions import db
from app.models import AuditEvent, Export
from app.storage import storage
from config import Config
from tests.conftest import config_for
from tests.factories import World
from tests.services.faulty import Fault, FaultyProxy
from tests.services.seaweedfs import SeaweedFS

PATIENTS = ReportParams(("patient",), start=datetime(2000, 1, 1, tzinfo=UTC))
SignedIn = Callable[[str], FlaskClient]


@pytest.fixture
def config(tmp_path: Any, s3_server: SeaweedFS, s3_bucket: str) -> Config:
    return replace(config_for(tmp_path), **s3_server.settings_for(s3_bucket), s3_prefix="portal/")


@pytest.fixture
def through_proxy(config: Config, faulty_s3: FaultyProxy, domain: World) -> FaultyProxy:
    """The portal asks the store through this proxy."""
    storage.bind(replace(storage.settings, endpoint_url=faulty_s3.url))
    return faulty_s3


def make(world: World, params: ReportParams = PATIENTS) -> Export:
    export = exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    return exports.get_export(world.actor("alice"), export.id)


def test_an_archive_is_built_in_the_store_and_nothing_is_left_beside_it(domain: World, config: Config) -> None:
    ours = {str(one) for one in domain.many_patients(95)}
    export = make(domain)
    assert (export.state, export.reason) == ("ready", None)
    download = exports.open_archive(domain.actor("alice"), export.id)
    with download.stream:
        content = download.stream.read()
    assert hashlib.sha256(content).hexdigest() == export.archive_sha256 == download.sha256_hex
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert {row["_id"] for row in json.loads(archive.read("patient.json"))} == ours
    single = exports.open_file(domain.actor("alice"), export.id, 0)
    assert {row["_id"] for row in json.loads(b"".join(single.chunks))} == ours
    assert [found.key for found in storage.list_()] == [export.archive_key]
    assert not (config.data_dir / "storage").exists()


def test_a_store_that_is_busy_for_a_while_delays_an_export_and_no_more(
    domain: World, through_proxy: FaultyProxy, config: Config
) -> None:
    domain.many_patients(30)
    through_proxy.faults = [Fault(where="PUT", times=4)]
    export = make(domain)
    give_up = 50
    while export.is_pending and give_up:
        exports.work_until_idle("test")
        db.session.expire_all()
        export = exports.get_export(domain.actor("alice"), export.id)
        give_up -= 1
    assert export.state == "ready"
    assert through_proxy.faults[0].times == 0


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (404, "NoSuchBucket")])
def test_a_store_that_refuses_ends_an_export_with_words(
    domain: World, through_proxy: FaultyProxy, status: int, code: str
) -> None:
    domain.many_patients(30)
    through_proxy.faults = [Fault(times=10_000, status=status, code=code)]
    export = make(domain)
    assert export.state == "failed"
    assert "an operator has to" in (export.reason or "")
    assert "own words" not in (export.reason or "")


@pytest.fixture
def ready(app: Flask, world: World) -> UUID:
    with app.app_context():
        world.many_patients(30)
        return make(world).id


def noted(app: Flask) -> int:
    with app.app_context():
        return db.session.query(AuditEvent).filter_by(action="export.download").count()


def test_the_portal_sends_a_browser_to_the_store_for_the_archive(app: Flask, ready: UUID, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    answer = browser.get(f"/exports/{ready}/archive")
    assert answer.status_code == 302
    assert answer.headers["Cache-Control"] == "no-store"
    assert "X-Amz-Expires=300&" in answer.headers["Location"]
    with urllib.request.urlopen(answer.headers["Location"]) as fetched:
        content = fetched.read()
        assert fetched.headers["Content-Type"] == "application/zip"
        assert re.fullmatch(r'attachment; filename="report-[0-9a-f-]+\.zip"', fetched.headers["Content-Disposition"])
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert noted(app) == 1


def test_a_head_and_a_single_file_are_answered_by_the_portal(app: Flask, ready: UUID, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    head = browser.head(f"/exports/{ready}/archive")
    assert (head.status_code, head.headers["Content-Type"]) == (200, "application/zip")
    assert noted(app) == 0
    with browser.get(f"/exports/{ready}/files/0") as single:
        assert len(json.loads(single.data)) == 30
    assert noted(app) == 1


def test_who_may_not_take_the_archive_gets_no_address(app: Flask, ready: UUID, signed_in: SignedIn) -> None:
    refused = signed_in("boris").get(f"/exports/{ready}/archive")
    assert refused.status_code == 404
    assert "Location" not in refused.headers
    assert noted(app) == 0


def test_an_archive_that_is_gone_from_the_store_is_told_on_our_page(
    app: Flask, ready: UUID, signed_in: SignedIn
) -> None:
    with app.app_context():
        storage.delete(db.session.get_one(Export, ready).archive_key or "")
    assert signed_in("alice").get(f"/exports/{ready}/archive").status_code == 410
    assert noted(app) == 0


def test_without_signed_addresses_the_portal_serves_the_archive_itself(
    app: Flask, ready: UUID, signed_in: SignedIn
) -> None:
    storage.bind(replace(storage.settings, signed_downloads=False))
    browser = signed_in("alice")
    with browser.get(f"/exports/{ready}/archive") as whole:
        assert zipfile.ZipFile(io.BytesIO(whole.data)).testzip() is None
        data, tag = whole.data, whole.headers["ETag"]
    with browser.get(f"/exports/{ready}/archive", headers={"Range": "bytes=100-", "If-Range": tag}) as rest:
        assert (rest.status_code, rest.data) == (206, data[100:])


def test_a_store_that_refuses_is_a_page_and_not_an_error(ready: UUID, signed_in: SignedIn, client: FlaskClient) -> None:
    storage.bind(replace(storage.settings, secret_access_key="x" * 40))
    answer = signed_in("alice").get(f"/exports/{ready}/archive")
    assert answer.status_code == 503
    assert "an operator has to correct the keys" in answer.text
    told = client.get("/readyz")
    assert told.status_code == 503
    assert "Chartroom&#39;s keys" in told.text or "Chartroom's keys" in told.text

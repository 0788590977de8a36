"""The export of a version: the table of its status codes, and the file that it leads to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import accounts, clock, exports, terminology
from app.exports.settling import fail_export
from app.extensions import db
from app.models import AuditEvent, begin_writing
from tests.api.conftest import Machine
from tests.api.ocl.shelf import ALL_KINDS, EVERYTHING, Shelf, opened, shelf_of
from tests.factories import PASSWORD, World
from tests.terminology.making import concept

MachineOf = Callable[[str], Machine]
METHODS = ("GET", "HEAD", "POST", "DELETE")
EXPORT = "v2/export/"


def codes(shelf: Shelf, rest: str, methods: tuple[str, ...] = METHODS, machine: Machine | None = None) -> list[int]:
    asks = machine or shelf.machine
    return [asks.open(method, f"{shelf.path}{rest}").status_code for method in methods]


def said(shelf: Shelf, version: str = "v2") -> TestResponse:
    return shelf.get(f"{version}/export/")


@pytest.mark.parametrize(("owner", "kind"), ALL_KINDS)
def test_the_root_answers_as_the_current_page_says(
    app: Flask, world: World, machine_of: MachineOf, owner: str, kind: str
) -> None:
    shelf = shelf_of(app, world, machine_of("nora"), owner, kind)
    nobody, viewer = Machine(app.test_client(), ""), machine_of("rita")
    refusals = 404 if owner == "user" else 403
    assert codes(shelf, EXPORT) == [404, 404, 404, 404]
    assert codes(shelf, "HEAD/export/") == [405, 405, 405, 405]
    assert codes(shelf, "HEAD/export/", ("DELETE",), viewer) == [refusals]
    shelf.release("v2")
    assert codes(shelf, EXPORT) == [208, 208, 409, 409]
    assert codes(shelf, EXPORT, ("PUT", "PATCH")) == [405, 405]
    assert codes(shelf, EXPORT, machine=nobody) == [401, 401, 401, 401]
    shelf.work()
    assert codes(shelf, EXPORT, ("GET", "HEAD", "POST")) == [303, 303, 303]
    assert codes(shelf, "latest/export/", ("GET", "HEAD", "POST")) == [303, 303, 303]
    assert codes(shelf, f"{EXPORT}?noRedirect=true", ("POST",)) == [204]
    assert shelf.get(EXPORT, headers={"X-OCL-CLIENT": "openconceptlab/0.2.1"}).status_code == 302
    made = shelf.ask("POST", EXPORT)
    assert "Location" not in made.headers
    assert made.headers["URL"] == f"{shelf.address.path}v2/export/"
    assert codes(shelf, EXPORT, ("DELETE",), viewer) == [refusals]
    assert codes(shelf, EXPORT, ("DELETE", "GET", "HEAD", "DELETE", "POST", "GET")) == [204, 204, 204, 404, 202, 208]
    shelf.work()
    assert codes(shelf, f"{EXPORT}?force=true", ("POST", "GET")) == [202, 208]
    if owner != "user":
        with app.app_context():
            private(shelf)
        assert codes(shelf, EXPORT, machine=viewer) == [403, 403, 403, 403]


@pytest.mark.parametrize(("owner", "kind"), ALL_KINDS)
def test_below_v1_it_answers_as_the_page_of_2015_says(
    app: Flask, world: World, machine_of: MachineOf, owner: str, kind: str
) -> None:
    root = shelf_of(app, world, machine_of("nora"), owner, kind)
    shelf = Shelf(app, root.machine, root.actor, root.address, f"/v1{root.path}")
    nobody, viewer = Machine(app.test_client(), ""), machine_of("rita")
    assert codes(shelf, EXPORT) == [404, 404, 404, 404]
    assert codes(shelf, "HEAD/export/") == [405, 400, 405, 405]
    shelf.release("v2")
    assert codes(shelf, EXPORT) == [202, 202, 202, 409]
    assert codes(shelf, EXPORT, machine=nobody) == [401, 401, 401, 401]
    shelf.work()
    ready = said(shelf)
    assert (ready.status_code, ready.get_data()) == (200, b"")
    assert "Location" not in ready.headers
    with app.test_client().get(ready.headers["exportURL"]) as archive:
        assert opened(archive.get_data())["id"] == "v2"
    assert codes(shelf, EXPORT, ("HEAD",)) == [200]
    assert codes(shelf, EXPORT, ("DELETE",), viewer) == [404 if owner == "user" else 403]
    assert codes(shelf, EXPORT, ("POST", "GET")) == [202, 202]
    shelf.work()
    assert codes(shelf, EXPORT, ("DELETE", "HEAD", "DELETE", "HEAD")) == [204, 404, 404, 404]
    assert codes(shelf, EXPORT, ("GET", "HEAD", "GET")) == [202, 202, 202]


def private(shelf: Shelf) -> None:
    facts = terminology.facts_of_repository(terminology.get_repository(shelf.actor, shelf.address))
    changed = terminology.RepositoryFacts(facts.name, repository_type=facts.repository_type, public_access="None")
    terminology.update_repository(shelf.actor, shelf.address, changed)


@pytest.mark.parametrize("kind", ["sources", "collections"])
def test_the_export_is_the_content_of_its_version_key_for_key(
    app: Flask, world: World, machine_of: MachineOf, kind: str
) -> None:
    shelf = shelf_of(app, world, machine_of("nora"), "orgs", kind)
    shelf.released("v2")
    with app.app_context():
        concept(shelf.actor, "A9", at=terminology.Address("orgs", "northside", "sources", "LUNG"))
    export = shelf.taken("v2")
    assert export.pop("export_time").endswith("secs")
    told = shelf.get(f"v2/?{EVERYTHING}").json
    assert list(export) == list(told)
    assert export == told
    assert [one["id"] for one in export["concepts"]] == ["A1", "A2", "A3", "A4"]
    assert shelf.get(f"v2/?{EVERYTHING}", headers={"Compress": "true"}).get_data()[:2] == b"PK"
    assert opened(shelf.get(f"v2/?{EVERYTHING}", headers={"Compress": "true"}).get_data()) == told


def test_the_headers_of_a_ready_export_say_when_and_where(app: Flask, shelf: Shelf) -> None:
    shelf.released("v2")
    ready = said(shelf)
    headers = ready.headers
    assert headers["Location"] == headers["exportURL"]
    assert headers["Location"].startswith("http://localhost/export-archives/")
    assert headers["lastUpdated"] == headers["Last-Updated"]
    assert headers["lastUpdatedTimezone"] == headers["Last-Updated-Timezone"] == "UTC"
    assert headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    changed = datetime.fromisoformat(headers["lastUpdated"])
    name = f"LUNG_v2.{changed:%Y%m%d%H%M%S}.zip"
    with app.test_client().get(headers["Location"]) as archive:
        assert archive.headers["Content-Type"] == "application/zip"
        assert archive.headers["Content-Disposition"].startswith(f'attachment; filename="{name}"')
        assert int(archive.headers["Content-Length"]) == len(archive.get_data())
        made = datetime.fromisoformat(headers["exportCreated"]).replace(tzinfo=UTC)
        assert archive.last_modified == made.replace(microsecond=0)


def test_an_address_is_good_for_one_download_and_its_later_ranges(app: Flask, shelf: Shelf) -> None:
    shelf.released("v2")
    client, url = app.test_client(), said(shelf).headers["Location"]

    def fetched(method: str = "GET", elsewhere: bool = False, **headers: str) -> int:
        place = {"REMOTE_ADDR": "192.0.2.7"} if elsewhere else {}
        with client.open(url, method=method, headers=headers, environ_overrides=place) as answer:
            return answer.status_code

    assert fetched("HEAD") == 200
    assert fetched(**{"Sec-Purpose": "prefetch;prerender"}) == 204
    assert fetched(Range="bytes=999999999-") == 416
    assert fetched() == 200
    assert fetched() == 410
    assert fetched(Range="bytes=0-9") == 410
    assert fetched(Range="bytes=20-29") == 206
    assert fetched(Range="bytes=20-29", elsewhere=True) == 410
    assert fetched("HEAD") == 200
    with client.get(url) as answer:
        assert "Ask for a new one" in answer.json["detail"]
    # Whoever asks anew gets one of their own.
    assert shelf.taken("v2")["id"] == "v2"


def test_an_address_is_used_by_a_later_range_that_continues_nothing_and_the_record_has_it(
    app: Flask, shelf: Shelf
) -> None:
    shelf.released("v2")
    client, url = app.test_client(), said(shelf).headers["Location"]
    # All but the first byte, which everybody knows, would be the archive as often as one likes.
    for place, status in (("192.0.2.7", 206), ("192.0.2.7", 206), ("192.0.2.8", 410)):
        with client.get(url, headers={"Range": "bytes=1-"}, environ_overrides={"REMOTE_ADDR": place}) as answer:
            assert answer.status_code == status
    assert client.get(url).status_code == 410
    with app.app_context():
        taken = db.session.query(AuditEvent).filter_by(action="export.download").all()
        assert [one.address for one in taken] == ["192.0.2.7"]


def test_an_address_that_was_altered_or_is_old_opens_nothing(
    app: Flask, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.released("v2")
    client, url = app.test_client(), said(shelf).headers["Location"]
    for wrong in (f"{url}0", url.replace("use=", "use=0"), url.split("?")[0], url.replace("LUNG_v2", "LUNG_v3")):
        assert client.get(wrong).status_code == 403
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=61))
    assert client.get(url).status_code == 403


def test_an_address_ends_with_the_archive_and_with_the_right_to_see_it(
    app: Flask, shelf: Shelf, machine_of: MachineOf
) -> None:
    shelf.released("v2")
    client, rita = app.test_client(), machine_of("rita")
    url, hers = (one.get(f"{shelf.path}{EXPORT}").headers["Location"] for one in (shelf.machine, rita))
    with app.app_context():
        private(shelf)
    assert client.get(hers).status_code == 410
    assert shelf.ask("DELETE", EXPORT).status_code == 204
    assert client.get(url).status_code == 410


def test_versions_that_begin_alike_have_exports_of_their_own(shelf: Shelf) -> None:
    for version in ("v2.1", "v2", "2"):
        shelf.released(version)
    assert [shelf.taken(version)["id"] for version in ("v2", "v2.1", "2")] == ["v2", "v2.1", "2"]
    assert shelf.ask("DELETE", "v2/").status_code == 204
    assert codes(shelf, EXPORT) == [404, 404, 404, 404]
    assert shelf.taken("v2.1")["id"] == "v2.1"


def test_whoever_may_see_to_it_reads_how_far_an_export_is(shelf: Shelf, machine_of: MachineOf) -> None:
    shelf.release("v2")
    place = "v2/processing/"
    assert shelf.get(place).get_data() == b"True"
    assert shelf.get("v2/").json["is_processing"] is True
    told = shelf.get(f"{place}?debug=true").json
    assert (told["is_processing"], len(told["process_ids"]), told["error"]) == (True, 1, None)
    viewer = machine_of("rita")
    assert viewer.get(f"{shelf.path}{place}").get_data() == b"True"
    assert viewer.get(f"{shelf.path}{place}?debug=true").status_code == 403
    assert viewer.post(f"{shelf.path}{place}").status_code == 403
    shelf.work()
    assert shelf.ask("POST", place).status_code == 200
    assert shelf.get(place).get_data() == b"False"
    assert shelf.get("v2/").json["is_processing"] is False
    assert shelf.get("HEAD/processing/?debug=1").json["state"] is None


def test_a_worker_that_fails_leaves_its_reason_and_no_export(app: Flask, shelf: Shelf) -> None:
    shelf.release("v2")
    with app.app_context():
        export = exports.release_export(shelf.actor, shelf.address, "v2")
        assert export is not None
        fail(export.id)
    assert codes(shelf, EXPORT, ("GET", "HEAD")) == [204, 204]
    told = shelf.get("v2/processing/?debug=true").json
    assert (told["state"], told["error"], told["process_ids"]) == ("failed", "It broke.", [])
    assert codes(shelf, EXPORT, ("POST",)) == [202]
    shelf.work()
    assert shelf.taken("v2")["id"] == "v2"


def fail(export_id: UUID) -> None:
    begin_writing()
    assert fail_export(export_id, "It broke.")
    db.session.commit()


def test_of_many_who_use_one_address_at_once_one_gets_the_archive(
    postgresql_app: tuple[Flask, World],
) -> None:
    app, world = postgresql_app
    with app.app_context():
        signed_in = accounts.sign_in_machine(world.users["nora"].email, PASSWORD)
    shelf = shelf_of(app, world, Machine(app.test_client(), signed_in.access.text), "orgs", "sources")
    shelf.released("v2")
    url = said(shelf).headers["Location"]

    def fetched(_: int) -> int:
        with app.test_client().get(url) as answer:
            return answer.status_code

    with ThreadPoolExecutor(6) as many:
        assert sorted(many.map(fetched, range(6))) == [200, *[410] * 5]

"""The tenant's settings: said in words before they change, recorded, and met where people work."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import clock, exports
from app.exports import ReportParams
from app.extensions import db
from app.models import AuditEvent, Export, Tenant
from tests.conftest import csrf_token
from tests.exports.test_life import LONG_AGO
from tests.factories import World
from tests.portal.signing_in import words_of

SignedIn = Callable[[str], FlaskClient]
SETTINGS = "/admin/settings/"
AS_THEY_ARE = {
    "exports": "on",
    "off_reason": "",
    "export_right_clinician": "full",
    "export_right_analyst": "full",
    "export_right_administrator": "full",
    "retention_days": "30",
    "requests_per_minute": "2000",
    "callback_hosts": "",
}


def send(browser: FlaskClient, **more: str) -> TestResponse:
    given = {"csrf_token": csrf_token(browser, SETTINGS)} | AS_THEY_ARE | more
    return browser.post(SETTINGS, data=given)


def confirm(browser: FlaskClient, page: TestResponse) -> TestResponse:
    """Send what the page that asks has in its form."""
    form = page.text[page.text.rindex("<form") :]
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return browser.post(SETTINGS, data=fields, follow_redirects=True)


def change(browser: FlaskClient, **more: str) -> TestResponse:
    return confirm(browser, send(browser, **more))


def tenant(app: Flask, world: World) -> dict[str, Any]:
    with app.app_context():
        row = db.session.get_one(Tenant, world.acme.id)
        return {name: getattr(row, name) for name in ("exports_enabled", "exports_off_reason", "export_rights",
                "retention_days", "requests_per_minute", "callback_hosts")}  # fmt: skip


def events(app: Flask) -> dict[str, Any]:
    with app.app_context():
        found = select(AuditEvent).where(AuditEvent.action.startswith("tenant."), AuditEvent.via == "session")
        return {one.action: one.details for one in db.session.scalars(found)}


def test_each_change_is_said_before_and_after_then_made_and_recorded(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    before, browser = tenant(app, world), signed_in("max")
    wanted = {
        "exports": "off", "off_reason": "The ward is being moved.", "export_right_analyst": "without-identifiers",
        "retention_days": "7", "requests_per_minute": "500", "callback_hosts": "Results.example.org\nb.example.org",
    }  # fmt: skip
    asked = send(browser, **wanted)
    for words in (
        "Exports On Off", "Why exports are off No reason given The ward is being moved.",
        "Analysts may export Everything Without what identifies people", "Archives are kept 30 days 7 days",
        "Requests by programs 2,000 a minute 500 a minute",
        "Every host on the public internet b.example.org, results.example.org", "It stands in the record.",
    ):  # fmt: skip
        assert words in words_of(asked)
    assert tenant(app, world) == before
    done = confirm(browser, asked)
    assert "Changed: Exports; Why exports are off; Analysts may export; Archives are kept" in words_of(done)
    assert tenant(app, world) == {
        "exports_enabled": False, "exports_off_reason": "The ward is being moved.",
        "export_rights": "analyst:without-identifiers", "retention_days": 7, "requests_per_minute": 500,
        "callback_hosts": "b.example.org results.example.org",
    }  # fmt: skip
    told = events(app)
    assert told["tenant.exports"] == {"exports_enabled": False, "reason_given": True}
    assert told["tenant.export_rights"]["after"]["analyst"] == "without-identifiers"
    assert told["tenant.retention"] == {"before": 30, "after": 7}
    assert set(told) == {
        "tenant.exports", "tenant.export_rights", "tenant.retention", "tenant.limit", "tenant.callback_hosts"
    }  # fmt: skip


def test_the_reason_stands_where_an_export_would_have_been_launched_and_who_switches_them_on(
    world: World, signed_in: SignedIn
) -> None:
    boss = signed_in("max")
    change(boss, exports="off", off_reason="The ward is being moved.")
    for path in ("/exports/new", "/exports/measurements/new"):
        told = signed_in("alice").get(path)
        assert told.status_code == 403
        assert "Exports are switched off where you work. The reason: The ward is being moved." in words_of(told)
        assert "Max, max@example.org (the whole tenant)" in words_of(told)
    assert "You can: switch exports on in the settings" in words_of(boss.get("/exports/new"))
    change(boss)
    assert signed_in("alice").get("/exports/new").status_code == 200
    # Switched off again, no reason of before is said.
    change(boss, exports="off")
    assert "The reason" not in words_of(signed_in("alice").get("/exports/new"))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("retention_days", "0", "1 to 3,650 days"),
        ("retention_days", "３", "1 to 3,650 days"),
        ("requests_per_minute", "1000001", "1 to 1,000,000"),
        ("callback_hosts", "https://a.example.org/x", "is no host’s name"),
        ("export_right_analyst", "some", "Choose what this role may export"),
        ("exports", "", "Say whether exports are on or off"),
        ("off_reason", "a\0b", "one line of plain words"),
        ("off_reason", "x" * 501, "at most 500"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    app: Flask, world: World, signed_in: SignedIn, field: str, value: str, words: str
) -> None:
    before, browser = tenant(app, world), signed_in("max")
    for more in ({}, {"confirmed": "yes", "seen": "x"}):
        refused = send(browser, **{field: value}, **more)
        assert (refused.status_code, words in words_of(refused)) == (422, True)
    assert tenant(app, world) == before


def test_settings_that_changed_meanwhile_are_shown_and_not_overwritten(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    first, second = signed_in("max"), signed_in("max")
    asked = send(first, retention_days="7")
    change(second, requests_per_minute="100")
    told = confirm(first, asked)
    assert (told.status_code, "Somebody changed these settings" in words_of(told)) == (409, True)
    assert (tenant(app, world)["retention_days"], 'value="100"' in told.text) == (30, True)
    assert "Nothing was to be changed." in words_of(change_nothing(first))


def change_nothing(browser: FlaskClient) -> TestResponse:
    given = AS_THEY_ARE | {"csrf_token": csrf_token(browser, SETTINGS), "requests_per_minute": "100"}
    return browser.post(SETTINGS, data=given, follow_redirects=True)


def test_only_administrators_of_the_whole_tenant_come_here(world: World, signed_in: SignedIn) -> None:
    for name, asks in (("nora", "Max, max@example.org"), ("ann", "Max, max@example.org")):
        refused = signed_in(name).get(SETTINGS)
        assert refused.status_code == 403
        assert ("Who can give you the right" in words_of(refused), asks in words_of(refused)) == (True, True)
    assert "Settings" not in words_of(signed_in("nora").get("/admin/people/")).split("People", 1)[0]


def test_who_lacks_a_right_is_told_whom_to_ask_nearest_first(app: Flask, world: World, signed_in: SignedIn) -> None:
    refused = signed_in("alice").get("/admin/people/")
    told = words_of(refused)
    assert "Nora, nora@example.org (Northside Clinic) Max, max@example.org (the whole tenant)" in told
    assert 'href="mailto:nora@example.org"' in refused.text
    assert "boris" not in refused.text
    as_json = signed_in("alice").get("/admin/people/", headers={"Accept": "application/json"})
    assert "example.org" not in as_json.text


def launch(browser: FlaskClient, **more: str) -> TestResponse:
    given = {"data_types": "patient", "period": "creation", "start": "2000-01-01T00:00", "order": "desc",
             "format": "csv", "request_key": str(uuid4())}  # fmt: skip
    return browser.post("/exports/", data=given | {"csrf_token": csrf_token(browser, "/exports/new")} | more)


def test_the_form_says_what_will_be_left_out_before_and_the_page_after(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    browser = signed_in("alice")
    assert 'name="without_phi"' in browser.get("/exports/new").text
    change(signed_in("max"), export_right_clinician="without-identifiers")
    form = browser.get("/exports/new")
    assert "Your right to export is without what identifies people. Left out of this export: names" in words_of(form)
    assert ('name="without_phi"' in form.text, 'name="with_files"' in form.text) == (False, False)
    # Whatever the form is made to say.
    shown = browser.get(launch(browser, with_files="1").location)
    assert "Identifying attributes Left out Right to export Without what identifies people" in words_of(shown)
    with app.app_context():
        (made,) = db.session.scalars(select(Export))
        params = ReportParams.from_json(made.params)
        assert (params.without_phi, params.with_files, made.made_under) == (True, False, "without-identifiers")


def test_the_table_of_rights_says_what_each_role_may_export(signed_in: SignedIn) -> None:
    change(signed_in("max"), export_right_clinician="none", export_right_analyst="without-identifiers")
    for name in ("max", "nora"):
        told = words_of(signed_in(name).get("/admin/roles/"))
        assert "Export data No Yes, without what identifies people Yes" in told


def test_an_archive_that_identifies_is_barred_on_its_page_once_the_right_fell(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    with app.app_context():
        world.patient()
        params = ReportParams(("patient",), start=LONG_AGO)
        export_id = exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4())).id
        exports.work_until_idle("test")
    browser = signed_in("alice")
    assert browser.get(f"/exports/{export_id}/archive", buffered=True).status_code == 200
    change(signed_in("max"), export_right_clinician="without-identifiers")
    page = browser.get(f"/exports/{export_id}")
    assert "Your right to export is now without what identifies people" in words_of(page)
    refused = browser.get(f"/exports/{export_id}/archive")
    assert (refused.status_code, "Ask for the export again" in words_of(refused)) == (403, True)


def later(turn: Callable[..., None]) -> None:
    moment = clock.now() + timedelta(minutes=11)
    turn(moment)


def test_the_settings_too_ask_for_the_password_when_the_sign_in_is_a_while_ago(
    app: Flask, world: World, signed_in: SignedIn, turn: Callable[..., None]
) -> None:
    browser = signed_in("max")
    asked = send(browser, retention_days="7")
    later(turn)
    assert "Your password once more" in words_of(confirm(browser, asked))
    assert tenant(app, world)["retention_days"] == 30

"""Exports as a person meets them: the form and its refusals, the status of each state, downloads, the list."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app import administration, clock, exports
from app.exports import Progress, ReportParams, limits
from app.exports.settling import fail_export
from app.extensions import db
from app.models import AuditEvent, Export, Tenant, begin_writing
from app.models.user import Membership, SignInSession
from app.portal import export_words, polling
from tests.conftest import csrf_token
from tests.factories import World

SignedIn = Callable[[str], FlaskClient]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PATIENTS = ReportParams(("patient",), start=LONG_AGO)
COMPLETE = {
    "data_types": ["patient"],
    "period": "creation",
    "start": "2000-01-01T00:00",
    "end": "",
    "order": "desc",
    "format": "json",
}


class Exports:
    """Makes exports in every state, and leaves no context behind."""

    def __init__(self, app: Flask, world: World) -> None:
        self.app, self.world = app, world

    def make(self, state: str = "ready", who: str = "alice", params: ReportParams = PATIENTS, rows: int = 3) -> UUID:
        with self.app.app_context():
            self.world.many_patients(rows)
            actor = self.world.actor(who)
            export_id = exports.request_export(actor, "report", params, request_key=str(uuid4())).id
            if state in ("ready", "expired"):
                exports.work_until_idle("test")
            if state == "cancelled":
                exports.cancel_export(actor, export_id)
            elif state == "failed":
                begin_writing()
                fail_export(export_id, "The database did not answer. It was tried 8 times.")
                db.session.commit()
            elif state == "expired":
                self.change(export_id, expires_at=clock.now() - timedelta(hours=1))
                assert exports.expire_exports() == 1
            elif state == "building":
                begun = clock.now() - timedelta(seconds=20)
                self.change(
                    export_id, state="building", phase="Writing records", part_count=4, done_parts=1,
                    promised_rows=2001, done_rows=500, started_at=begun,
                )  # fmt: skip
            return export_id

    def change(self, export_id: UUID, **values: Any) -> None:
        with self.app.app_context():
            begin_writing()
            export = db.session.get_one(Export, export_id)
            for name, value in values.items():
                setattr(export, name, value)
            export.version += 1
            db.session.commit()

    def work(self) -> None:
        with self.app.app_context():
            exports.work_until_idle("test")

    def facts(self, export_id: UUID) -> Export:
        with self.app.app_context():
            return db.session.get_one(Export, export_id)

    def count(self) -> int:
        with self.app.app_context():
            return db.session.scalar(select(func.count()).select_from(Export)) or 0

    def records_of_downloads(self) -> int:
        with self.app.app_context():
            found = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "export.download")
            return db.session.scalar(found) or 0


@pytest.fixture
def made(app: Flask, world: World) -> Exports:
    return Exports(app, world)


def text_of(page: TestResponse | str) -> str:
    html = page if isinstance(page, str) else page.text
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.find("<main") :] if "<main" in html else html).split())


def send(browser: FlaskClient, to: str = "/exports/", hx: bool = False, **changes: Any) -> TestResponse:
    """Send the form as the page that is open would; a field given as None is not sent."""
    page = browser.get("/exports/new").text
    found = re.search(r'name="request_key" value="([^"]+)"', page)
    assert found
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    fields = COMPLETE | {"request_key": found[1], "csrf_token": token[1]} | changes
    return browser.post(
        to,
        data={name: value for name, value in fields.items() if value is not None},
        headers={"HX-Request": "true"} if hx else {},
    )


def chosen(page: str, name: str) -> list[str]:
    """The values of the ticked boxes of that name."""
    boxes = re.findall(rf'<input[^>]*name="{name}"[^>]*>', page)
    return [re.findall(r'value="([^"]*)"', box)[0] for box in boxes if " checked" in box]


def value_of(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


# The form


def test_the_form_offers_what_there_is_and_says_how_much(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        world.many_patients(4), world.patient(world.riverside)
    page = signed_in("alice").get("/exports/new")
    assert page.status_code == 200
    words = text_of(page)
    assert "Patients (4)" in words
    assert "Devices (0)" in words
    assert "Staff" not in words[words.index("What to export") :]
    assert "Patients Patient Devices Glucometer Records Device log" in words
    assert chosen(page.text, "period") == ["creation"]
    assert chosen(page.text, "for_spreadsheets") == ["1"]
    assert "There is a problem" not in words
    assert "Staff (" in text_of(signed_in("ann").get("/exports/new"))


@pytest.mark.parametrize(
    ("preset", "start", "end"),
    [
        ("7-days", "2024-05-03T10:20", ""),
        ("30-days", "2024-04-10T10:20", ""),
        ("year", "2024-01-01T00:00", ""),
        ("everything", "", "2024-05-10T10:21"),
        ("nonsense", "", ""),
    ],
)
def test_a_preset_fills_in_the_period_and_needs_no_script(
    signed_in: SignedIn, turn: Callable[[datetime], None], preset: str, start: str, end: str
) -> None:
    browser = signed_in("alice")
    turn(datetime(2024, 5, 10, 10, 20, 30, tzinfo=UTC))
    page = browser.get(f"/exports/new?preset={preset}&data_type=patient&format=csv").text
    assert (value_of(page, "start"), value_of(page, "end")) == (start, end)
    assert chosen(page, "data_types") == ["patient"]
    assert chosen(page, "format") == ["csv"]


def test_a_preset_chosen_by_a_script_keeps_what_was_typed(signed_in: SignedIn) -> None:
    page = send(signed_in("alice"), "/exports/preview", hx=True, preset="everything", start="", format="csv")
    assert page.status_code == 200
    assert '<div id="period-fields">' in page.text
    assert '<div id="export-preview">' in page.text
    assert value_of(page.text, "end") != ""
    assert chosen(page.text, "format") == ["csv"]


def test_a_record_s_page_brings_the_record_its_type_and_no_need_of_a_period(
    app: Flask, world: World, signed_in: SignedIn, made: Exports
) -> None:
    with app.app_context():
        patient = world.patient(first_name="Zoë", last_name="Quill").id
        world.many_patients(5)
    browser = signed_in("alice")
    page = browser.get(f"/exports/new?entity_id={patient}")
    assert page.status_code == 200
    assert "Zoë Quill" in page.text
    assert f'href="/entities/patient/{patient}"' in page.text
    assert chosen(page.text, "entity_ids") == [str(patient)]
    assert chosen(page.text, "data_types") == ["patient"]
    assert chosen(page.text, "period") == ["any"]
    words = text_of(page)
    assert "1 record" in words
    # What a chosen record cannot hold is not asked: other data types, templates.
    assert "Export Zoë Quill" in words
    assert "What of it The record itself Measurements" in words
    assert "Devices" not in words[words.index("What to export") :]
    assert 'name="template_ids"' not in page.text
    answer = send(browser, entity_ids=[str(patient)], period="any", start="", with_files="1")
    assert answer.status_code == 303
    made.work()
    shown = text_of(browser.get(answer.location))
    assert "Only Zoë Quill" in shown
    assert "Whenever they were created or changed" in shown
    assert "Attached files Asked for; these records have none" in shown
    # Dropped, the period is needed again.
    assert "Choose the creation period or the modification period." in text_of(send(browser, period="any", start=""))


@pytest.mark.parametrize(
    "address",
    ["/exports/new?entity_id={foreign}", "/exports/new?entity_id={unknown}", "/exports/new?entity_id=nonsense",
     "/exports/new?entity_id={other_clinic}", "/exports/new?again={unknown}", "/exports/new?again=nonsense"],
)  # fmt: skip
def test_ids_of_others_in_the_form_s_address_are_not_found(
    app: Flask, world: World, signed_in: SignedIn, address: str
) -> None:
    with app.app_context():
        foreign, other = world.patient(world.foreign).id, world.patient(world.riverside).id
    path = address.format(foreign=foreign, other_clinic=other, unknown=uuid4())
    assert signed_in("alice").get(path).status_code == 404


# The preview


def test_the_preview_counts_each_type_and_weighs_it(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        world.many_patients(7), world.device()
    part = send(signed_in("alice"), "/exports/preview", hx=True, data_types=["patient", "device"], with_files="1")
    assert part.status_code == 200
    assert "<html" not in part.text
    words = text_of(part)
    assert "8 records , about " in words
    assert "These records have no attached files." in words
    assert "Patients 7 records Devices 1 record" in words
    whole = send(signed_in("alice"), "/exports/preview")
    assert whole.status_code == 200
    assert "7 records" in text_of(whole)
    assert "<html" in whole.text


def test_a_preview_of_nothing_says_so(signed_in: SignedIn) -> None:
    assert "Nothing matches so far" in text_of(send(signed_in("alice"), "/exports/preview", hx=True))


@pytest.mark.parametrize("hx", [True, False])
def test_what_is_too_much_to_preview_says_so_and_can_be_launched(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, hx: bool
) -> None:
    browser = signed_in("alice")
    monkeypatch.setattr(limits, "PREVIEW_SECONDS", 0)
    answer = send(browser, "/exports/preview", hx=hx)
    assert answer.status_code == 200
    assert "This is too much to preview. You can still launch the export." in text_of(answer)
    assert send(browser).status_code == 303


def test_a_preview_that_cannot_be_made_says_why_to_a_script_and_beside_the_field_without_one(
    signed_in: SignedIn,
) -> None:
    wrong = {"start": "2024-05-01T00:00", "end": "2024-04-01T00:00"}
    part = send(signed_in("alice"), "/exports/preview", hx=True, **wrong)
    assert part.status_code == 200
    assert '<a href="#f-end">The end of the period must be after its beginning.</a>' in part.text
    whole = send(signed_in("alice"), "/exports/preview", **wrong)
    assert whole.status_code == 422
    assert 'id="f-end-error"' in whole.text
    begun = send(signed_in("alice"), "/exports/preview", hx=True, data_types=[], start="")
    assert "Choose data types and a period" in text_of(begun)


# Launching and its refusals


def test_launching_leads_to_the_status_page_which_says_what_was_asked_for(
    signed_in: SignedIn, made: Exports, world: World
) -> None:
    browser = signed_in("alice")
    answer = send(
        browser, data_types=["patient", "device"], period="modification", end="2030-01-01T12:30:00", format="csv",
        for_spreadsheets="1", order="asc", max_file_mb="0.5", without_phi="1",
        template_ids=[str(world.templates["patient"].id)],
    )  # fmt: skip
    assert answer.status_code == 303
    words = text_of(browser.get(answer.location))
    assert "Alice (you)" in words
    assert "Records of Patients, Devices" in words
    assert "Templates Patient" in words
    assert "Last changed from 1 Jan 2000, 00:00 UTC until before 1 Jan 2030, 12:30 UTC" in words
    assert "Order Oldest first" in words
    assert "Format CSV, made safe for spreadsheets" in words
    assert "Split Files of at most 500 kB" in words
    assert "Identifying attributes Left out" in words
    params = ReportParams.from_json(made.facts(UUID(answer.location.rsplit("/", 1)[1])).params)
    assert (params.max_file_bytes, params.period, params.order) == (500_000, "modification", "asc")


def test_a_double_click_launches_once_but_a_changed_form_is_another_request(signed_in: SignedIn, made: Exports) -> None:
    browser = signed_in("alice")
    key = str(uuid4())
    first = send(browser, request_key=key)
    assert send(browser, request_key=key).location == first.location
    assert made.count() == 1
    assert send(browser, request_key=key, format="csv").location != first.location
    assert made.count() == 2


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"data_types": []}, "data_types", "Choose at least one data type."),
    ({"data_types": ["horoscope"]}, "data_types", "There is no data type called"),
    ({"period": None}, "period", "Choose a creation period or a modification period."),
    ({"period": ["creation", "modification"]}, "period", "not both"),
    ({"period": "birth"}, "period", "Choose a creation period or a modification period."),
    ({"period": "any"}, "period", "Choose the creation period or the modification period."),
    ({"start": "", "end": ""}, "start", "Say from when, until when, or both."),
    ({"start": "2024-05-01T00:00", "end": "2024-04-01T00:00"}, "end", "must be after its beginning"),
    ({"start": "2024-05-01T00:00", "end": "2024-05-01T00:00"}, "end", "must be after its beginning"),
    ({"start": "the day before yesterday"}, "start", "Enter a date and a time"),
    ({"end": "0001-01-01T00:00+14:00"}, "end", "Enter a date and a time"),
    ({"template_ids": ["nonsense"]}, "template_ids", "One of the templates does not exist."),
    ({"template_ids": [str(uuid4())]}, "template_ids", "One of the templates does not exist."),
    ({"entity_ids": [str(uuid4())]}, "entity_ids", "One of the records does not exist."),
    ({"entity_ids": ["nonsense"]}, "entity_ids", "One of the records does not exist."),
    ({"order": "sideways"}, "order", "Choose oldest first or newest first."),
    ({"format": "xlsx"}, "format", "Choose JSON, NDJSON, CSV or Parquet."),
    ({"max_file_mb": "0.049"}, "max_file_mb", "between 50 kB"),
    ({"max_file_mb": "1000.1"}, "max_file_mb", "between 50 kB"),
    ({"max_file_mb": "-1"}, "max_file_mb", "between 50 kB"),
    ({"max_file_mb": "much"}, "max_file_mb", "Enter a number of megabytes"),
    ({"max_file_mb": "NaN"}, "max_file_mb", "Enter a number of megabytes"),
    ({"max_file_mb": "1e99999999"}, "max_file_mb", "Enter a number of megabytes"),
    ({"with_files": "1", "without_phi": "1"}, "with_files", "Attached files can identify people"),
]


@pytest.mark.parametrize(("changes", "name", "words"), FAULTS)
def test_each_refusal_stands_beside_its_field_and_above_the_form_and_asks_for_nothing(
    signed_in: SignedIn, made: Exports, changes: dict[str, Any], name: str, words: str
) -> None:
    answer = send(signed_in("alice"), **changes)
    assert answer.status_code == 422
    assert f'href="#f-{name}"' in answer.text
    assert words in text_of(answer)
    error = re.search(rf'<p class="field-error" id="f-{name}-error">(.*?)</p>', answer.text, re.DOTALL)
    assert error
    assert words in error[1]
    assert f'id="f-{name}"' in answer.text
    assert "<title>Error: " in answer.text
    assert made.count() == 0


@pytest.mark.parametrize("size", ["1e999999999", "-1e999999999", "1e99999999999999999999", "Infinity", "sNaN"])
def test_a_size_beyond_all_numbers_is_refused_by_the_preview_and_breaks_no_form(signed_in: SignedIn, size: str) -> None:
    browser = signed_in("alice")
    sent = {"data_types": "patient", "period": "creation", "start": "2024-01-01T00:00", "order": "desc",
            "format": "json", "max_file_mb": size, "csrf_token": csrf_token(browser, "/entities/")}  # fmt: skip
    for headers in ({}, {"HX-Request": "true"}):
        preview = browser.post("/exports/preview", data=sent, headers=headers)
        assert preview.status_code == (200 if headers else 422)
        assert "Enter a number of megabytes" in text_of(preview)
    asked = {"data_type": "patient", "start": "2024-01-01T00:00", "max_file_mb": size}
    form = browser.get("/exports/new", query_string=asked)
    assert form.status_code == 200
    assert value_of(form.text, "max_file_mb") == size


@pytest.mark.parametrize("size", ["1e-999999999", "0e999999999"])
def test_a_size_of_almost_nothing_is_too_small(signed_in: SignedIn, size: str) -> None:
    page = send(signed_in("alice"), max_file_mb=size)
    assert page.status_code == 422
    assert "between 50 kB" in text_of(page)


def test_templates_and_records_of_others_are_refused_like_unknown_ones(
    app: Flask, world: World, signed_in: SignedIn, made: Exports
) -> None:
    with app.app_context():
        foreign, other = world.patient(world.foreign).id, world.patient(world.riverside).id
    browser = signed_in("alice")
    template = str(world.foreign_templates["patient"].id)
    assert "One of the templates does not exist." in text_of(send(browser, template_ids=[template]))
    for entity in (foreign, other):
        page = send(browser, entity_ids=[str(entity)])
        assert page.status_code == 422
        assert "One of the records does not exist." in text_of(page)
        assert "Ruiz" not in page.text
    wrong_type = send(browser, template_ids=[str(world.templates["device_log"].id)])
    assert "is not of a chosen data type" in text_of(wrong_type)
    assert made.count() == 0


def test_a_refused_form_keeps_everything_that_was_typed(signed_in: SignedIn, world: World) -> None:
    template = str(world.templates["patient"].id)
    page = send(
        signed_in("alice"), data_types=["patient", "device"], period="modification", start="last spring",
        end="2024-04-01T10:00", template_ids=[template], order="asc", format="ndjson", max_file_mb='"><b>1',
        with_files="1",
    ).text  # fmt: skip
    assert chosen(page, "data_types") == ["patient", "device"]
    assert chosen(page, "period") == ["modification"]
    assert value_of(page, "start") == "last spring"
    assert value_of(page, "end") == "2024-04-01T10:00"
    assert chosen(page, "template_ids") == [template]
    assert (chosen(page, "order"), chosen(page, "format")) == (["asc"], ["ndjson"])
    assert value_of(page, "max_file_mb") == "&#34;&gt;&lt;b&gt;1"
    assert chosen(page, "with_files") == ["1"]
    assert chosen(page, "for_spreadsheets") == []


@pytest.mark.parametrize("key", [None, "", "short", "x" * 99])
def test_a_form_without_its_key_is_given_one_to_send_again(signed_in: SignedIn, made: Exports, key: str | None) -> None:
    browser = signed_in("alice")
    page = send(browser, request_key=key)
    assert page.status_code == 422
    assert "The form was incomplete." in text_of(page)
    assert made.count() == 0
    assert send(browser, request_key=value_of(page.text, "request_key")).status_code == 303


def test_a_form_without_its_token_launches_nothing(signed_in: SignedIn, made: Exports) -> None:
    assert send(signed_in("alice"), csrf_token=None).status_code == 400
    assert made.count() == 0


def test_who_lacks_the_permission_is_told_who_gives_it(app: Flask, signed_in: SignedIn, world: World) -> None:
    browser = signed_in("alice")
    token = csrf_token(browser, "/exports/new")
    with app.app_context():
        begin_writing()
        for one in db.session.scalars(select(Membership).where(Membership.user_id == world.users["alice"].id)):
            db.session.delete(one)
        db.session.commit()
    data = COMPLETE | {"csrf_token": token, "request_key": str(uuid4())}
    for answer in (browser.get("/exports/new"), browser.post("/exports/", data=data)):
        assert answer.status_code == 403
        words = text_of(answer)
        assert "Your role does not let you export data." in words
        assert "Ask an administrator of your organization to give you one." in words


def test_where_exports_are_switched_off_the_page_says_who_switches_them_on(
    signed_in: SignedIn, app: Flask, world: World, made: Exports
) -> None:
    answer = signed_in("boris").get("/exports/new")
    assert answer.status_code == 403
    assert "Exports are switched off where you work." in text_of(answer)
    assert "Who can change this" in text_of(answer)
    browser = signed_in("alice")
    token = csrf_token(browser, "/exports/new")
    with app.app_context():
        administration.set_exports_enabled(world.acme.id, False)
    data = COMPLETE | {"csrf_token": token, "request_key": str(uuid4())}
    for path in ("/exports/", "/exports/preview"):
        refused = browser.post(path, data=data)
        assert (refused.status_code, "switched off" in text_of(refused)) == (403, True)
    as_json = browser.post("/exports/", data=data, headers={"Accept": "application/json"})
    assert as_json.get_json()["reason"] == "exports_disabled"
    assert made.count() == 0


@pytest.mark.parametrize("address", ["/exports/", "/exports/?whose=all"])
def test_the_list_of_exports_says_that_they_are_switched_off_where_it_would_offer_a_new_one(
    signed_in: SignedIn, app: Flask, world: World, address: str
) -> None:
    browser, offers = signed_in("max"), ("New export", "Start an export", "Export measurements", "You can")
    page = text_of(browser.get(address))
    assert "New export" in page
    assert "Start an export" in page
    with app.app_context():
        administration.set_exports_enabled(world.acme.id, False)
        begin_writing()
        db.session.get_one(Tenant, world.acme.id).exports_off_reason = "The ward is being moved."
        db.session.commit()
    page = text_of(browser.get(address))
    assert "Exports are switched off where you work. The reason: The ward is being moved. Who can change this" in page
    assert [words for words in offers if words in page] == []


# The status


@pytest.mark.parametrize(
    ("state", "words", "link"),
    [
        ("queued", "Waiting for a worker", "/cancel"),
        ("building", "Writing records", "/cancel"),
        ("ready", "SHA-256", "/archive"),
        ("failed", "It could not be made. The database did not answer. It was tried 8 times.", "/exports/new?again="),
        ("cancelled", "There is no archive. You can ask for the same again.", "/exports/new?again="),
        ("expired", "Its archive has expired.", "/exports/new?again="),
    ],
)
def test_each_state_is_said_in_words_with_what_to_do_next(
    signed_in: SignedIn, made: Exports, state: str, words: str, link: str
) -> None:
    export_id = made.make(state)
    page = signed_in("alice").get(f"/exports/{export_id}")
    assert page.status_code == 200
    assert words in text_of(page)
    box = page.text[page.text.index('<section class="card" id="export-status"') :]
    assert link in box
    pending = state in ("queued", "building")
    assert ("hx-" in box[: box.index("</section>")]) == pending
    assert ("Check again" in page.text) == pending
    assert page.headers["Cache-Control"] == "no-store"


def test_the_live_region_stays_and_hears_words_of_the_state_but_no_ticking_numbers(
    signed_in: SignedIn, made: Exports
) -> None:
    export_id, browser = made.make("building"), signed_in("alice")
    page = browser.get(f"/exports/{export_id}").text
    assert '<div role="status" aria-atomic="false">' in page
    assert '<p class="visually-hidden" id="export-said">The export is being made.</p>' in page
    assert 'id="export-status" aria-live="off"' in page
    same = browser.get(f"/exports/{export_id}/status?state=building&n=0").text
    assert "hx-swap-oob" not in same
    changed = browser.get(f"/exports/{export_id}/status?state=queued&n=0").text
    assert '<p hx-swap-oob="innerHTML:#export-said">The export is being made.</p>' in changed
    assert "role=" not in changed


def test_as_of_when_its_records_are_shows_itself_once_it_is_planned(signed_in: SignedIn, made: Exports) -> None:
    export_id, browser = made.make("queued"), signed_in("alice")
    assert '<div class="attribute" id="export-as-of" hidden>' in browser.get(f"/exports/{export_id}").text
    made.work()
    page = browser.get(f"/exports/{export_id}").text
    assert '<div class="attribute" id="export-as-of"><dt>Records as they were' in page
    changed = browser.get(f"/exports/{export_id}/status?state=queued&n=0").text
    assert '<div class="attribute" id="export-as-of" hx-swap-oob="true"><dt>Records as they were' in changed


def test_the_number_of_pending_exports_in_the_navigation_goes_with_the_last_of_them(
    signed_in: SignedIn, made: Exports
) -> None:
    export_id, browser = made.make("building"), signed_in("alice")
    assert '<span class="nav-count" id="pending-exports">1</span>' in browser.get(f"/exports/{export_id}").text
    going_on = browser.get(f"/exports/{export_id}/status?state=building").text
    assert "pending-exports" not in going_on
    browser.post(f"/exports/{export_id}/cancel", data={"csrf_token": csrf_token(browser, "/entities/")})
    ended = browser.get(f"/exports/{export_id}/status?state=building").text
    assert '<span class="nav-count" id="pending-exports" hx-swap-oob="true" hidden>0</span>' in ended


def test_progress_is_said_in_records_parts_and_time_left(signed_in: SignedIn, made: Exports) -> None:
    words = text_of(signed_in("alice").get(f"/exports/{made.make('building')}/status"))
    assert "Writing records 24 %" in words
    assert "500 of 2,001 records · 1 of 4 parts · about 1 minute left" in words


def poll_url(page: str) -> str:
    found = re.search(r'hx-get="([^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def poll_when(page: str) -> str:
    found = re.search(r'hx-trigger="([^"]+)"', page)
    assert found
    return found[1]


def test_polls_begin_quickly_slow_down_and_then_get_nothing_while_nothing_changed(
    signed_in: SignedIn, made: Exports, turn: Callable[[datetime], None]
) -> None:
    export_id, browser = made.make("building"), signed_in("alice")
    now = datetime.now(UTC)
    turn(now)
    page = browser.get(f"/exports/{export_id}").text
    seen = []
    for _ in range(3):
        seen.append(poll_when(page))
        answer = browser.get(poll_url(page))
        assert answer.status_code == 200
        page = answer.text
    assert seen == [f"load delay:{delay}ms, every 2s" for delay in (300, 700, 1000)]
    assert poll_when(page) == "every 2s"
    assert (browser.get(poll_url(page)).status_code, browser.get(poll_url(page)).data) == (204, b"")
    # Time left and the age of a heartbeat do not go stale for ever.
    turn(now + timedelta(seconds=11))
    assert browser.get(poll_url(page)).status_code == 200
    turn(now + timedelta(seconds=5))
    assert browser.get(poll_url(page)).status_code == 204
    made.change(export_id, done_rows=900)
    assert "900 of 2,001" in browser.get(poll_url(page)).text
    assert browser.get(f"/exports/{export_id}/status?seen={made.facts(export_id).version}").status_code == 204


def test_later_polls_come_slower() -> None:
    assert [polling.poll_when(answers) for answers in (3, 19, 20, 59, 60, 9999)] == [
        "every 2s", "every 2s", "every 5s", "every 5s", "every 10s", "every 10s"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query", ["n=-5", "n=99999999999999999999", "n=x&at=y&seen=z", "at=-1&seen=1&n=7", "state=<b>"]
)
def test_a_mangled_poll_is_answered_all_the_same(signed_in: SignedIn, made: Exports, query: str) -> None:
    answer = signed_in("alice").get(f"/exports/{made.make('queued')}/status?{query}")
    assert answer.status_code == 200
    assert "<b>" not in answer.text


def test_the_poll_after_the_end_brings_the_download_and_no_further_poll(signed_in: SignedIn, made: Exports) -> None:
    export_id, browser = made.make("queued"), signed_in("alice")
    page = browser.get(f"/exports/{export_id}").text
    made.work()
    answer = browser.get(poll_url(page))
    assert answer.status_code == 200
    assert f'href="/exports/{export_id}/archive"' in answer.text
    assert "hx-get" not in answer.text
    assert "hx-trigger" not in answer.text
    assert "The export is ready to be downloaded." in answer.text


def test_silence_of_the_workers_is_said(signed_in: SignedIn, made: Exports, turn: Callable[[datetime], None]) -> None:
    export_id, browser = made.make("queued"), signed_in("alice")
    assert "No worker" not in text_of(browser.get(f"/exports/{export_id}/status"))
    turn(datetime.now(UTC) + timedelta(seconds=40))
    assert re.search(r"No worker has answered for 4\d seconds", text_of(browser.get(f"/exports/{export_id}/status")))


def test_a_heartbeat_is_stale_only_when_it_is_older_than_a_lease(app: Flask, made: Exports) -> None:
    export = made.facts(made.make("building"))
    lease = exports.current_pace().lease

    def silence(age: float | None) -> str | None:
        return export_words.silence_of(export, Progress("Writing", 1, 2, 50, 1, 2, 10, None, age))

    assert silence(None) is silence(lease) is None
    words = "No worker has answered for 92 seconds. Another one will go on with it; nothing is lost."
    assert silence(lease + 90) == words
    assert "for 5 minutes" in (silence(300) or "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "a few seconds left"), (12, "about 10 seconds left"), (48, "about 50 seconds left"),
     (55, "about 1 minute left"), (200, "about 3 minutes left"), (8000, "about 2 hours left"),
     (200_000, "about 2 days left")],
)  # fmt: skip
def test_time_left_is_as_exact_as_an_estimate_can_be(seconds: float, words: str) -> None:
    assert export_words.time_left(seconds) == words


def test_a_script_gets_the_status_as_json_and_is_told_when_to_come_back(signed_in: SignedIn, made: Exports) -> None:
    export_id, browser = made.make("building"), signed_in("alice")
    wish = {"Accept": "application/json"}
    answer = browser.get(f"/exports/{export_id}/status", headers=wish)
    assert answer.headers["Retry-After"] == "2"
    status = answer.get_json()
    assert (status["state"], status["percent"]) == ("building", 24)
    assert status["records"] == {"done": 500, "promised": 2001}
    assert status["archive"] is None
    ready = made.make()
    settled = browser.get(f"/exports/{ready}/status", headers=wish)
    assert "Retry-After" not in settled.headers
    archive = settled.get_json()["archive"]
    assert archive == {
        "url": f"/exports/{ready}/archive",
        "bytes": made.facts(ready).archive_bytes,
        "sha256": made.facts(ready).archive_sha256,
    }


def test_a_dead_sign_in_reloads_the_page_instead_of_painting_into_the_box(
    app: Flask, made: Exports, signed_in: SignedIn
) -> None:
    export_id, browser = made.make("queued"), signed_in("alice")
    with app.app_context():
        begin_writing()
        for one in db.session.scalars(select(SignInSession)):
            db.session.delete(one)
        db.session.commit()
    answer = browser.get(f"/exports/{export_id}/status", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")
    assert "<" not in answer.text
    as_json = app.test_client().get(f"/exports/{export_id}/status", headers={"Accept": "application/json"})
    assert as_json.status_code == 401


def test_polling_does_not_keep_a_sign_in_alive(
    signed_in: SignedIn, made: Exports, turn: Callable[[datetime], None]
) -> None:
    export_id, browser = made.make("queued"), signed_in("alice")
    begun = datetime.now(UTC)
    for minutes in range(5, 30, 5):
        turn(begun + timedelta(minutes=minutes))
        assert browser.get(f"/exports/{export_id}/status").status_code == 200
    turn(begun + timedelta(minutes=31))
    assert browser.get(f"/exports/{export_id}/status", headers={"HX-Request": "true"}).status_code == 401


# Cancelling


def test_cancelling_asks_once_more_and_then_ends_it(signed_in: SignedIn, made: Exports) -> None:
    export_id, browser = made.make("queued"), signed_in("alice")
    path = f"/exports/{export_id}/cancel"
    assert "Cancel this export?" in text_of(browser.get(path))
    assert made.facts(export_id).state == "queued"
    answer = browser.post(path, data={"csrf_token": csrf_token(browser, path)}, follow_redirects=True)
    assert "It was cancelled" in text_of(answer)
    assert made.facts(export_id).state == "cancelled"
    assert browser.get(path).status_code == 303


def test_what_ended_meanwhile_is_not_cancelled(signed_in: SignedIn, made: Exports) -> None:
    export_id, browser = made.make("queued"), signed_in("alice")
    path = f"/exports/{export_id}/cancel"
    token = csrf_token(browser, path)
    made.work()
    answer = browser.post(path, data={"csrf_token": token}, follow_redirects=True)
    assert "The export had ended before it could be cancelled." in text_of(answer)
    assert made.facts(export_id).state == "ready"


# Asking again


@pytest.mark.parametrize("state", ["ready", "failed", "cancelled", "expired"])
def test_asking_again_fills_in_what_was_asked_for(signed_in: SignedIn, made: Exports, world: World, state: str) -> None:
    template = world.templates["patient"].id
    params = ReportParams(
        ("patient",), "modification", LONG_AGO, datetime(2031, 5, 6, 7, 8, 9, 10_000, tzinfo=UTC), (template,), "asc",
        "csv", 1_500_000, without_phi=True, for_spreadsheets=False,
    )  # fmt: skip
    browser = signed_in("alice")
    page = browser.get(f"/exports/new?again={made.make(state, params=params)}").text
    assert chosen(page, "data_types") == ["patient"]
    assert chosen(page, "period") == ["modification"]
    assert (value_of(page, "start"), value_of(page, "end")) == ("2000-01-01T00:00", "2031-05-06T07:08:09.010")
    assert chosen(page, "template_ids") == [str(template)]
    assert (chosen(page, "order"), chosen(page, "format")) == (["asc"], ["csv"])
    assert chosen(page, "for_spreadsheets") == []
    assert chosen(page, "without_phi") == ["1"]
    assert value_of(page, "max_file_mb") == "1.5"


# Downloads


def test_the_archive_downloads_whole_in_ranges_and_is_written_down_once(signed_in: SignedIn, made: Exports) -> None:
    export_id, browser = made.make(), signed_in("alice")
    path = f"/exports/{export_id}/archive"
    browser.head(path).close()
    assert made.records_of_downloads() == 0
    with browser.get(path) as whole:
        data = whole.data
        tag = whole.headers["ETag"]
        assert whole.headers["Content-Type"] == "application/zip"
        assert re.fullmatch(r'attachment; filename="report-[0-9a-f-]+\.zip"', whole.headers["Content-Disposition"])
        assert whole.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert hashlib.sha256(data).hexdigest() == made.facts(export_id).archive_sha256
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    with browser.get(path, headers={"Range": "bytes=100-", "If-Range": tag}) as rest:
        assert (rest.status_code, rest.data) == (206, data[100:])
    with browser.get(path, headers={"If-None-Match": tag}) as known:
        assert known.status_code == 304
    assert made.records_of_downloads() == 1


def test_a_single_file_comes_as_it_is_or_framed_as_gzip_each_with_its_own_tag(
    signed_in: SignedIn, made: Exports
) -> None:
    export_id, browser = made.make(), signed_in("alice")
    page = browser.get(f"/exports/{export_id}").text
    assert f'href="/exports/{export_id}/files/0"' in page
    path = f"/exports/{export_id}/files/0"
    with browser.get(path) as plain, browser.get(path, headers={"Accept-Encoding": "gzip"}) as framed:
        assert plain.data == gzip.decompress(framed.data)
        assert plain.headers["ETag"] == f'"{hashlib.sha256(plain.data).hexdigest()}"'
        assert plain.headers["ETag"] != framed.headers["ETag"]
        assert "Repr-Digest" in plain.headers
        assert "Repr-Digest" not in framed.headers
        assert framed.headers["Content-Encoding"] == "gzip"
        for answer in (plain, framed):
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert answer.headers["Accept-Ranges"] == "none"
            assert answer.headers["Content-Length"] == str(len(answer.data))
            assert answer.headers["Content-Disposition"] == 'attachment; filename="patient.json"'
    assert made.records_of_downloads() == 2
    assert browser.get(f"/exports/{export_id}/files/99").status_code == 404


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ("queued", 409, "The archive is not ready yet."),
        ("building", 409, "The archive is not ready yet."),
        ("failed", 409, "This export failed, so there is no archive."),
        ("cancelled", 409, "This export was cancelled"),
        ("expired", 410, "This archive has expired and was removed."),
    ],
)
def test_where_there_is_nothing_to_download_the_page_says_why_and_where_to_go(
    signed_in: SignedIn, made: Exports, state: str, status: int, words: str
) -> None:
    export_id, browser = made.make(state), signed_in("alice")
    for path in (f"/exports/{export_id}/archive", f"/exports/{export_id}/files/0"):
        answer = browser.get(path)
        assert answer.status_code == status
        assert words in text_of(answer)
        assert f'href="/exports/{export_id}"' in answer.text
        assert f'href="/exports/new?again={export_id}"' in answer.text
        as_json = browser.get(path, headers={"Accept": "application/json"})
        assert (as_json.status_code, words in as_json.get_json()["error"]) == (status, True)
    assert made.records_of_downloads() == 0


# Others


@pytest.mark.parametrize("tail", ["", "/status", "/cancel", "/archive", "/files/0"])
def test_nobody_else_can_tell_the_export_exists(signed_in: SignedIn, made: Exports, tail: str) -> None:
    export_id = made.make()
    for who in ("boris", "adam", "rita"):
        browser = signed_in(who)
        foreign, unknown = (browser.get(f"/exports/{one}{tail}") for one in (export_id, uuid4()))
        assert foreign.status_code == unknown.status_code == 404
        assert text_of(foreign) == text_of(unknown)
        again = [browser.get(f"/exports/new?again={one}") for one in (export_id, uuid4())]
        # Boris may not export at all, which is said first.
        assert [page.status_code for page in again] == [403 if who == "boris" else 404] * 2
        assert text_of(again[0]) == text_of(again[1])
        token = csrf_token(browser, "/exports/")
        assert browser.post(f"/exports/{export_id}/cancel", data={"csrf_token": token}).status_code == 404
    assert made.records_of_downloads() == 0


def test_the_list_shows_mine_with_their_states_and_an_empty_one_says_how_to_begin(
    signed_in: SignedIn, made: Exports
) -> None:
    assert "You have not exported anything yet" in text_of(signed_in("alice").get("/exports/"))
    made.make("ready", who="adam")
    for state in ("ready", "failed", "cancelled", "expired", "queued"):
        made.make(state)
    words = text_of(signed_in("alice").get("/exports/"))
    for badge in ("Waiting", "Ready", "Failed", "Cancelled", "Expired"):
        assert badge in words
    assert words.count(".zip") == 5
    assert "everybody" not in words


def test_administrators_switch_to_everybody_s_as_far_as_they_manage(signed_in: SignedIn, made: Exports) -> None:
    made.make("ready", who="alice"), made.make("queued", who="rita")
    for who, seen in (("max", {"Alice", "Rita"}), ("nora", {"Alice"})):
        browser = signed_in(who)
        assert "/exports/?whose=all" in browser.get("/exports/").text
        shown = text_of(browser.get("/exports/?whose=all"))
        assert {name for name in ("Alice", "Rita") if f" {name} " in shown} == seen
    assert ".zip" not in text_of(signed_in("ann").get("/exports/?whose=all"))


def test_the_list_goes_on_page_by_page_and_misses_none(
    signed_in: SignedIn, made: Exports, app: Flask, world: World
) -> None:
    with app.app_context():
        actor = world.actor("alice")
        ids = {exports.request_export(actor, "report", PATIENTS, request_key=str(uuid4())).id for _ in range(20)}
        for one in ids:
            exports.cancel_export(actor, one)
        ids |= {exports.request_export(actor, "report", PATIENTS, request_key=str(uuid4())).id for _ in range(7)}
    browser = signed_in("alice")
    first = browser.get("/exports/").text
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = browser.get(older[1].replace("&amp;", "&")).text
    shown = [re.findall(r'<th scope="row"><a href="/exports/([0-9a-f-]{36})"', page) for page in (first, second)]
    assert [len(page) for page in shown] == [25, 2]
    assert {UUID(one) for page in shown for one in page} == ids
    assert 'rel="next"' not in second
    assert ">Newest</a>" in second
    assert browser.get("/exports/?before=nonsense").status_code == 200
    assert "There are no older exports" in text_of(browser.get(f"/exports/?before=0_{uuid4()}"))

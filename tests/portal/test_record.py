"""The record as an administrator meets it: searched, read, taken away, and its ready questions."""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import exports, record
from app.errors import Forbidden, NotFound
from app.exports import ReportParams
from app.extensions import db
from app.models import AuditEvent
from app.portal.record_words import ACTIONS
from app.record import EventQuery
from tests.conftest import csrf_token
from tests.factories import World

SignedIn = Callable[[str], FlaskClient]
ALL_PATIENTS = ReportParams(("patient",), start=datetime(2000, 1, 1, tzinfo=UTC))


@pytest.fixture
def patient(app: Flask, world: World) -> UUID:
    with app.app_context():
        return world.patient(first_name="Canary", last_name="Wren").id


@pytest.fixture
def export(app: Flask, world: World, patient: UUID) -> UUID:
    """Alice's, ready."""
    with app.app_context():
        found = exports.request_export(world.actor("alice"), "report", ALL_PATIENTS, request_key=uuid4().hex).id
        exports.work_until_idle("tests")
        return found


def events(app: Flask, action: str) -> list[AuditEvent]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)))


def test_each_part_of_a_patient_that_is_looked_at_is_in_the_record(
    app: Flask, signed_in: SignedIn, patient: UUID
) -> None:
    browser, page = signed_in("alice"), f"/entities/patient/{patient}"
    for address in (page, f"{page}/history", f"{page}/edit", f"{page}/measurements"):
        assert browser.get(address).status_code == 200
    assert browser.get(f"{page}/chart").status_code == 200
    seen = events(app, "entity.view")
    assert [event.details for event in seen] == [
        {"part": part} for part in ("record", "history", "form", "measurements")
    ], "the chart's own question, right after the page, is no other look"
    assert {(event.subject_id, event.object_id, event.via, event.address) for event in seen} == {
        (patient, str(patient), "session", "127.0.0.1")
    }


def test_who_is_refused_has_seen_nothing_and_a_device_identifies_nobody(
    app: Flask, signed_in: SignedIn, world: World, patient: UUID
) -> None:
    with app.app_context():
        device = world.device().id
    assert signed_in("rita").get(f"/entities/patient/{patient}").status_code == 404
    assert signed_in("alice").get(f"/entities/device/{device}").status_code == 200
    assert events(app, "entity.view") == []


def test_a_search_by_name_keeps_whom_it_found_and_not_what_was_typed(
    app: Flask, signed_in: SignedIn, patient: UUID
) -> None:
    browser = signed_in("alice")
    browser.get("/entities/patient?q=Wren")
    browser.get("/entities/patient?q=Wren")
    first, second = events(app, "entity.list")
    assert first.details["ids"] == [str(patient)]
    assert first.details["filter"] == second.details["filter"]
    assert "wren" not in json.dumps(first.details).lower()


def test_a_preview_and_an_export_are_in_the_record_without_what_they_were_asked_with(
    app: Flask, signed_in: SignedIn, export: UUID
) -> None:
    browser = signed_in("alice")
    form = {"csrf_token": csrf_token(browser, "/exports/new"), "data_types": "patient", "period": "creation",
            "start": "2000-01-01T00:00", "end": "2999-01-01T00:00", "format": "csv", "order": "desc"}  # fmt: skip
    assert browser.post("/exports/preview", data=form).status_code == 200
    (preview,) = events(app, "export.preview")
    assert preview.row_count == 1
    assert set(preview.details) == {"kind", "filter"}
    assert [event.object_id for event in events(app, "export.request")] == [str(export)]


def test_the_page_finds_by_person_kind_period_way_and_address(
    app: Flask, signed_in: SignedIn, patient: UUID, export: UUID
) -> None:
    signed_in("alice").get(f"/entities/patient/{patient}")
    browser = signed_in("max")

    def found(**filters: str) -> set[str]:
        answer = browser.get("/admin/record/", query_string=filters)
        assert answer.status_code == 200, filters
        return {words for words in everything if f"<span>{words}" in answer.text}

    everything = {"Saw a record", "Asked for an export", "Signed in"}
    assert found() == everything
    assert found(person="alice@") == everything
    assert found(person="Max") == {"Signed in"}
    assert found(what="seen") == {"Saw a record"}
    assert found(what="exports") == {"Asked for an export"}
    assert found(about=str(patient)) == {"Saw a record"}
    assert found(about=str(export)) == {"Asked for an export"}
    assert found(by="programs") == set()
    assert found(**{"from": "2999-01-01T00:00"}) == set()
    assert found(to="2999-01-01T00:00", address="127.0.") == {"Saw a record", "Signed in"}
    assert found(address="192.0.2.") == set()
    assert found(outcome="refused") == set()
    wrong = browser.get("/admin/record/?person=nobody&about=nothing&from=yesterday")
    assert wrong.status_code == 400
    assert wrong.text.count('class="field-error"') == 3


def test_pages_follow_each_other_to_the_oldest_event(app: Flask, world: World) -> None:
    with app.app_context():
        known, cursor = [], None
        actor = world.actor("max")
        while True:
            page = record.list_events(actor, EventQuery(), cursor=cursor, limit=3)
            known += [line.event.id for line in page.lines]
            if (cursor := page.next) is None:
                break
        all_of_tenant = select(AuditEvent.id).where(AuditEvent.tenant_id == actor.tenant_id)
        assert known == list(db.session.scalars(all_of_tenant.order_by(AuditEvent.at.desc(), AuditEvent.id.desc())))
        assert record.list_events(actor, EventQuery(), cursor="x.é").lines, "a broken cursor is the first page"


@pytest.mark.parametrize("format_name", ["csv", "ndjson"])
def test_the_record_is_taken_away_as_filtered_and_that_is_in_the_record(
    app: Flask, signed_in: SignedIn, export: UUID, format_name: str
) -> None:
    browser = signed_in("max")
    form = {"csrf_token": csrf_token(browser, "/admin/record/"), "what": "exports", "format": format_name}
    answer = browser.post("/admin/record/export", data=form)
    assert answer.status_code == 200
    assert f".{format_name}" in answer.headers["Content-Disposition"]
    if format_name == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text)))
    else:
        rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["action"] for row in rows] == ["export.ready", "export.request"]
    assert {row["object_id"] for row in rows} == {str(export)}
    assert rows[1]["person"] == "Alice"
    (taking,) = events(app, "record.export")
    assert (taking.row_count, taking.details["format"]) == (2, format_name)
    assert browser.post("/admin/record/export", data=form | {"from": "soon"}).status_code == 400
    assert browser.post("/admin/record/export", data=form | {"format": "xml"}).status_code == 422
    assert len(events(app, "record.export")) == 1


def test_reading_the_record_is_itself_in_the_record(app: Flask, signed_in: SignedIn, patient: UUID) -> None:
    browser = signed_in("max")
    (begun,) = list(events(app, "session.begin"))
    browser.get("/admin/record/?what=seen")
    assert browser.get(f"/admin/record/events/{begun.id}").status_code == 200
    browser.get(f"/admin/record/seen/{patient}")
    assert [event.details["question"] for event in events(app, "record.view")] == ["events", "event", "seen"]


def test_who_has_seen_this_patient_names_each_person_and_what_they_did(
    app: Flask, signed_in: SignedIn, patient: UUID, export: UUID
) -> None:
    for name, times in (("alice", 2), ("ann", 1)):
        browser = signed_in(name)
        for _ in range(times):
            browser.get(f"/entities/patient/{patient}")
    signed_in("adam").get("/entities/patient?q=wren")
    text = signed_in("max").get(f"/admin/record/seen/{patient}").text
    for words in ("Alice", "Ann", "Adam", "Saw a record 2 times", "Was shown a list", "Archives that may hold it"):
        assert words in text, words
    assert str(export) in text
    assert "Boris" not in text
    assert f"/admin/record/seen/{patient}" in signed_in("max").get(f"/entities/patient/{patient}").text
    assert "/admin/record/" not in signed_in("alice").get(f"/entities/patient/{patient}").text


def test_what_this_person_has_taken_and_who_took_this_export_count_downloads_and_bytes(
    app: Flask, signed_in: SignedIn, world: World, export: UUID
) -> None:
    alice = signed_in("alice")
    sizes = []
    for _ in range(2):
        with alice.get(f"/exports/{export}/archive") as answer:
            sizes.append(len(answer.data))
    with app.app_context():
        taken = record.taken_by(world.actor("max"), world.users["alice"].id)
        assert (taken.count, taken.byte_count) == (2, sum(sizes))
        assert record.who_has_downloaded(world.actor("alice"), export).count == 2
        with pytest.raises(NotFound):
            record.who_has_downloaded(world.actor("adam"), export)
        with pytest.raises(NotFound):
            record.taken_by(world.actor("boris"), world.users["alice"].id)
    page = signed_in("max").get(f"/admin/record/taken/{world.users['alice'].id}")
    assert "2 downloads" in page.text
    assert "2 downloads" in alice.get(f"/admin/record/downloads/{export}").text


def test_an_administrator_of_one_organization_sees_its_people_and_its_records_alone(
    app: Flask, signed_in: SignedIn, world: World, patient: UUID
) -> None:
    with app.app_context():
        elsewhere = world.patient(world.riverside).id
    signed_in("ann").get(f"/entities/patient/{patient}")
    signed_in("rita").get(f"/entities/patient/{elsewhere}")
    with app.app_context():
        nora = world.actor("nora")
        page = record.list_events(nora, EventQuery(), limit=500)
        people = {line.event.user_id for line in page.lines if line.event.action == "entity.view"}
        assert people == {world.users["ann"].id}, "somebody of the whole tenant, at a record of Northside"
        assert world.users["rita"].id not in {line.event.user_id for line in page.lines}
        with pytest.raises(NotFound):
            record.who_has_seen(nora, elsewhere)
        foreign = db.session.scalar(select(AuditEvent.id).where(AuditEvent.user_id == world.users["rita"].id)) or 0
        assert foreign
        for actor in (nora, world.actor("boris")):
            with pytest.raises(NotFound):
                record.get_event(actor, foreign)
        with pytest.raises(Forbidden):
            record.list_events(world.actor("alice"), EventQuery())


def test_a_download_that_is_refused_is_in_the_record_and_counts_as_nothing_taken(
    app: Flask, world: World, export: UUID
) -> None:
    with app.app_context():
        alice = world.actor("alice")
        stripped = replace(alice, standings=tuple(replace(one, role="nobody") for one in alice.standings))
        with pytest.raises(Forbidden):
            exports.open_archive(stripped, export)
        (refused,) = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "export.download"))
        assert (refused.outcome, refused.user_id) == ("refused", alice.user_id)
        assert record.who_has_downloaded(alice, export).count == 0


def noted_actions(source: str) -> set[str]:
    """The actions that a module notes, as far as they stand in it as plain text."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = {call: getattr(call.func, "attr", "") or getattr(call.func, "id", "") for call in calls}
    named = [call for call in calls if names[call].endswith("note")]
    texts = (argument.value for call in named for argument in call.args if isinstance(argument, ast.Constant))
    return {text for text in texts if isinstance(text, str) and "." in text}


def test_every_action_that_is_noted_anywhere_has_its_words() -> None:
    app_folder = Path(record.__file__).parents[1]
    noted = set().union(*(noted_actions(path.read_text()) for path in app_folder.rglob("*.py")))
    assert len(noted) > 40
    assert noted <= ACTIONS.keys()


def test_an_action_without_words_would_be_found() -> None:
    assert noted_actions('record.note(actor, "planted.action", "export", 1)') - ACTIONS.keys() == {"planted.action"}

"""The password once more: before identifying exports, erasure and tokens, without losing what was filled in."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app import administration, clock
from app.extensions import db
from app.models import ApiToken, AuditEvent, Entity, Export, User, begin_writing
from tests.conftest import csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import words_of

SignedIn = Callable[[str], FlaskClient]
ONCE_MORE = "Your password once more"
REPORT = {"period": "creation", "start": "2000-01-01T00:00", "order": "desc", "format": "json"}


@pytest.fixture
def pass_minutes(turn: Callable[..., None]) -> Callable[[int], None]:
    """``pass_minutes(11)``: so many minutes go by."""
    return lambda minutes: turn(clock.now() + timedelta(minutes=minutes))


def launch(browser: FlaskClient, *data_types: str, **more: str) -> TestResponse:
    token = csrf_token(browser, "/exports/new")
    given = MultiDict(REPORT | {"csrf_token": token, "request_key": str(uuid4())} | more)
    given.setlist("data_types", list(data_types))
    return browser.post("/exports/", data=given)


def go_on(browser: FlaskClient, step: TestResponse, password: str = PASSWORD) -> TestResponse:
    """Fill the step's form in, as a browser without script sends it."""
    form = step.text[step.text.index("<main") :]
    action = html.unescape(re.findall(r'<form method="post" action="([^"]+)"', form)[0])
    given: MultiDict[str, str] = MultiDict()
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        given.add(name, html.unescape(value))
    given.add("proof_password", password)
    return browser.post(action, data=given)


def count(app: Flask, model: type[Export] | type[ApiToken]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_an_export_that_identifies_waits_for_the_password_and_keeps_what_was_chosen(
    app: Flask, world: World, signed_in: SignedIn, pass_minutes: Callable[[int], None]
) -> None:
    browser = signed_in("alice")
    assert launch(browser, "patient").status_code == 303
    pass_minutes(11)
    step = launch(browser, "patient", "device", max_file_mb="10")
    assert step.status_code == 200
    assert ONCE_MORE in words_of(step)
    assert "This export holds what identifies people." in words_of(step)
    assert count(app, Export) == 1
    wrong = go_on(browser, step, "not my password at all")
    assert (wrong.status_code, "This is not your password." in words_of(wrong)) == (422, True)
    assert (count(app, Export), actions(app)[-1]) == (1, "session.password_refused")
    # The refused page still holds the whole form.
    done = go_on(browser, wrong)
    assert done.status_code == 303
    shown = words_of(browser.get(done.location))
    assert "Patients, Devices" in shown
    assert "Files of at most 10 MB" in shown
    assert "session.prove" in actions(app)
    # It is not asked for again for a while.
    pass_minutes(9)
    assert launch(browser, "patient").status_code == 303
    pass_minutes(2)
    assert ONCE_MORE in words_of(launch(browser, "patient"))


def test_what_identifies_nobody_needs_no_password(signed_in: SignedIn, pass_minutes: Callable[[int], None]) -> None:
    browser = signed_in("alice")
    pass_minutes(11)
    assert launch(browser, "patient", without_phi="1").status_code == 303
    assert launch(browser, "device").status_code == 303
    assert launch(browser, "measurements").status_code == 303
    refused = launch(browser, "patient", max_file_mb="9999999")
    assert (refused.status_code, ONCE_MORE in words_of(refused)) == (422, False)


def test_a_script_is_told_in_words(signed_in: SignedIn, pass_minutes: Callable[[int], None]) -> None:
    browser = signed_in("alice")
    token = csrf_token(browser, "/exports/new")
    pass_minutes(11)
    given = REPORT | {"csrf_token": token, "request_key": str(uuid4()), "data_types": "patient"}
    for header in ({"Accept": "application/json"}, {"HX-Request": "true"}):
        told = browser.post("/exports/", data=given, headers=header)
        assert (told.status_code, told.json["reason"]) == (403, "proof")


def test_a_patient_is_erased_and_a_token_made_after_the_password_alone(
    app: Flask, world: World, signed_in: SignedIn, pass_minutes: Callable[[int], None]
) -> None:
    with app.app_context():
        patient = world.patient()
        patient_id, caption = patient.id, patient.caption
    browser = signed_in("max")
    pass_minutes(11)
    erase = f"/entities/patient/{patient_id}/erase"
    step = browser.post(erase, data={"csrf_token": csrf_token(browser, erase), "typed": caption})
    assert "A patient is erased for good." in words_of(step)
    assert is_there(app, patient_id)
    pass_minutes(1)
    token = csrf_token(browser, "/account/tokens/new")
    given = {"csrf_token": token, "name": "night run", "scopes": "view", "expires_at": "7"}
    asked = browser.post("/account/tokens/", data=given)
    assert (ONCE_MORE in words_of(asked), count(app, ApiToken)) == (True, 0)
    assert go_on(browser, step).status_code == 303
    assert not is_there(app, patient_id)
    assert go_on(browser, asked).status_code in (200, 303)
    assert count(app, ApiToken) == 1


def is_there(app: Flask, entity_id: UUID) -> bool:
    with app.app_context():
        return db.session.get(Entity, entity_id) is not None


def test_nobody_is_let_in_by_a_browser_that_was_left_open(
    app: Flask, world: World, signed_in: SignedIn, pass_minutes: Callable[[int], None]
) -> None:
    browser = signed_in("max")
    adam = f"/admin/people/{world.users['adam'].id}"
    with app.app_context():
        administration.set_person_active(world.actor("max"), world.users["adam"].id, False)
    given = {"name": "Ines", "email": "ines@example.org", "organization": str(world.northside.id), "roles": "analyst"}
    pass_minutes(11)
    for path, more in (("/admin/people/", given), (f"{adam}/enable", {})):
        step = browser.post(path, data=more | {"csrf_token": csrf_token(browser, "/admin/people/new")})
        assert ONCE_MORE in words_of(step)
    assert not {"user.invite", "session.prove"} & set(actions(app))
    assert "may sign in again" in words_of(browser.get(go_on(browser, step).location))


def test_the_way_back_from_the_step_leads_to_a_page_that_can_be_opened(
    world: World, signed_in: SignedIn, pass_minutes: Callable[[int], None]
) -> None:
    browser = signed_in("max")
    adam = f"/admin/people/{world.users['adam'].id}"
    given = {"roles": f"{world.northside.id} analyst", "confirmed": "yes", "csrf_token": csrf_token(browser, adam)}
    pass_minutes(11)
    for path, back in ((f"{adam}/roles", adam), ("/admin/roles/second-step", "/admin/roles"), (f"{adam}?a=1",) * 2):
        step = browser.post(f"{adam}/roles", data=given, headers={"Referer": f"http://localhost{path}"})
        assert re.findall(r'<a class="btn btn-link" href="([^"]+)">Cancel', step.text) == [back]
        assert browser.get(back, follow_redirects=True).status_code == 200


def test_wrong_passwords_are_throttled_as_at_sign_in(
    app: Flask, signed_in: SignedIn, pass_minutes: Callable[[int], None]
) -> None:
    browser = signed_in("alice")
    pass_minutes(11)
    step = launch(browser, "patient")
    answers = [go_on(browser, step, f"wrong number {number}").status_code for number in range(11)]
    assert answers == [422] * 10 + [429]
    throttled = go_on(browser, step)
    assert (throttled.status_code, "too many tries" in words_of(throttled)) == (429, True)
    assert int(throttled.headers["Retry-After"]) > 0
    assert count(app, Export) == 0


def test_who_has_no_password_signs_in_again(
    app: Flask, world: World, signed_in: SignedIn, pass_minutes: Callable[[int], None]
) -> None:
    browser = signed_in("alice")
    with app.app_context():
        begin_writing()
        db.session.get_one(User, world.users["alice"].id).password_hash = None
        db.session.commit()
    assert launch(browser, "patient").status_code == 303
    pass_minutes(11)
    step = launch(browser, "patient")
    assert "Sign out, sign in again, and do this within ten minutes" in words_of(step)
    assert 'name="proof_password"' not in step.text


def test_a_stranger_and_another_site_cannot_try_passwords_there(signed_in: SignedIn, client: FlaskClient) -> None:
    given = REPORT | {"proof_password": PASSWORD}
    assert client.post("/exports/", data=given).status_code == 401
    assert signed_in("alice").post("/exports/", data=given).status_code == 400

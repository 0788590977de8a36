"""Signing in with a second step, and a person's own account, as a browser sees them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import administration, clock
from tests.conftest import csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import enter, words_of
from tests.telephone import code_of, key_on, recovery_codes_on

SignedIn = Callable[[str], FlaskClient]
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ALICE = "alice@example.org"


def at(moment: datetime) -> None:
    clock.turn(lambda: moment)


def send(browser: FlaskClient, path: str, form: str | None = None, **fields: str) -> TestResponse:
    """Fill in the form of a page and send it, to the page's own address if no other is given."""
    return browser.post(path, data={"csrf_token": csrf_token(browser, form or path)} | fields)


def set_up(browser: FlaskClient) -> tuple[str, list[str]]:
    assert send(browser, "/account/second-step/", password=PASSWORD).location == "/account/second-step/set-up"
    page = browser.get("/account/second-step/set-up")
    assert 'role="img"' in page.text
    assert "<svg" in page.text
    key = key_on(page.text)
    done = send(browser, "/account/second-step/set-up", code=code_of(key))
    assert done.status_code == 200
    assert done.headers["Cache-Control"] == "no-store"
    return key, recovery_codes_on(done.text)


def test_a_code_is_asked_for_and_the_way_back_is_kept(app: Flask, signed_in: SignedIn) -> None:
    at(NOON)
    key, codes = set_up(signed_in("alice"))
    browser = app.test_client()
    sent = enter(browser, ALICE, next="/entities/device?q=x")
    assert sent.location == "/sign-in/code?next=/entities/device?q%3Dx"
    page = browser.get(sent.location)
    assert 'autocomplete="one-time-code"' in page.text
    # Half a sign-in opens nothing.
    assert browser.get("/account/").location.startswith("/sign-in?next=")
    wrong = send(browser, "/sign-in/code", code="000000", next="/entities/device?q=x")
    assert wrong.status_code == 422
    assert "This is not the code of now" in words_of(wrong)
    assert send(browser, "/sign-in/code", code=" ").status_code == 422
    at(NOON + timedelta(minutes=1))
    right = send(browser, "/sign-in/code", code=code_of(key), next="/entities/device?q=x")
    assert right.location == "/entities/device?q=x"
    assert browser.get("/account/").status_code == 200
    by_recovery = app.test_client()
    enter(by_recovery, ALICE)
    assert "Recovery code" in by_recovery.get("/sign-in/code?recovery=1").text
    assert send(by_recovery, "/sign-in/code", code=codes[0], recovery="1").location == "/account/"
    assert "9 are left" in words_of(by_recovery.get("/account/"))


def test_the_cookie_of_half_a_sign_in_is_worth_nothing_after_it(app: Flask, signed_in: SignedIn) -> None:
    at(NOON)
    key, _ = set_up(signed_in("alice"))
    browser, thief = app.test_client(), app.test_client()
    enter(browser, ALICE)
    half = browser.get_cookie("chartroom")
    assert half is not None
    at(NOON + timedelta(minutes=1))
    assert send(browser, "/sign-in/code", code=code_of(key)).status_code == 303
    thief.set_cookie("chartroom", half.value)
    assert thief.get("/account/").status_code == 303
    assert thief.get("/sign-in/code").location == "/sign-in"
    assert "This took too long" in words_of(thief.get("/sign-in"))


def test_nobody_is_sent_elsewhere_from_the_second_step(app: Flask, signed_in: SignedIn) -> None:
    at(NOON)
    key, _ = set_up(signed_in("alice"))
    browser = app.test_client()
    enter(browser, ALICE)
    assert "evil" not in browser.get("/sign-in/code?next=//evil.example").text
    at(NOON + timedelta(minutes=1))
    assert send(browser, "/sign-in/code", code=code_of(key), next="https://evil.example/").location == "/"


def test_who_must_have_one_is_led_to_it_and_cannot_go_round_it(app: Flask, world: World, signed_in: SignedIn) -> None:
    at(NOON)
    set_up(signed_in("max"))
    before = signed_in("alice")
    with app.app_context():
        administration.set_second_step_rule(world.actor("max"), ("clinician",))
    assert before.get("/account/").location.startswith("/sign-in?next=")
    browser = app.test_client()
    assert enter(browser, ALICE).location == "/sign-in/second-step"
    for path in ("/", "/account/", "/account/second-step/end"):
        assert browser.get(path).location.startswith("/sign-in?next=")
    assert browser.get("/sign-in/code").location == "/sign-in/second-step"
    key = key_on(browser.get("/sign-in/second-step").text)
    assert send(browser, "/sign-in/second-step", code="1").status_code == 422
    done = send(browser, "/sign-in/second-step", code=code_of(key))
    assert len(recovery_codes_on(done.text)) == 10
    page = words_of(browser.get("/account/"))
    assert "Second step On" in page
    refused = send(browser, "/account/second-step/end", form="/account/", password=PASSWORD)
    assert refused.status_code == 403


def test_the_password_is_asked_for_again_before_anything_changes(signed_in: SignedIn) -> None:
    at(NOON)
    browser = signed_in("alice")
    for path in ("/account/second-step/", "/account/password"):
        form = {"new_password": "four quiet herons wade", "new_password_again": "four quiet herons wade"}
        refused = send(browser, path, password="not the password", **form)
        assert refused.status_code == 422
        assert "This is not your password." in words_of(refused)
    assert browser.get("/account/second-step/set-up").location == "/account/second-step/"
    set_up(browser)
    for path in ("/account/second-step/end", "/account/second-step/recovery-codes"):
        assert send(browser, path, password="not the password").status_code == 422
    assert "Second step On" in words_of(browser.get("/account/"))
    fresh = send(browser, "/account/second-step/recovery-codes", password=PASSWORD)
    assert len(recovery_codes_on(fresh.text)) == 10
    assert send(browser, "/account/second-step/end", password=PASSWORD).location == "/account/"
    assert "Second step Off" in words_of(browser.get("/account/"))
    for path in ("/account/second-step/recovery-codes", "/account/second-step/end"):
        assert "You have no second step." in words_of(browser.get(path))


def test_the_password_is_changed_with_the_rules_of_a_new_one(signed_in: SignedIn, client: FlaskClient) -> None:
    elsewhere, browser = signed_in("alice"), signed_in("alice")

    def change(new: str, again: str) -> TestResponse:
        return send(browser, "/account/password", password=PASSWORD, new_password=new, new_password_again=again)

    for new, again, words in (
        ("four quiet herons wade", "four quiet herons", "The two are not the same."),
        ("short", "short", "at least 12 characters"),
        ("password1234", "password1234", "one of those that are tried first"),
        (PASSWORD, PASSWORD, "This is the password that you have."),
    ):
        refused = change(new, again)
        assert refused.status_code == 422
        assert words in words_of(refused)
    assert change("four quiet herons wade", "four quiet herons wade").location == "/account/"
    assert elsewhere.get("/account/").status_code == 303
    assert browser.get("/account/").status_code == 200
    assert enter(client, ALICE).status_code == 422
    assert enter(client, ALICE, "four quiet herons wade").status_code == 303


def test_sessions_say_where_and_when_and_end_one_by_one_or_all_others(app: Flask, signed_in: SignedIn) -> None:
    at(NOON)
    phone = app.test_client()
    phone.environ_base |= {
        "REMOTE_ADDR": "192.0.2.44",
        "HTTP_USER_AGENT": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1",
    }
    enter(phone, ALICE)
    third, browser, adam = signed_in("alice"), signed_in("alice"), signed_in("adam")
    page = browser.get("/account/")
    words = words_of(page)
    assert "Safari on iPhone" in words
    assert "192.0.2.44" in words
    assert "2 Mar 2026, 12:00 UTC" in words
    assert words.count("This one") == 1
    ids = re.findall(r"/account/sessions/([0-9a-f-]{36})/end", page.text)
    assert len(ids) == 2
    for session_id in ids:
        assert send(adam, f"/account/sessions/{session_id}/end", form="/account/").status_code == 404
    assert [one.get("/").status_code for one in (phone, third)] == [200, 200]
    ends = [one for one in ids if "Safari" in page.text.split(one, 1)[1][:300]]
    assert send(browser, f"/account/sessions/{ends[0]}/end", form="/account/").status_code == 303
    assert [one.get("/").status_code for one in (phone, third, browser)] == [303, 200, 200]
    assert send(browser, "/account/sessions/end-others", form="/account/").status_code == 303
    assert [one.get("/").status_code for one in (third, browser, adam)] == [303, 200, 200]
    assert "You are signed in nowhere else." in words_of(browser.get("/account/"))

"""The way in and out, as a browser sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock, create_app, exports
from app.exports import ReportParams
from app.extensions import db
from app.portal.signed_in import POLLING
from config import Config
from tests.conftest import csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import enter, words_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SignedIn = Callable[[str], FlaskClient]


def at(moment: datetime) -> None:
    clock.turn(lambda: moment)


def cookie(browser: FlaskClient) -> str:
    kept = browser.get_cookie("chartroom")
    assert kept is not None
    return kept.value


def sign_out(browser: FlaskClient) -> TestResponse:
    return browser.post("/sign-out", data={"csrf_token": csrf_token(browser, "/entities/")})


def test_a_person_signs_in_and_is_greeted_by_name(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/entities/")
    assert page.status_code == 200
    assert "Alice" in page.text
    assert "Northside Clinic" in page.text


def test_a_stranger_is_asked_to_sign_in_and_then_brought_to_the_page_they_wanted(client: FlaskClient) -> None:
    sent = client.get("/entities/patient?q=ruiz&sort=caption")
    assert sent.status_code == 303
    page = client.get(sent.location)
    assert page.status_code == 200
    hidden = re.search(r'name="next" value="([^"]+)"', page.text)
    assert hidden is not None
    wanted = hidden.group(1).replace("&amp;", "&")
    assert wanted == "/entities/patient?q=ruiz&sort=caption"
    assert enter(client, next=wanted).location == wanted


@pytest.mark.parametrize(
    ("email", "password"),
    [("alice@example.org", "a loud and short sentence"), ("nobody@example.org", "a loud and short sentence")],
)
def test_unknown_and_wrong_read_the_same_and_the_password_is_not_sent_back(
    client: FlaskClient, email: str, password: str
) -> None:
    answer = enter(client, email, password)
    assert answer.status_code == 422
    assert "Wrong e-mail address or password." in words_of(answer)
    assert "There is no" not in answer.text
    assert password not in answer.text
    assert f'value="{email}"' in answer.text


def test_an_empty_form_says_what_is_missing_beside_each_field(client: FlaskClient) -> None:
    answer = enter(client, "", "")
    assert answer.status_code == 422
    assert 'id="f-email-error"' in answer.text
    assert 'href="#f-password"' in answer.text


def test_ten_wrong_passwords_are_answered_and_then_there_is_a_pause_with_words(client: FlaskClient) -> None:
    at(NOON)
    assert [enter(client, password="a loud and short sentence").status_code for _ in range(10)] == [422] * 10
    answer = enter(client)
    assert answer.status_code == 429
    assert re.search(r"too many tries\. Wait \d+ minutes", words_of(answer))
    at(NOON + timedelta(seconds=int(answer.headers["Retry-After"])))
    assert enter(client).status_code == 303


def test_hostile_form_values_are_answered_and_never_a_fault_of_ours(client: FlaskClient) -> None:
    for email, password in (
        ("a" * 7_000, "b" * 7_000),
        ("\x00@example.org", "\x00" * 20),
        ("alice@example.org' OR 1=1 --", "' OR ''='"),
        ("<script>alert(1)</script>", "\ud83d\ude00" * 3),
    ):
        answer = enter(client, email, password.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
        assert answer.status_code == 422
        assert "<script>alert" not in answer.text


def test_the_cookie_on_plain_http_is_for_scripts_and_other_sites_invisible(client: FlaskClient) -> None:
    set_cookie = enter(client).headers["Set-Cookie"]
    assert set_cookie.startswith("chartroom=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(set_cookie.split("; "))
    assert "Secure" not in set_cookie
    assert "Domain" not in set_cookie


@pytest.fixture
def behind_tls(config: Config, app: Flask) -> Iterator[FlaskClient]:
    """A browser that speaks https to a deployment whose public address is https, through one proxy."""
    secure = create_app(replace(config, public_url="https://portal.example.org", trusted_proxies=1))
    browser = secure.test_client()
    browser.environ_base |= {
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "portal.example.org",
        "HTTP_X_FORWARDED_FOR": "203.0.113.9",
        "HTTP_REFERER": "https://portal.example.org/sign-in",
    }
    yield browser
    with secure.app_context():
        db.session.remove()
        db.engine.dispose()


def test_the_cookie_behind_tls_is_locked_to_the_host(behind_tls: FlaskClient) -> None:
    page = behind_tls.get("/sign-in", base_url="https://portal.example.org")
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found is not None
    answer = behind_tls.post(
        "/sign-in",
        base_url="https://portal.example.org",
        data={"csrf_token": found.group(1), "email": "alice@example.org", "password": PASSWORD},
    )
    assert answer.status_code == 303
    set_cookie = answer.headers["Set-Cookie"]
    assert set_cookie.startswith("__Host-chartroom=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(set_cookie.split("; "))
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_form_from_another_site_is_refused_behind_tls(behind_tls: FlaskClient) -> None:
    page = behind_tls.get("/sign-in", base_url="https://portal.example.org")
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found is not None
    answer = behind_tls.post(
        "/sign-in",
        base_url="https://portal.example.org",
        data={"csrf_token": found.group(1), "email": "alice@example.org", "password": PASSWORD},
        headers={"Referer": "https://evil.example/"},
    )
    assert answer.status_code == 400


def test_what_the_cookie_held_before_signing_in_is_worth_nothing_afterwards(app: Flask, client: FlaskClient) -> None:
    client.get("/sign-in")
    planted = cookie(client)
    assert enter(client).status_code == 303
    victim = cookie(client)
    assert victim != planted
    attacker = app.test_client()
    attacker.set_cookie("chartroom", planted)
    assert attacker.get("/entities/").status_code == 303


def test_signing_in_again_ends_the_session_that_the_browser_had(signed_in: SignedIn, app: Flask) -> None:
    browser = signed_in("alice")
    first = cookie(browser)
    token = csrf_token(browser, "/entities/")
    answer = browser.post("/sign-in", data={"csrf_token": token, "email": "adam@example.org", "password": PASSWORD})
    assert answer.status_code == 303
    assert "Adam" in browser.get("/entities/").text
    thief = app.test_client()
    thief.set_cookie("chartroom", first)
    assert thief.get("/entities/").status_code == 303


def test_who_is_signed_in_already_is_sent_on_from_the_sign_in_page(signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    assert browser.get("/sign-in").location == "/"
    assert browser.get("/sign-in?next=/entities/device").location == "/entities/device"
    assert browser.get("/sign-in?next=//evil.example").location == "/"


def test_after_signing_out_the_cookie_opens_nothing_and_the_back_button_finds_nothing_kept(
    signed_in: SignedIn, app: Flask
) -> None:
    browser = signed_in("alice")
    page = browser.get("/entities/")
    assert page.headers["Cache-Control"] == "no-store"
    kept = cookie(browser)
    answer = sign_out(browser)
    assert answer.status_code == 303
    assert "You are signed out." in browser.get(answer.location).text
    assert browser.get("/entities/").status_code == 303
    thief = app.test_client()
    thief.set_cookie("chartroom", kept)
    assert thief.get("/entities/").status_code == 303


def test_a_link_cannot_sign_anybody_out(signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    assert browser.get("/sign-out").status_code == 405
    assert browser.post("/sign-out").status_code == 400
    assert browser.get("/entities/").status_code == 200


def test_a_session_left_alone_leads_to_the_sign_in_page_with_words_and_the_way_back(signed_in: SignedIn) -> None:
    at(NOON)
    browser = signed_in("alice")
    at(NOON + timedelta(minutes=31))
    answer = browser.get("/entities/device?q=x")
    assert answer.status_code == 303
    page = browser.get(answer.location)
    assert "Your sign-in has ended" in words_of(page)
    assert 'value="/entities/device?q=x"' in page.text
    assert "Your sign-in has ended" not in words_of(browser.get("/sign-in"))


def test_twelve_hours_are_the_longest_day(signed_in: SignedIn) -> None:
    at(NOON)
    browser = signed_in("alice")
    for quarter in range(1, 49):
        at(NOON + timedelta(minutes=15 * quarter))
        assert browser.get("/entities/").status_code == 200
    at(NOON + timedelta(hours=12, seconds=1))
    assert browser.get("/entities/").status_code == 303


def test_htmx_with_a_dead_session_reloads_the_page_instead_of_painting_the_sign_in_form_into_it(
    signed_in: SignedIn,
) -> None:
    at(NOON)
    browser = signed_in("alice")
    at(NOON + timedelta(minutes=31))
    answer = browser.get("/entities/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Refresh"] == "true"
    assert "<form" not in answer.text
    # The page that reloads is then told why.
    sent = browser.get("/entities/")
    assert "Your sign-in has ended" in words_of(browser.get(sent.location))


def test_an_upload_with_a_dead_session_is_told_so_in_json(signed_in: SignedIn) -> None:
    at(NOON)
    browser = signed_in("alice")
    at(NOON + timedelta(minutes=31))
    answer = browser.post(
        "/entities/", data=b"bytes", headers={"X-Requested-With": "XMLHttpRequest"},
        content_type="application/octet-stream",
    )  # fmt: skip
    assert answer.status_code in (401, 405)
    answer = browser.post("/sign-out", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json == {"error": "Your sign-in has ended. Sign in again."}


def test_a_form_sent_after_the_session_ended_is_answered_with_words_and_a_way_back(signed_in: SignedIn) -> None:
    at(NOON)
    browser = signed_in("alice")
    token = csrf_token(browser, "/entities/")
    at(NOON + timedelta(minutes=31))
    answer = browser.post(
        "/sign-out", data={"csrf_token": token}, headers={"Referer": "http://localhost/entities/patient"}
    )
    assert answer.status_code == 401
    assert "Your sign-in has ended" in words_of(answer)
    assert 'href="/sign-in?next=/entities/patient"' in answer.text


def test_a_form_without_its_token_is_told_to_go_back_and_try_again(client: FlaskClient) -> None:
    answer = client.post("/sign-in", data={"email": "alice@example.org", "password": PASSWORD})
    assert answer.status_code == 400
    assert "The form was too old" in words_of(answer)
    assert "Go back" in words_of(answer)
    assert client.get("/entities/").status_code == 303


def test_a_token_of_another_browser_is_no_token(signed_in: SignedIn, client: FlaskClient) -> None:
    foreign = csrf_token(signed_in("alice"), "/entities/")
    client.get("/sign-in")
    answer = client.post("/sign-in", data={"csrf_token": foreign, "email": "alice@example.org", "password": PASSWORD})
    assert answer.status_code == 400


ATTACKS = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\x00/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "http:evil.example",
    "entities/patient",
    "/sign-in",
    "/sign-out",
    "/" + "x" * 3000,
    "/entities\r\nSet-Cookie: a=b",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_is_sent_to_anything_but_our_own_paths(client: FlaskClient, attack: str) -> None:
    page = client.get("/sign-in", query_string={"next": attack})
    assert 'name="next"' not in page.text
    answer = enter(client, next=attack)
    assert answer.status_code == 303
    assert answer.location == "/"
    assert len(answer.headers.getlist("Set-Cookie")) == 1


@pytest.mark.parametrize("path", ["/", "/entities/patient?q=%2F%2Fx", "/entities/patient#files", "/exports/?a=b&c=d"])
def test_our_own_paths_are_gone_to(client: FlaskClient, path: str) -> None:
    assert enter(client, next=path).location == path


def test_a_page_that_polls_all_night_does_not_keep_its_person_signed_in(
    app: Flask, signed_in: SignedIn, world: World
) -> None:
    with app.app_context():
        params = ReportParams(data_types=("patient",), period="creation", start=NOON, end=None)
        export = exports.request_export(world.actor("alice"), "report", params, request_key="polled-all-night")
        status = f"/exports/{export.id}/status"
    at(NOON)
    browser = signed_in("alice")
    assert set(app.view_functions) >= POLLING
    for minute in range(31):
        at(NOON + timedelta(minutes=minute))
        assert browser.get(status, headers={"HX-Request": "true"}).status_code in (200, 204)
    at(NOON + timedelta(minutes=31))
    answer = browser.get(status, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")

"""Signing in by an OpenID provider: a real one, asked over HTTP, and some that are broken."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import administration, clock, create_app
from app.accounts import Asking, Entry
from app.administration import person_by_email
from app.extensions import db
from app.models import AuditEvent, SignInIdentity, Tenant, User, writing
from app.single_sign_on import NotLetIn, Settings, parse_roles, single_sign_on
from app.single_sign_on.people import enter, shown_at
from app.single_sign_on.settings import groups_in
from config import Config
from tests.conftest import compiled_pages, csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import enter as enter_by_form
from tests.portal.signing_in import words_of
from tests.services.openid import OpenIDProvider, ProviderBrowser
from tests.services.tls import free_port

START = "/sign-in/single-sign-on"
NURSES = ("ward nurses",)
ROLES = {
    "ward nurses": ("clinician@northside",),
    "data office": ("analyst@riverside", "analyst@not-there"),
    "it": ("administrator@acme",),
}
Opened = Callable[..., Flask]


@pytest.fixture
def opened(app: Flask, config: Config, openid_provider: OpenIDProvider) -> Iterator[Opened]:
    """``opened(**settings)``: the portal of this test with the provider, or with settings that differ."""
    made: list[Flask] = []

    def open_one(**more: Any) -> Flask:
        given = {
            "oidc_issuer": openid_provider.issuer,
            "oidc_client_id": openid_provider.client_id,
            "oidc_client_secret": openid_provider.client_secret,
            "oidc_tenant": "acme",
            "oidc_label": "Acme",
            "oidc_scopes": "openid profile email groups",
            "oidc_roles": ROLES,
        }
        made.append(create_app(replace(config, **(given | more))))
        made[-1].jinja_env.bytecode_cache = compiled_pages
        return made[-1]

    yield open_one
    for portal in made:
        with portal.app_context():
            db.session.remove()
            db.engine.dispose()
    # What the process is bound to is the next test's again.
    create_app(config)


@pytest.fixture
def portal(opened: Opened) -> Flask:
    return opened()


@pytest.fixture(scope="session")
def at_provider(openid_provider: OpenIDProvider) -> Callable[..., ProviderBrowser]:
    """``at_provider("maud", "maud@example.org", ["it"])``: who is known there by now, in a browser that stays."""
    browsers: dict[str, ProviderBrowser] = {}

    def known(user_name: str, email: str, groups: tuple[str, ...] = (), name: str = "") -> ProviderBrowser:
        openid_provider.keep(user_name, email, groups, name)
        return browsers.setdefault(user_name, ProviderBrowser(user_name))

    return known


def goes(browser: FlaskClient, onwards: str = "") -> str:
    sent = browser.get(f"{START}?next={onwards}")
    assert sent.status_code == 303, sent.text
    return str(sent.location)


def comes_back(browser: FlaskClient, address: str) -> TestResponse:
    parts = urlsplit(address)
    assert parts.netloc == "127.0.0.1:8000"
    return browser.get(f"{parts.path}?{parts.query}")


def signs_in(browser: FlaskClient, person: ProviderBrowser, onwards: str = "") -> TestResponse:
    return comes_back(browser, person.go(goes(browser, onwards)))


def with_query(address: str, **changed: str) -> str:
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changed
    return urlsplit(address)._replace(query=urlencode(query)).geturl()


def roles_of(portal: Flask, email: str) -> set[tuple[str, str]]:
    with portal.app_context():
        return {(one.organization.short_code, one.role) for one in person_by_email(email).memberships}


def events(portal: Flask, action: str) -> list[AuditEvent]:
    with portal.app_context():
        return list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)))


def refusals(portal: Flask) -> list[tuple[str, str]]:
    """Why, and with what outcome, by the record."""
    found = events(portal, "session.refused")
    return [(str((one.details or {}).get("why")), one.outcome) for one in found]


def test_without_a_provider_there_is_no_button_and_no_address(client: FlaskClient) -> None:
    assert "Sign in with" not in client.get("/sign-in").text
    assert client.get(START).status_code == 404
    assert client.get(f"{START}/return?code=a&state=b").status_code == 404


def test_somebody_who_is_here_signs_in_by_their_verified_address_and_goes_where_they_wanted(
    portal: Flask, at_provider: Callable[..., ProviderBrowser], world: World
) -> None:
    alice = at_provider("alice.n", "Alice@Example.org", NURSES)
    browser = portal.test_client()
    page = browser.get("/sign-in?next=/entities/device")
    assert f'href="{START}?next=/entities/device">Sign in with Acme</a>' in page.text
    address = goes(browser, "/entities/device")
    asked = parse_qs(urlsplit(address).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) >= 43 <= len(asked["nonce"][0])
    answer = comes_back(browser, alice.go(address))
    assert (answer.status_code, answer.location) == (303, "/entities/device")
    assert "Alice" in browser.get("/entities/device").text
    assert roles_of(portal, "alice@example.org") == {("northside", "clinician")}
    with portal.app_context():
        kept = db.session.scalars(select(SignInIdentity)).one()
        assert (kept.user_id, kept.subject) == (world.users["alice"].id, "alice.n")
    begun = events(portal, "session.begin")[-1]
    assert (begun.details, begun.user_id) == ({"by": "single-sign-on"}, world.users["alice"].id)
    assert [(one.user_id, one.outcome) for one in events(portal, "user.identity")] == [(begun.user_id, "done")]
    # The second time it is the subject that counts, and the page of the way back leads on.
    again = portal.test_client()
    at_provider("alice.n", "another.name@example.org", NURSES)
    returned = alice.go(goes(again))
    assert comes_back(again, returned).location == "/"
    assert comes_back(again, returned).location == "/"
    assert again.get(f"{START}?next=/account/").location == "/account/"
    assert len(events(portal, "user.identity")) == 1


def test_somebody_new_is_made_with_the_roles_that_their_groups_give(
    portal: Flask, at_provider: Callable[..., ProviderBrowser], world: World
) -> None:
    maud = at_provider("maud", "maud@example.org", ("ward nurses", "choir"), name="Maud  Ito")
    browser = portal.test_client()
    assert signs_in(browser, maud).location == "/"
    assert "Maud Ito" in browser.get("/").text
    assert roles_of(portal, "maud@example.org") == {("northside", "clinician")}
    assert [one.details for one in events(portal, "user.create")][-1] == {"by": "single-sign-on"}
    with portal.app_context():
        assert person_by_email("maud@example.org").password_hash is None
        assert [one.state for one in administration.list_people(world.actor("max"), text="maud")] == ["active"]
    told = {"password": "", "new_password": PASSWORD, "new_password_again": PASSWORD}
    refused = browser.post("/account/password", data=told | {"csrf_token": csrf_token(browser, "/account/password")})
    assert "You have none here: you sign in by single sign-on." in words_of(refused)


def test_roles_that_change_at_the_provider_change_here_and_others_stay(
    portal: Flask, at_provider: Callable[..., ProviderBrowser], world: World
) -> None:
    with portal.app_context():
        rita_id = world.users["rita"].id
        told = administration.get_person(world.actor("max"), rita_id)
        administration.change_roles(world.actor("max"), rita_id, told.roles | {(world.northside.id, "analyst")})
    rita = at_provider("rita", "rita@example.org", ("ward nurses", "it"))
    signs_in(portal.test_client(), rita)
    by_hand = {("riverside", "clinician"), ("northside", "analyst")}
    assert roles_of(portal, "rita@example.org") == by_hand | {("northside", "clinician"), ("acme", "administrator")}
    at_provider("rita", "rita@example.org", ("data office",))
    browser = portal.test_client()
    signs_in(browser, rita)
    assert roles_of(portal, "rita@example.org") == by_hand | {("riverside", "analyst")}
    assert browser.get("/admin/people/").status_code == 403
    changed = events(portal, "user.roles")[-1].details or {}
    assert changed["by"] == "single-sign-on"
    with portal.app_context():
        root = administration.root_organization(world.acme.id).id
    assert changed["lost"] == sorted([f"administrator@{root}", f"clinician@{world.northside.id}"])
    assert changed["gained"] == [f"analyst@{world.riverside.id}"]


def test_the_last_administrator_of_a_tenant_stays_one(
    portal: Flask, at_provider: Callable[..., ProviderBrowser]
) -> None:
    assert signs_in(portal.test_client(), at_provider("max", "max@example.org")).location == "/"
    assert roles_of(portal, "max@example.org") == {("acme", "administrator")}


def test_nobody_without_a_role_gets_in_and_the_page_names_whom_to_ask(
    portal: Flask, at_provider: Callable[..., ProviderBrowser]
) -> None:
    stranger = at_provider("otto", "otto@example.org", ("choir",))
    browser = portal.test_client()
    answer = signs_in(browser, stranger)
    assert answer.status_code == 403
    assert "nobody has given you a role" in words_of(answer)
    assert "max@example.org" in answer.text
    assert browser.get("/").location.startswith("/sign-in")
    with portal.app_context():
        assert db.session.scalar(select(User).where(User.email == "otto@example.org")) is None
    # The same for who had one, when it is taken.
    nurse = at_provider("nils", "nils@example.org", NURSES)
    assert signs_in(portal.test_client(), nurse).status_code == 303
    at_provider("nils", "nils@example.org", ())
    answer = signs_in(portal.test_client(), nurse)
    assert (answer.status_code, "You have no role any more" in answer.text) == (403, True)
    assert roles_of(portal, "nils@example.org") == set()
    assert refusals(portal) == [("unknown", "refused"), ("no-role", "refused")]
    admin = portal.test_client()
    assert enter_by_form(admin, "max@example.org").status_code == 303
    told = words_of(admin.get("/admin/record/"))
    assert "by single sign-on: no role is given to them" in told
    assert "by single sign-on: they have no role any more" in told


def test_whom_the_portal_does_not_want_does_not_get_in_by_the_provider(
    portal: Flask, at_provider: Callable[..., ProviderBrowser], world: World
) -> None:
    with portal.app_context():
        administration.set_person_active(world.actor("max"), world.users["adam"].id, False)
    disabled = signs_in(portal.test_client(), at_provider("adam", "adam@example.org", NURSES))
    assert (disabled.status_code, "Your account is disabled" in disabled.text) == (403, True)
    foreign = signs_in(portal.test_client(), at_provider("boris", world.users["boris"].email, NURSES))
    assert (foreign.status_code, "You cannot sign in here" in foreign.text) == (403, True)
    unsure = signs_in(portal.test_client(), at_provider("una", "una@unverified.example.org", NURSES))
    assert (unsure.status_code, "not verified" in words_of(unsure)) == (403, True)
    # An address that the provider gave to somebody else opens nothing.
    signs_in(portal.test_client(), at_provider("ann", "ann@example.org"))
    other = signs_in(portal.test_client(), at_provider("ann.the.second", "ann@example.org", NURSES))
    assert (other.status_code, "belongs to another account" in other.text) == (403, True)
    assert refusals(portal) == [(why, "refused") for why in ("disabled", "taken", "unverified", "other-subject")]
    noted = events(portal, "session.refused")
    # Nothing of the other tenant's person is told to this one's administrators.
    assert [one.user_id or one.object_id for one in noted][1:3] == [None, None]
    assert {one.tenant_id for one in noted} == {world.acme.id}


def test_one_who_is_disabled_while_signed_in_is_out_on_the_next_request(
    portal: Flask, at_provider: Callable[..., ProviderBrowser], world: World
) -> None:
    browser = portal.test_client()
    rita = at_provider("rita", "rita@example.org")
    signs_in(browser, rita)
    assert browser.get("/account/").status_code == 200
    with portal.app_context():
        administration.set_person_active(world.actor("max"), world.users["rita"].id, False)
    assert browser.get("/account/").status_code == 303
    assert signs_in(portal.test_client(), rita).status_code == 403


def test_a_second_step_is_asked_for_where_the_tenant_asks_for_one(
    portal: Flask, at_provider: Callable[..., ProviderBrowser], world: World
) -> None:
    with portal.app_context(), writing():
        db.session.get_one(Tenant, world.acme.id).second_step_for = "*"
        db.session.commit()
    browser = portal.test_client()
    answer = signs_in(browser, at_provider("rita", "rita@example.org"), "/account/")
    assert answer.location == "/sign-in/second-step?next=/account/"
    assert browser.get("/account/").status_code == 303
    assert browser.get(answer.location).status_code == 200


def test_what_was_altered_on_the_way_lets_nobody_in(portal: Flask, at_provider: Callable[..., ProviderBrowser]) -> None:
    alice = at_provider("alice.n", "alice@example.org", NURSES)

    def tried(*, there: dict[str, str] | None = None, back: dict[str, str] | None = None) -> TestResponse:
        browser = portal.test_client()
        returned = alice.go(with_query(goes(browser), **(there or {})))
        answer = comes_back(browser, with_query(returned, **(back or {})))
        assert browser.get("/account/").status_code == 303
        return answer

    # A code that somebody else got, put into this browser: state, nonce and verifier are this browser's.
    assert tried(back={"state": "of somebody else"}).status_code == 400
    assert tried(there={"nonce": "of-somebody-else"}).status_code == 403
    assert tried(there={"code_challenge": "A" * 43}).status_code == 403
    assert tried(back={"iss": "https://elsewhere.example.org"}).status_code == 403
    assert tried(back={"code": "made-up"}).status_code == 403
    assert tried(back={"code": ""}).status_code == 403
    assert refusals(portal) == [("not-proved", "refused")] * 5


def test_a_way_back_is_good_once_for_its_own_browser_and_for_a_quarter_of_an_hour(
    portal: Flask, at_provider: Callable[..., ProviderBrowser]
) -> None:
    alice = at_provider("alice.n", "alice@example.org", NURSES)
    browser = portal.test_client()
    returned = alice.go(goes(browser))
    other = comes_back(portal.test_client(), returned)
    assert (other.status_code, "This sign-in cannot be finished" in other.text) == (400, True)
    kept = browser.get_cookie("chartroom")
    assert kept is not None
    assert comes_back(browser, returned).status_code == 303
    # Whoever kept the cookie of before finds the code used.
    thief = portal.test_client()
    thief.set_cookie("chartroom", kept.value)
    assert comes_back(thief, returned).status_code == 403
    late = portal.test_client()
    returned = alice.go(goes(late))
    clock.turn(lambda: datetime.now(UTC) + timedelta(minutes=16))
    assert comes_back(late, returned).status_code == 400


def test_a_clock_that_is_off_by_more_than_two_minutes_is_said_in_words(
    portal: Flask, at_provider: Callable[..., ProviderBrowser]
) -> None:
    alice = at_provider("alice.n", "alice@example.org", NURSES)
    clock.turn(lambda: datetime.now(UTC) - timedelta(minutes=5))
    browser = portal.test_client()
    answer = signs_in(browser, alice)
    assert answer.status_code == 403
    assert "the clocks of the two may differ" in words_of(answer)
    clock.turn(lambda: datetime.now(UTC) - timedelta(seconds=100))
    assert signs_in(portal.test_client(), alice).status_code == 303


@pytest.mark.long
def test_six_browsers_of_somebody_new_at_the_same_moment_are_one_person(
    postgresql_app: tuple[Flask, World],
) -> None:
    portal, _ = postgresql_app
    settings = Settings("https://id.example.org", "chartroom", "acme", "", roles=parse_roles(ROLES))
    claims = {"sub": "six", "email": "six@example.org", "email_verified": True, "groups": ["it"]}
    gate = threading.Barrier(6)

    def come() -> Entry:
        with portal.app_context():
            gate.wait()
            return enter(settings, claims, Asking(None, None))

    with ThreadPoolExecutor(6) as browsers:
        secrets = {one.result().secret for one in [browsers.submit(come) for _ in range(6)]}
    assert len(secrets) == 6
    with portal.app_context():
        assert len(db.session.scalars(select(SignInIdentity)).all()) == 1


def test_who_says_no_at_the_provider_is_brought_back_to_a_page_with_words(
    portal: Flask, at_provider: Callable[..., ProviderBrowser]
) -> None:
    wary = at_provider("wary", "wary@example.org", NURSES)
    browser = portal.test_client()
    answer = comes_back(browser, wary.go(goes(browser, "/account/"), trust=False))
    assert answer.status_code == 403
    assert "cancelled" in words_of(answer)
    assert f'href="{START}?next=/account/"' in answer.text
    assert refusals(portal) == [("denied", "refused")]


def test_a_wrong_client_secret_is_the_operators_affair(
    opened: Opened, at_provider: Callable[..., ProviderBrowser]
) -> None:
    portal = opened(oidc_client_secret="not this one")
    answer = signs_in(portal.test_client(), at_provider("alice.n", "alice@example.org", NURSES))
    assert (answer.status_code, "not set up rightly" in answer.text) == (503, True)
    lost = opened(oidc_tenant="nowhere")
    assert signs_in(lost.test_client(), at_provider("alice.n", "alice@example.org", NURSES)).status_code == 503
    assert [outcome for _, outcome in refusals(portal)] == ["failed", "failed"]


@contextmanager
def broken_provider(status: int, body: str, **headers: str) -> Iterator[str]:
    """A server that answers this to everything."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.replace("HERE", f"http://127.0.0.1:{server.server_port}").encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
            """Nothing is written down."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


NAME_OF_SIGNATURES = "id_token_signing_alg_values_supported"
ENDPOINTS = {name: f"HERE/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}


def test_a_provider_that_is_away_or_broken_is_a_calm_page_and_the_password_still_works(opened: Opened) -> None:
    portal = opened(oidc_issuer=f"http://127.0.0.1:{free_port()}")
    answer = portal.test_client().get(START)
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    assert 'href="/sign-in">Sign in with a password</a>' in answer.text
    everything = {"issuer": "HERE", **ENDPOINTS}
    for status, body, headers, words in (
        (500, "no", {}, "does not answer"),
        (404, "no", {}, "not set up rightly"),
        (302, "", {"Location": "https://elsewhere.example.org/"}, "not set up rightly"),
        (200, "<html>", {}, "not set up rightly"),
        (200, "[]", {}, "not set up rightly"),
        (200, json.dumps(everything | {"issuer": "https://elsewhere.example.org"}), {}, "not set up rightly"),
        (200, json.dumps({"issuer": "HERE"}), {}, "not set up rightly"),
        (200, json.dumps(everything | {"token_endpoint": "http://elsewhere.example.org/"}), {}, "not set up rightly"),
        (200, json.dumps(everything | {"jwks_uri": 3}), {}, "not set up rightly"),
        (200, " " * (1 << 20) + json.dumps(everything), {}, "does not answer"),
        (200, json.dumps(everything | {NAME_OF_SIGNATURES: ["none", "HS256"]}), {}, "not set up rightly"),
    ):
        with broken_provider(status, body, **headers) as issuer:
            single_sign_on.bind(Settings(issuer, "chartroom", "acme", "http://127.0.0.1:8000/"))
            answer = portal.test_client().get(START)
            assert (answer.status_code, words in words_of(answer)) == (503, True), body
            assert "elsewhere" not in answer.text
    with broken_provider(200, json.dumps(everything)) as issuer:
        single_sign_on.bind(Settings(issuer, "chartroom", "acme", "http://127.0.0.1:8000/"))
        browser = portal.test_client()
        state = parse_qs(urlsplit(goes(browser)).query)["state"][0]
        # It answers POST with 501: a provider whose gate is open and whose house is not.
        assert browser.get(f"{START}/return?state={state}&code=a").status_code == 503


def test_what_the_token_does_not_tell_is_asked_of_the_provider(
    opened: Opened, at_provider: Callable[..., ProviderBrowser]
) -> None:
    person = at_provider("ann", "ann@example.org", NURSES)
    # No claim of this name comes: there are no groups then, and what the mapping governs is not given.
    portal = opened(oidc_roles_claim="memberOf", oidc_roles={"ward nurses": ("clinician@northside",)})
    assert signs_in(portal.test_client(), person).location == "/"
    assert roles_of(portal, "ann@example.org") == {("acme", "analyst")}


def test_who_passed_the_provider_without_a_question_shows_once_more_who_they_are(
    portal: Flask, at_provider: Callable[..., ProviderBrowser]
) -> None:
    person = at_provider("once.more", "rita@example.org")

    def is_asked(browser: FlaskClient) -> bool:
        given = {"csrf_token": csrf_token(browser, "/account/tokens/new"), "name": uuid4().hex, "scopes": "view"}
        answer = browser.post("/account/tokens/", data=given | {"expires_at": "7"})
        assert answer.status_code == 200
        asked = "Your password once more" in words_of(answer)
        assert asked == (f'href="{START}?again=yes' in answer.text)
        return asked

    first, later = portal.test_client(), portal.test_client()
    signs_in(first, person)
    assert not is_asked(first)
    clock.turn(lambda: datetime.now(UTC) + timedelta(minutes=11))
    # The provider knows the browser, and asks nothing.
    signs_in(later, person)
    assert is_asked(later)
    clock.turn(lambda: datetime.now(UTC))
    sent = later.get(f"{START}?again=yes&next=/account/").location
    query = parse_qs(urlsplit(sent).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["300"])
    assert comes_back(later, person.go(sent)).location == "/account/"
    assert not is_asked(later)


def test_an_address_that_only_folds_into_somebody_s_is_not_theirs(domain: World) -> None:
    administration.change_facts(
        domain.actor("max"), domain.users["rita"].id, "organization-user", {"email": "kirsten@example.org"}
    )
    settings = Settings("https://id.example.org", "chartroom", "acme", "")
    for number, email in enumerate(("\u212airsten@example.org", "kir\u017ften@example.org", "KIRSTEN@example.org")):
        claims = {"sub": str(number), "email": email, "email_verified": True}
        if email.isascii():
            assert enter(settings, claims, Asking(None, None)).owes is None
        else:
            with pytest.raises(NotLetIn, match="only spelled like"):
                enter(settings, claims, Asking(None, None))


@pytest.mark.parametrize("told", [None, True, "now", float("nan"), 1e300, -1e300])
def test_a_provider_that_does_not_say_when_somebody_showed_who_they_are_has_it_asked(told: object) -> None:
    assert shown_at({"auth_time": told}).year == 1970


def test_groups_are_found_by_a_claims_name_or_within_a_claim() -> None:
    claims = {"groups": ["a", 1, "b"], "one": "c", "https://example.org/roles": ["d"], "realm": {"roles": ["e"]}}
    assert groups_in(claims, "groups") == ["a", "b"]
    assert groups_in(claims, "one") == ["c"]
    assert groups_in(claims, "https://example.org/roles") == ["d"]
    assert groups_in(claims, "realm.roles") == ["e"]
    assert groups_in(claims, "realm.groups") == groups_in(claims, "groups.x") == groups_in(claims, "nothing") == []


def test_the_shell_says_whether_settings_and_provider_fit(
    app: Flask, opened: Opened, openid_provider: OpenIDProvider
) -> None:
    def told(**settings: str) -> tuple[int, str]:
        portal = opened(**settings)
        with portal.app_context():
            asked = portal.test_cli_runner().invoke(args=["check-single-sign-on"])
        return asked.exit_code, asked.output

    code, words = told()
    assert code == 0
    assert f"The provider answers as {openid_provider.issuer}, with " in words
    assert "administrator@acme, analyst@not-there, analyst@riverside, clinician@northside." in words
    assert "There is no organization not-there" in words
    code, words = told(oidc_issuer=f"{openid_provider.issuer}/")
    assert (code, "another name than OIDC_ISSUER" in words) == (1, True)
    code, words = told(oidc_issuer="")
    assert (code, "OIDC_ISSUER is not set" in words) == (1, True)


def test_codes_that_the_provider_does_not_know_are_counted_and_what_is_made_up_without_a_way_there_is_not(
    portal: Flask,
) -> None:
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    clock.turn(lambda: at)
    browser = portal.test_client()

    def makes_up() -> TestResponse:
        state = parse_qs(urlsplit(goes(browser)).query)["state"][0]
        return browser.get(f"{START}/return?state={state}&code=made-up")

    assert {browser.get(f"{START}/return?state=x&code=y").status_code for _ in range(61)} == {400}
    assert {makes_up().status_code for _ in range(60)} == {403}
    answer = makes_up()
    assert answer.status_code == 429
    assert "too many tries" in words_of(answer)
    assert int(answer.headers["Retry-After"]) > 0
    # Signing in by a password has a count of its own.
    assert enter_by_form(browser).status_code == 303


def test_what_the_provider_said_of_itself_is_good_while_it_is_away(opened: Opened) -> None:
    everything = {"issuer": "HERE", **ENDPOINTS}
    noon = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    clock.turn(lambda: noon)
    with broken_provider(200, json.dumps(everything)) as issuer:
        browser = opened(oidc_issuer=issuer).test_client()
        goes(browser)
    clock.turn(lambda: noon + timedelta(hours=2))
    assert goes(browser).startswith(f"{issuer}/authorization_endpoint?")


def test_settings_that_cannot_be_are_said_at_the_start(config: Config) -> None:
    fine = {
        "SECRET_KEY": config.secret_key, "OIDC_ISSUER": "https://id.example.org/realm", "OIDC_CLIENT_ID": "chartroom",
        "OIDC_TENANT": "acme", "OIDC_ROLES": '{"ward nurses": "clinician@northside", "it": ["administrator@acme"]}',
    }  # fmt: skip
    read = Config.from_env(fine)
    assert read.oidc_roles == {"ward nurses": ("clinician@northside",), "it": ("administrator@acme",)}
    for changed, words in (
        ({"OIDC_ISSUER": "http://id.example.org"}, "https"),
        ({"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID"),
        ({"OIDC_TENANT": ""}, "OIDC_TENANT"),
        ({"OIDC_SCOPES": "email"}, "openid"),
        ({"OIDC_ROLES": "nurses"}, "OIDC_ROLES"),
        ({"OIDC_ROLES": '{"it": [1]}'}, "OIDC_ROLES"),
    ):
        with pytest.raises(ValueError, match=words):
            Config.from_env(fine | changed)
    with pytest.raises(ValueError, match="king@acme"):
        parse_roles({"it": ("king@acme",)})

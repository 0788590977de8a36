"""The page of API tokens: made with the secret shown once, listed, ended after a question."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.test import TestResponse

from app import accounts, clock
from app.extensions import db
from app.models import Membership, begin_writing
from tests.conftest import csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import words_of

SignedIn = Callable[[str], FlaskClient]
LIST = "/account/tokens/"
NEW = "/account/tokens/new"
GOOD = {"name": "Nightly report", "scopes": ["view", "export_data"], "expires_at": "90"}


def make(browser: FlaskClient, **more: object) -> TestResponse:
    return browser.post(LIST, data={"csrf_token": csrf_token(browser, NEW)} | GOOD | more)


def secret_in(page: TestResponse) -> str:
    found = re.search(r'id="secret">([^<]+)<', page.text)
    assert found
    return found[1]


def opens(app: Flask, secret: str) -> bool:
    headers = {"Authorization": f"Bearer {secret}"}
    return app.test_client().get("/ums/v2/users/self", headers=headers).status_code == 200


def test_somebody_without_tokens_is_told_so_and_how_to_make_one(signed_in: SignedIn) -> None:
    words = words_of(signed_in("alice").get(LIST))
    assert "You have no tokens" in words
    assert "No program is signed in" in words
    assert "New token" in words


def test_a_token_that_could_export_nothing_is_made_with_a_warning(signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    assert "Of no use without “See records”" in browser.get(NEW).text
    assert "This token cannot export anything" in make(browser, scopes=["export_data"]).text
    assert "Tenant, for programs acme" in words_of(browser.get("/account/"))


def test_the_way_to_the_tokens_is_in_the_persons_menu(signed_in: SignedIn) -> None:
    assert f'href="{LIST}">API tokens</a>' in signed_in("alice").get("/").text


def test_the_secret_is_shown_once_and_works(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    made = make(browser)
    assert made.status_code == 200
    assert "This token cannot export anything" not in made.text
    assert made.headers["Cache-Control"] == "no-store"
    secret = secret_in(made)
    assert opens(app, secret)
    page = browser.get(LIST)
    assert secret not in page.text
    words = words_of(page)
    assert "Nightly report" in words
    assert "See records, Export data" in words
    assert "Not yet" not in words


def test_a_tokens_page_carries_its_id_for_service_accounts(app: Flask, signed_in: SignedIn, world: World) -> None:
    page = make(signed_in("alice"))
    with app.app_context():
        [line] = accounts.list_tokens(world.actor("alice"))
    assert str(line.id) in page.text


def test_making_the_same_token_twice_by_loading_again_is_refused(signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    make(browser)
    again = make(browser)
    assert again.status_code == 422
    assert "You have a token of this name" in words_of(again)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "  "}, "Give the token a name"),
        ({"name": "x" * 101}, "Give the token a name"),
        ({"scopes": []}, "Choose at least one thing"),
        ({"scopes": ["manage"]}, "A token cannot be allowed more than you are"),
        ({"scopes": ["fly"]}, "A token cannot be allowed more than you are"),
        ({"expires_at": "36500"}, "Choose how long"),
        ({"expires_at": ""}, "Choose how long"),
    ],
)
def test_a_form_that_is_not_right_comes_back_with_words_and_makes_nothing(
    signed_in: SignedIn, given: dict[str, object], words: str
) -> None:
    browser = signed_in("alice")
    answer = make(browser, **given)
    assert answer.status_code == 422
    assert words in words_of(answer)
    assert "You have no tokens" in words_of(browser.get(LIST))


def test_only_what_the_person_may_can_be_chosen(signed_in: SignedIn) -> None:
    def offered(who: str) -> list[str]:
        return re.findall(r'name="scopes" value="(\w+)"', signed_in(who).get(NEW).text)

    assert offered("ann") == ["view", "export_data"]
    assert offered("max") == ["view", "edit", "attach", "export_data", "manage"]


def test_somebody_who_may_nothing_is_told_that_a_token_would_not_help(
    app: Flask, signed_in: SignedIn, world: World
) -> None:
    browser = signed_in("adam")
    with app.app_context():
        begin_writing()
        db.session.execute(delete(Membership).where(Membership.user_id == world.users["adam"].id))
        db.session.commit()
    page = browser.get(NEW)
    assert page.status_code == 200
    assert "A token would be allowed nothing" in words_of(page)


def test_a_token_is_ended_after_a_question(app: Flask, signed_in: SignedIn, world: World) -> None:
    browser = signed_in("alice")
    secret = secret_in(make(browser))
    path = end_path(app, world)
    assert "stops working at once" in words_of(browser.get(path))
    assert opens(app, secret)
    ended = browser.post(path, data={"csrf_token": csrf_token(browser, path)}, follow_redirects=True)
    assert "Nightly report: ended" in words_of(ended)
    assert not opens(app, secret)
    assert "already" in words_of(browser.get(path))


def test_a_program_that_signed_in_with_the_password_is_listed_and_can_be_ended(
    app: Flask, signed_in: SignedIn, world: World
) -> None:
    with app.app_context():
        signed = accounts.sign_in_machine(world.users["alice"].email, PASSWORD, address="192.0.2.17")
    browser = signed_in("alice")
    assert "192.0.2.17" in words_of(browser.get(LIST))
    path = end_path(app, world)
    assert "can sign in again with your password" in words_of(browser.get(path))
    browser.post(path, data={"csrf_token": csrf_token(browser, path)})
    assert not opens(app, signed.access.text)
    assert "No program is signed in" in words_of(browser.get(LIST))


def test_ended_and_expired_tokens_stay_listed_as_such(
    app: Flask, signed_in: SignedIn, world: World, turn: Callable[..., None]
) -> None:
    begun = clock.now()
    with app.app_context():
        alice = world.actor("alice")
        turn(begun - timedelta(days=2))
        accounts.issue_token(alice, "old", ("view",), clock.now() + timedelta(days=1))
        row, _ = accounts.issue_token(alice, "given up", ("view",), clock.now() + timedelta(days=30))
        accounts.end_token(alice, row.id)
        turn(begun)
    words = words_of(signed_in("alice").get(LIST))
    assert "Expired" in words
    assert "Ended" in words


def end_path(app: Flask, world: World) -> str:
    with app.app_context():
        [line] = accounts.list_tokens(world.actor("alice"))
    assert isinstance(line.id, UUID)
    return f"/account/tokens/{line.id}/end"

"""The page of operations: what an administrator of a tenant sees and may do there, and what of others stays unseen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from rq import Worker
from sqlalchemy import delete, select

from app import administration, clock, create_app, exports
from app.exports.settling import fail_export
from app.extensions import db
from app.models import AuditEvent, Export, begin_writing
from app.models.user import Membership
from config import Config
from tests.conftest import csrf_token
from tests.factories import World
from tests.operations.conftest import REASON, Made, ask, fail
from tests.portal.signing_in import words_of
from tests.services.valkey import Valkey
from tests.terminology import making

SignedIn = Callable[[str], FlaskClient]
PAGE = "/admin/operations/"


def press(browser: FlaskClient, export_id: object) -> str:
    """Press that export's button, and read the page that follows."""
    sent = browser.post(
        f"{PAGE}exports/{export_id}/again", data={"csrf_token": csrf_token(browser, "/account/")},
        follow_redirects=True,
    )  # fmt: skip
    assert sent.status_code == 200
    return words_of(sent)


def test_an_administrator_sees_what_waits_runs_failed_and_is_kept(
    app: Flask, config: Config, valkey: Valkey, worker: Callable[[], Worker], signed_in: SignedIn, made: Made
) -> None:
    worker()
    browser = signed_in("max")
    words = words_of(browser.get(PAGE))
    assert "Valkey does not answer." in words
    assert "Unknown while Valkey is away" in words
    for said in (
        "Your exports that wait 1, the longest for 9", "Parts of your exports 1 at work, 1 waiting 1 late",
        "1 failing", "Counting what belongs to it", "Late", "1 in all", REASON, "Alice", "Try again",
    ):  # fmt: skip
        assert said in words, said
    woken = create_app(replace(config, redis_url=valkey.url)).test_client()
    woken.set_cookie("chartroom", browser.get_cookie("chartroom").value)  # type: ignore[union-attr]
    words = words_of(woken.get(PAGE))
    assert "Workers 1 alive: 1 waits for work" in words
    assert "Valkey does not answer" not in words


def test_only_administrators_of_a_whole_tenant_come_in(signed_in: SignedIn) -> None:
    refused = signed_in("nora").get(PAGE)
    assert refused.status_code == 403
    assert "This is for administrators of the whole tenant." in refused.text
    assert signed_in("nora").get(f"{PAGE}status").status_code == 403
    assert "Operations" not in signed_in("nora").get("/admin/people/").text
    assert "Operations" in signed_in("max").get("/admin/people/").text


def test_of_another_tenant_nothing_but_numbers_is_seen(signed_in: SignedIn, world: World, made: Made) -> None:
    browser = signed_in("boris")
    page = browser.get(PAGE)
    words = words_of(page)
    assert "Your exports that wait 0" in words
    assert "Of all tenants 1 export waits; 1 part is at work, 1 waiting, 1 late" in words
    assert "None fails" in words
    assert "0 bytes in 0 files" in words
    assert "None failed" in words
    for one in (made.ready, made.late, made.failed, made.waiting, REASON, "Alice"):
        assert str(one) not in page.text
    token = csrf_token(browser, PAGE)
    assert browser.post(f"{PAGE}exports/{made.failed}/again", data={"csrf_token": token}).status_code == 404


def test_a_failed_export_is_made_again_for_whoever_asked(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        failed = fail(world)
    browser = signed_in("max")
    assert "is made once more, for whoever asked for it" in press(browser, failed)
    with app.app_context():
        exports.work_until_idle("again")
        alice = world.actor("alice")
        made, former = exports.list_exports(alice)
        assert (made.state, made.owner_id, made.params) == ("ready", alice.user_id, former.params)
        asked = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "export.again")).one()
        assert (asked.user_id, asked.object_id, asked.outcome) == (world.users["max"].id, str(failed), "done")
        assert asked.details == {"made": str(made.id)}
        of_request = select(AuditEvent.request_id).where(
            AuditEvent.action == "export.request", AuditEvent.object_id == str(made.id)
        )
        assert db.session.scalar(of_request) == asked.request_id
    page = words_of(browser.get(PAGE))
    assert "Tried again Ready" in page
    assert "It was tried again before; nothing was asked for now." in press(browser, failed)
    with app.app_context():
        assert len(exports.list_exports(world.actor("alice"))) == 2
        assert db.session.get_one(Export, failed).state == "failed"


def test_the_failed_export_of_a_release_is_made_again_for_the_release(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    with app.app_context():
        alice = world.actor("alice")
        making.concept(alice, "A15", at=making.made(alice))
        making.released(alice, "1.0", work=False)
        made = exports.release_export(alice, making.LUNG, "1.0")
        assert made is not None
        failed = made.id
        begin_writing()
        fail_export(failed, REASON)
        db.session.commit()
    browser = signed_in("max")
    assert "is made once more" in press(browser, failed)
    with app.app_context():
        made = exports.release_export(world.actor("alice"), making.LUNG, "1.0")
        assert made is not None
        assert (made.state, made.id == failed) == ("queued", False)
    assert "None failed" in words_of(browser.get(PAGE))


def test_what_its_owner_may_not_have_any_more_is_not_made_again(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        failed, of_adam = fail(world), fail(world, "adam")
        ready = ask(world)
        begin_writing()
        db.session.execute(delete(Membership).where(Membership.user_id == world.users["alice"].id))
        db.session.commit()
        administration.set_person_active(world.actor("max"), world.users["adam"].id, False)
    browser = signed_in("max")
    assert "Alice may no longer have it. They would be told:" in press(browser, failed).replace("Alice Moreau", "Alice")
    assert "who asked for it, can sign in no more" in press(browser, of_adam)
    assert "Only an export that failed can be tried again." in press(browser, ready)
    with app.app_context():
        assert db.session.scalars(select(Export.state).where(Export.owner_id == world.users["adam"].id)).all() == [
            "failed"
        ]
        told = db.session.scalars(select(AuditEvent.outcome).where(AuditEvent.action == "export.again")).all()
        assert told == ["refused", "refused"]


def test_the_part_that_is_polled_says_nothing_twice_and_keeps_nobody_signed_in(
    app: Flask, world: World, signed_in: SignedIn, turn: Callable[[object], None]
) -> None:
    browser = signed_in("max")
    part = browser.get(f"{PAGE}status")
    [again] = re.findall(r'hx-get="([^"]+)"', part.text)
    assert 'hx-trigger="every 10s"' in part.text
    assert "<html" not in part.text
    assert (browser.get(again).status_code, browser.get(again).text) == (204, "")
    with app.app_context():
        ask(world)
    assert "Your exports that wait</dt><dd>1" in browser.get(again).text
    begun = clock.now()
    turn(begun + timedelta(minutes=20))
    assert browser.get(again).status_code == 200
    turn(begun + timedelta(minutes=31))
    assert browser.get(again, headers={"HX-Request": "true"}).status_code == 401


def test_many_failed_exports_come_in_pages(app: Flask, world: World, signed_in: SignedIn,
                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("app.portal.administration_operations.PAGE_SIZE", 2)
    with app.app_context():
        made = [str(fail(world)) for _ in range(3)]
    browser = signed_in("max")
    first = browser.get(PAGE)
    assert [one in first.text for one in made] == [False, True, True]
    [older] = re.findall(r'href="(/admin/operations/\?before=[^"]+)"', first.text)
    second = browser.get(older)
    assert [one in second.text for one in made] == [True, False, False]
    assert ">Newest<" in second.text

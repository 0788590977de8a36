"""The status box moves by itself, whatever happens meanwhile, and rests when there is nothing more to come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, Request, expect
from sqlalchemy import func, select, update

from app import clock
from app.extensions import db
from app.models import Export, SignInSession, begin_writing
from tests.browser.conftest import Visit
from tests.browser.peopled import ask
from tests.browser.portal import Portal
from tests.browser.steps import sign_in
from tests.browser.watching import Watch
from tests.faults.processes import until


@pytest.fixture
def no_worker(portal: Portal) -> Iterator[None]:
    """Exports stay queued, until the test revives the worker."""
    portal.worker.end()
    yield
    if not portal.web.is_running:
        portal.web.start()
    portal.revive()


def asked(portal: Portal, who: str = "alice") -> UUID:
    with portal.at_hand() as world:
        return ask(world, who)


def end_sessions_of(portal: Portal, who: str) -> None:
    with portal.at_hand() as world:
        begin_writing()
        theirs = SignInSession.user_id == world.users[who].id
        db.session.execute(update(SignInSession).where(theirs).values(ended_at=clock.now()))
        db.session.commit()


def download_link(page: Page) -> Locator:
    return page.get_by_role("link", name=re.compile("^Download report-"))


def is_poll(request: Request) -> bool:
    return request.url.partition("?")[0].endswith("/status")


@pytest.mark.long
def test_polling_outlives_a_restart_of_the_web_process(
    no_worker: None, portal: Portal, visit: Visit, watch: Watch
) -> None:
    page = visit("alice")
    page.goto(f"/exports/{asked(portal)}")
    expect(page.locator("#export-status")).to_contain_text("Waiting")
    page.evaluate("window.stayedHere = true")
    with watch.expecting("console: (htmx:|.*net::ERR_)"):
        portal.web.kill()
        page.wait_for_event("requestfailed", is_poll)
        expect(page.locator("#export-status")).to_contain_text("Waiting")
        portal.web.start()
    portal.revive()
    expect(download_link(page)).to_be_visible(timeout=60_000)
    assert page.evaluate("window.stayedHere")


def test_an_ended_sign_in_sends_the_whole_page_to_sign_in_not_the_box(
    no_worker: None, portal: Portal, visit: Visit, watch: Watch
) -> None:
    page = visit()
    sign_in(page, "adam@example.org")
    export_id = asked(portal, "adam")
    page.goto(f"/exports/{export_id}")
    with watch.expecting("answer: 401 GET .*/status|console: (htmx:|Response Status Error)"):
        with page.expect_response(lambda answer: is_poll(answer.request) and answer.status == 401) as refused:
            end_sessions_of(portal, "adam")
        page.wait_for_url(re.compile("/sign-in[?]next="))
    assert refused.value.headers["hx-refresh"] == "true"
    assert page.url.replace("%2F", "/").endswith(f"/exports/{export_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_role("status")).to_contain_text("Your sign-in has ended")


def test_polling_rests_once_the_export_is_settled(no_worker: None, portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    page.clock.install()
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if is_poll(request) else None)
    page.goto(f"/exports/{asked(portal)}")
    page.clock.run_for(5_000)
    until(lambda: len(polls) > 1, "the page asks by itself", lambda: page.clock.run_for(1_000))
    portal.revive()
    until(lambda: download_link(page).count() > 0, "the link shows", lambda: page.clock.run_for(1_000))
    asked_until_then = len(polls)
    page.clock.run_for(10 * 60_000)
    assert len(polls) == asked_until_then
    expect(page.locator("#export-status")).not_to_have_attribute("hx-get", re.compile(".*"))


def test_a_waiting_export_is_cancelled_after_asking_once_more(no_worker: None, portal: Portal, visit: Visit) -> None:
    page = visit("alice", width=390)
    page.goto(f"/exports/{asked(portal)}")
    page.get_by_role("link", name="Cancel this export").click()
    page.get_by_role("button", name="Cancel the export").click()
    expect(page.locator("#export-status")).to_contain_text("It was cancelled")
    portal.revive()
    page.reload()
    expect(page.locator("#export-status")).to_contain_text("It was cancelled")


def test_a_double_click_on_launch_makes_one_export(portal: Portal, visit: Visit) -> None:
    def how_many() -> int:
        with portal.at_hand() as world:
            mine = select(func.count()).select_from(Export).where(Export.owner_id == world.users["alice"].id)
            return int(db.session.scalar(mine) or 0)

    before = how_many()
    page = visit("alice")
    page.goto(f"/exports/new?data_type=patient&entity_id={portal.contents.patient}")
    page.get_by_role("button", name="Launch export").dblclick()
    expect(download_link(page)).to_be_visible(timeout=30_000)
    assert how_many() == before + 1


def test_an_export_asked_for_while_valkey_is_away_is_made_when_it_is_back(portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    page.goto(f"/exports/new?data_type=patient&entity_id={portal.contents.patient}")
    portal.valkey.kill()
    try:
        page.get_by_role("button", name="Launch export").click()
        expect(page.locator("#export-status")).to_contain_text("Waiting", timeout=20_000)
    finally:
        portal.valkey.start()
    until(lambda: download_link(page).count() > 0, "the link shows", portal.revive)

"""Every page, as the application's own map of addresses has them, with real ids, at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import uuid4

import pytest
from flask import Flask
from playwright.sync_api import Page

from app import create_app
from tests.browser.conftest import Visit
from tests.browser.looking import ALL, OF_LAYOUT, faults_of, runs_over
from tests.browser.portal import Portal
from tests.browser.steps import open_menu
from tests.browser.walking import Stop, stops
from tests.browser.watching import Watch

PARTS = {
    "portal.exports.status", "portal.imports.status", "portal.terminology.found", "portal.repositories.found",
    "portal.repositories.codes", "portal.releases.export_status", "portal.operations.status",
}  # fmt: skip
"""What is put into a page that stands already, and is looked at there."""
SETTLED = "() => [...document.querySelectorAll('.chart')].every(one => one.querySelector('canvas, .chart-words'))"


@pytest.fixture
def mapped(portal: Portal) -> Flask:
    """The application, for its map of addresses."""
    return create_app(portal.config)


def walk(page: Page, way: Iterable[Stop], who: str, watch: Watch) -> str:
    """Visit each stop and look at it at both widths; answer everything that is wrong, a line each."""
    seen: set[str] = set()
    return "\n".join(fault for stop in way for fault in (*look(page, stop, who, seen), *watch.take()))


def look(page: Page, stop: Stop, who: str, seen: set[str]) -> Iterator[str]:
    name, wanted = f"{who} {stop.path}", stop.refusal or 200
    answer = page.request.get(stop.path)
    if answer.status != wanted:
        yield f"{name}: answers {answer.status}, not {wanted}"
    if stop.endpoint in PARTS and answer.ok:
        assert "<html" not in answer.text()
        return
    # One refusal looks like another.
    alike = answer.url if answer.ok else str(answer.status)
    if answer.headers.get("content-type", "").startswith("text/html") and alike not in seen:
        seen.add(alike)
        page.goto(stop.path)
        yield from look_at_both_widths(page, name)


def look_at_both_widths(page: Page, name: str) -> Iterator[str]:
    page.wait_for_function(SETTLED)
    for width, rules in ((1280, ALL), (390, OF_LAYOUT)):
        page.set_viewport_size({"width": width, "height": 900})
        yield from faults_of(page, f"{name} at {width}", rules)


def as_seen_by(who: str, way: Sequence[Stop]) -> list[Stop]:
    """What an analyst may not: change and attach. Alice's token and her upload are hers alone."""
    closed = {"portal.tokens.end": 404, "portal.file_pieces.received": 404} if who != "alice" else {}
    if who != "alice":
        closed |= {"portal.import_upload.received": 404, "portal.imports.columns": 403}
    if who != "max":
        administering = ("index", "event", "seen", "taken")
        closed |= {"portal.roles.index": 403} | {
            f"portal.people.{one}": 403 for one in ("index", "new", "show", "link", "disable", "enable", "second_step")
        }
        closed |= {f"portal.record.{one}": 403 for one in administering} | {"portal.erasure.ask": 403}
        closed |= {"portal.settings.index": 403}
        shaping = ("organizations.", "templates.")
        closed |= {one.endpoint: 403 for one in way if one.endpoint.removeprefix("portal.").startswith(shaping)}
        closed |= {"portal.operations.index": 403, "portal.operations.status": 403}
    if who == "ann":
        changing = ("browse.edit", "files.form", "files.remove", "file_pieces.received")
        closed |= {f"portal.{one}": 403 for one in changing}
    return [Stop(stop.endpoint, stop.values, stop.path, closed.get(stop.endpoint, stop.refusal)) for stop in way]


def test_the_bar_is_never_wider_than_the_window_whatever_somebody_is_called(visit: Visit, watch: Watch) -> None:
    page = visit("max")
    page.goto("/exports/")
    page.locator("#pending-exports").evaluate("one => { one.hidden = false; one.textContent = 12; }")
    name = page.locator(".user-menu > summary")
    name.evaluate("one => { one.lastChild.textContent = 'Maximiliane Featherstonehaugh-Tan'; }")
    for width in (320, 1024, 1200, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        open_menu(page)
        name.click()
        assert runs_over(page) is None, width
        name.click()


@pytest.mark.parametrize("who", ["alice", pytest.param("max", marks=pytest.mark.long)])
def test_every_page_stands_and_is_accessible(
    who: str, mapped: Flask, portal: Portal, visit: Visit, watch: Watch
) -> None:
    way = stops(mapped, portal.contents)
    assert len(way) > 30
    found = walk(visit(who), as_seen_by(who, way), who, watch)
    assert not found, found


def test_pages_that_administrators_alone_see_stand_too(
    mapped: Flask, portal: Portal, visit: Visit, watch: Watch
) -> None:
    way = stops(mapped, portal.contents)
    others = {stop.path: stop.refusal for stop in as_seen_by("alice", way)}
    theirs = [stop for stop in as_seen_by("max", way) if stop.refusal != others[stop.path]]
    assert len(theirs) > 10
    found = walk(visit("max"), theirs, "max", watch)
    assert not found, found


def test_pages_of_somebody_who_may_only_look_stand_too(
    mapped: Flask, portal: Portal, visit: Visit, watch: Watch
) -> None:
    patient = str(portal.contents.patient)
    way = [stop for stop in stops(mapped, portal.contents) if patient in stop.path]
    found = walk(visit("ann"), as_seen_by("ann", way), "ann", watch)
    assert not found, found


def test_pages_of_a_tenant_that_holds_nothing_say_so(mapped: Flask, portal: Portal, visit: Visit, watch: Watch) -> None:
    way = [stop for stop in stops(mapped, portal.contents) if not set(stop.values) - {"data_type"}]
    theirs = (str(portal.contents.patient), str(portal.contents.device))
    way = [stop for stop in way if not any(one in stop.path for one in theirs)]
    found = walk(visit(portal.contents.hollow), way, "hollow", watch)
    assert not found, found


def test_the_page_of_a_stranger_is_the_sign_in_page(visit: Visit, watch: Watch) -> None:
    page = visit()
    found = walk(page, [Stop("", {}, "/exports/")], "stranger", watch)
    assert not found, found
    assert "/sign-in?next=" in page.url


def test_what_is_not_there_has_a_page_that_says_so(portal: Portal, visit: Visit, watch: Watch) -> None:
    nowhere = [f"/entities/patient/{uuid4()}", "/entities/spaceship", "/no-such-page", f"/exports/{uuid4()}"]
    foreign = [f"/entities/patient/{portal.contents.patient}", f"/exports/{portal.contents.exports['ready']}"]
    for who, paths in (("alice", nowhere), ("boris", foreign)):
        found = walk(visit(who), [Stop("", {}, path, 404) for path in paths], who, watch)
    assert not found, found


def test_exports_that_are_switched_off_explain_themselves(visit: Visit, watch: Watch) -> None:
    page = visit("boris")
    found = walk(page, [Stop("", {}, "/exports/new", 403)], "boris", watch)
    assert not found, found
    assert "administrator" in page.get_by_role("main").inner_text()

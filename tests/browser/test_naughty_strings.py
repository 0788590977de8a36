"""A portal whose every name, note and label is a naughty string, in a real browser: no page runs or breaks by them.

What forms make of them is asked in tests/security/test_naughty_strings.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Page

from app import accounts, administration, catalog, clock, create_app, exports, terminology
from app.errors import Duplicate, Invalid
from app.exports.builders import kept_builder
from tests.browser.conftest import Visit
from tests.browser.peopled import ALL_PATIENTS, fill
from tests.browser.portal import Portal, at_hand, running_portal
from tests.browser.walking import stops
from tests.browser.watching import Watch
from tests.conftest import config_for
from tests.factories import World
from tests.security.test_naughty_strings import STRINGS
from tests.services.valkey import running_valkey
from tests.terminology.making import LUNG

pytestmark = pytest.mark.long

Refused = (Invalid, Duplicate)
IN_ONE_NOTE = 15


@dataclass
class Naughty:
    """The portal, and the addresses of what is called so."""

    portal: Portal
    paths: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def naughty(peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Naughty]:
    with running_valkey() as valkey:
        config = config_for(tmp_path_factory.mktemp("naughty"), valkey.url)
        shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
        kept_builder.end()
        world = peopled_sqlite[1]
        with at_hand(config):
            contents = fill(world)
            paths = call_things_so(world)
        with running_portal(config, world, contents, valkey) as portal:
            yield Naughty(portal, paths)


@pytest.fixture(scope="module")
def portal(naughty: Naughty) -> Portal:
    """In place of the one that other tests share: what they count is not to be called so."""
    return naughty.portal


def call_things_so(world: World) -> list[str]:
    """Patients, terms, tokens, people and exports of these names; the addresses of those with pages of their own."""
    alice, template = world.actor("alice"), world.templates["patient"].id
    paths, codes = [], 0
    for at in range(0, len(STRINGS), IN_ONE_NOTE):
        some = STRINGS[at : at + IN_ONE_NOTE]
        values = {"first_name": "So", "last_name": "Called", "notes": _kept_by_notes(some)}
        for name, words in zip(("first_name", "last_name", "national_id"), some, strict=False):
            with suppress(*Refused):
                terminology.create_concept(alice, LUNG, _concept(f"N{codes}", words))
                paths.append(f"/terminology/{LUNG.owner_kind}/{LUNG.owner}/sources/{LUNG.short_code}/concepts/N{codes}")
            codes += 1
            if len(words) <= 60 and "\n" not in words and words.strip() == words:
                values[name] = words
        with suppress(*Refused):
            made = catalog.create_entity(alice, template, world.northside.id, values)
            paths += [f"/entities/patient/{made.id}{rest}" for rest in ("", "/edit")]
    _call_the_rest_so(world)
    return paths


def _kept_by_notes(some: list[str]) -> str:
    return "\n".join(one for one in some if one.isprintable())


def _concept(code: str, words: str) -> terminology.ConceptWish:
    return terminology.ConceptWish(code, [{"name": words, "locale": "en", "name_type": "FULLY_SPECIFIED"}])


def _call_the_rest_so(world: World) -> None:
    alice, largest = world.actor("alice"), world.actor("max")
    for number, words in enumerate(STRINGS[::10]):
        with suppress(*Refused):
            accounts.issue_token(alice, words[:80], ("view",), clock.now() + timedelta(days=1))
        with suppress(*Refused):
            administration.invite_person(
                largest, words[:80], f"n{number}@example.org", world.northside.id, ("clinician",)
            )
        with suppress(*Refused):
            asked = exports.request_export(
                alice, "report", ALL_PATIENTS, request_key=f"so-{number:032}", label=words[:60]
            )
            exports.cancel_export(alice, asked.id)


def open_all(page: Page, paths: list[str]) -> list[str]:
    """Open each page; every dialog that one opens, and every page that does not stand, a line each."""
    found: list[str] = []

    def hear(dialog: Dialog) -> None:
        found.append(f"{page.url} opened a dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", hear)
    for path in paths:
        answer = page.goto(path)
        if answer is None or answer.status != 200:
            found.append(f"{path} answers {answer and answer.status}")
        elif not page.evaluate("document.querySelector('main h1') && document.querySelector('footer') !== null"):
            found.append(f"{path} is not whole")
    page.remove_listener("dialog", hear)
    return found


def lists_of(app: Flask, portal: Portal) -> list[str]:
    """Every page that names no single thing, and the pages of the list of patients."""
    bare = [
        stop for stop in stops(app, portal.contents) if stop.refusal is None and not set(stop.values) - {"data_type"}
    ]
    return [
        stop.path for stop in bare if not stop.endpoint.endswith((".status", ".found")) and ".json" not in stop.path
    ]


@pytest.mark.parametrize("who", ["alice", "max"])
def test_no_page_opens_a_dialog_or_breaks_by_what_things_are_called(
    who: str, naughty: Naughty, visit: Visit, watch: Watch
) -> None:
    app, portal = create_app(naughty.portal.config), naughty.portal
    page = visit(who)
    lists = [path for path in lists_of(app, portal) if page.request.get(path).status == 200]
    lists = [path for path in lists if "html" in page.request.get(path).headers["content-type"]]
    assert len(lists) > 15
    assert len(naughty.paths) > 100
    assert open_all(page, [*lists, *naughty.paths] if who == "alice" else lists) == []
    page.goto("/entities/patient?size=50")
    while page.get_by_role("link", name="Next").count():
        page.get_by_role("link", name="Next").first.click()
        page.wait_for_load_state()
    assert page.get_by_role("table").count()


def test_a_planted_page_that_runs_what_it_is_told_is_found(visit: Visit, watch: Watch) -> None:
    page = visit("alice")
    page.route("**/planted", lambda route: route.fulfill(body="<script>alert(1)</script>", content_type="text/html"))
    found = open_all(page, ["/planted"])
    assert len(found) == 2
    assert found[0].endswith("opened a dialog: 1")
    assert found[1].endswith("/planted is not whole")

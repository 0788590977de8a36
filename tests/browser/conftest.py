"""A running portal, a real browser, and pages that fail the test when anything went wrong in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.exports.builders import kept_builder
from tests.browser.peopled import fill
from tests.browser.portal import Portal, at_hand, running_portal
from tests.browser.steps import sign_in
from tests.browser.watching import Watch
from tests.conftest import config_for
from tests.factories import World
from tests.services.valkey import running_valkey

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
FRESH_SECONDS = 300.0
HEIGHTS = {1280: 900, 390: 844}
HERE = Path(__file__).parent

Visit = Callable[..., Page]
_outcome = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a real browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[_outcome] = report.passed
    return report


@pytest.fixture(scope="package")
def portal(peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The running portal, full of things to see. What a test kills, it starts again."""
    with running_valkey() as valkey:
        config = config_for(tmp_path_factory.mktemp("portal"), valkey.url)
        shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
        world = peopled_sqlite[1]
        # One that a thread of an earlier test started ends with that thread, which may be while it works for this one.
        kept_builder.end()
        with at_hand(config):
            contents = fill(world)
        with running_portal(config, world, contents, valkey) as made:
            yield made


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Sees what goes wrong in the test's pages. The test fails when anything did."""
    made = Watch()
    yield made
    assert made.faults == []


@pytest.fixture(scope="package")
def known_people() -> dict[tuple[str, str], tuple[float, dict]]:
    """The cookies of who signed in already, and when: after a while the portal would ask for the password once more."""
    return {}


@pytest.fixture
def visit(
    chromium: Browser,
    portal: Portal,
    watch: Watch,
    known_people: dict[tuple[str, str], tuple[float, dict]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Visit]:
    """``visit("alice", width=390)``: a watched page where alice has signed in; without a name, a stranger's.

    ``url`` is another address of the portal than its own; what else is given goes to the browser's context.
    """
    opened: list[BrowserContext] = []

    def open_page(who: str | None = None, *, width: int = 1280, url: str | None = None, **more: object) -> Page:
        address = url or portal.url
        size = {"width": width, "height": HEIGHTS[width]}
        begun, state = known_people.get((address, who or ""), (0.0, None))
        if monotonic() - begun > FRESH_SECONDS:
            state = None
        # Without motion, so that nothing is looked at half-way between two colours.
        context = chromium.new_context(
            base_url=address, viewport=size, storage_state=state, reduced_motion="reduce", **more
        )
        context.set_default_timeout(30_000)
        opened.append(context)
        watch.over(context, script=more.get("java_script_enabled", True) is True)
        page = context.new_page()
        if who is not None and state is None:
            sign_in(page, portal.world.users[who].email if who in portal.world.users else who)
            known_people[address, who] = monotonic(), context.storage_state()
        return page

    yield open_page
    if not request.node.stash.get(_outcome, True):
        for number, page in enumerate(page for context in opened for page in context.pages):
            page.screenshot(path=tmp_path / f"page-{number}.png", full_page=True)
    for context in opened:
        context.close()

"""`make scan`: attack a running portal of made-up data on this machine with sqlmap and wapiti, signed in.

First each scanner has to find what is planted in an application of the tests' own: else its silence proves nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import flask_migrate

from app import create_app
from tests.browser.peopled import fill
from tests.browser.portal import Portal, at_hand, running_portal
from tests.conftest import config_for, csrf_token, detached_world, quick_hashes
from tests.portal.signing_in import enter
from tests.security import holes
from tests.security.scanners import Outcome, Target, crawl, inject
from tests.services.valkey import running_valkey

FORM = {
    "csrf_token": "", "data_types": "patient", "period": "creation", "start": "2020-01-01T00:00", "order": "desc",
    "format": "json",
}  # fmt: skip
MOST_OF_THE_PAGES, SOME_FORMS = 30, 8
LEAVE = ("/sign-out", "/account/password", "/account/second-step", "/account/sessions", "/admin/settings", "/static/")
"""What would end the scanners' own session, or switch off what they are to look at."""


@contextmanager
def peopled_portal(home: Path) -> Iterator[Portal]:
    """A whole portal full of made-up people and things."""
    with running_valkey() as valkey:
        config = config_for(home, valkey.url)
        quick_hashes()
        with at_hand(config):
            flask_migrate.upgrade()
            world = detached_world()
            contents = fill(world)
        with running_portal(config, world, contents, valkey) as portal:
            yield portal


def cookie_of(portal: Portal, who: str) -> str:
    """The cookie of somebody who signed in through the form, good for the forms of every page."""
    browser = create_app(portal.config).test_client()
    assert enter(browser, portal.world.users[who].email).status_code == 303
    csrf_token(browser, "/entities/")
    cookie = browser.get_cookie("chartroom")
    assert cookie, "nobody is signed in"
    return f"chartroom={cookie.value}"


def targets(portal: Portal) -> list[Target]:
    """Where what is typed decides what is asked of the database."""
    here, of = portal.url, portal.contents
    return [
        Target(f"{here}/entities/patient?q=marsh&sort=-updated_at&size=25"),
        Target(f"{here}/entities/patient?refers_to={of.device}&by=device"),
        Target(f"{here}/entities/?q=marsh"),
        Target(f"{here}/measurements/?q=cd4"),
        Target(f"{here}/terminology/?q=a15&kind=sources"),
        Target(f"{here}/terminology/orgs/northside/sources/LUNG/?q=a15"),
        Target(f"{here}/admin/people/?q=alice&state=invited"),
        Target(f"{here}/admin/record/?what=taken&person=alice&about=marsh&address=127.0.0.1"),
        Target(f"{here}/exports/?whose=all"),
        Target(f"{here}/exports/preview", urlencode(FORM), f"{here}/exports/new"),
    ]  # fmt: skip


def planted(tools: Path, home: Path) -> list[Outcome]:
    with holes.running() as address:
        return [
            inject(tools, Target(f"{address}/search?q=a"), home / "planted"),
            crawl(tools, address, home / "planted-wapiti", seconds=40),
        ]


def attacked(tools: Path, home: Path, seconds: int) -> list[Outcome]:
    with peopled_portal(home / "data") as portal:
        cookie, each = cookie_of(portal, "max"), max(15, seconds // 10)
        found = [inject(tools, one, home / "sqlmap", cookie, each) for one in targets(portal)]
        cookie = cookie_of(portal, "max")
        leave = tuple(f"{portal.url}{one}*" for one in LEAVE)
        found.append(crawl(tools, portal.url, home / "wapiti", cookie, leave=leave, seconds=seconds // 2))
        _assert_that_they_were_inside(portal)
        return found


def _assert_that_they_were_inside(portal: Portal) -> None:
    """Scanners that met the sign-in page alone, or a portal whose forms they could not send, found nothing of worth."""
    log = (json.loads(line) for line in portal.web.log.read_text().splitlines() if line.startswith("{"))
    asked = Counter((line["method"], line["status"], line["rule"]) for line in log if line.get("event") == "request")
    pages = {rule for method, status, rule in asked if (method, status) == ("GET", 200)}
    changed = {rule for method, status, rule in asked if method == "POST" and status in (200, 303, 422)}
    assert len(pages) > MOST_OF_THE_PAGES, f"only {len(pages)} pages were seen: {sorted(pages)}"
    assert len(changed) > SOME_FORMS, f"only {len(changed)} forms were sent: {sorted(changed)}"
    faults = {rule: count for (_, status, rule), count in asked.items() if status >= 500}
    assert not faults, f"the portal's own faults: {faults}"


def in_words(outcomes: list[Outcome], wanted: bool) -> Iterator[str]:
    for tool in ("sqlmap", "wapiti"):
        theirs = [one for one in outcomes if one.tool == tool]
        found = [line for one in theirs for line in one.findings]
        right = "as it should" if bool(found) is wanted else "WRONG"
        asked = ", ".join(sorted({one.asked for one in theirs}))
        yield f"{tool}: {len(theirs)} runs ({asked}), {len(found)} found, {right}"
        yield from (f"  {line}" for line in found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tools", type=Path, help="the folder of the scanners' programs")
    parser.add_argument("--results", type=Path, help="where to keep what came out")
    parser.add_argument("--seconds", type=int, default=300, help="how long it may take, about")
    told = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chartroom-scan-") as folder:
        home = Path(folder)
        for name in ("data", "sqlmap", "planted", "wapiti", "planted-wapiti"):
            (home / name).mkdir()
        sown = planted(told.tools, home)
        reaped = attacked(told.tools, home, told.seconds)
    lines = [
        f"make scan, {datetime.now(UTC):%Y-%m-%d}, {time.monotonic() - began:.0f} s", "",
        "What is planted in an application of the tests' own:", *in_words(sown, wanted=True), "",
        "The portal, signed in as an administrator:", *in_words(reaped, wanted=False),
    ]  # fmt: skip
    text = re.sub(r"127\.0\.0\.1:\d+", "localhost", "\n".join(lines))
    sys.stdout.write(text + "\n")
    if told.results:
        told.results.parent.mkdir(parents=True, exist_ok=True)
        told.results.write_text(text + "\n")
    return 1 if "WRONG" in text else 0


if __name__ == "__main__":
    sys.exit(main())

"""What every answer of the application tells the browser, whoever asks: each page, each refusal, each file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.security import planted as planted_doors
from tests.security.site import PLANTED, Answer, Site
from tests.test_doors import DOORS, UNKNOWN, addresses_of

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
OF_FILES = "sandbox; default-src 'none'"
"""What people sent in and what was exported may hold anything: it runs nowhere."""
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def wrong_headers(answers: Iterable[Answer]) -> list[str]:
    """What an answer says otherwise than it should, a line each."""
    found = []
    for answer in answers:
        wanted = ALWAYS | {"Content-Security-Policy": CSP, "Cache-Control": "no-store"}
        if answer.address.rule.endpoint == "static" and answer.status == 200:
            wanted["Cache-Control"] = "no-cache"
        for name, value in wanted.items():
            told = answer.header(name)
            if told != value and not _is_stricter(answer, name, told or ""):
                found.append(f"{answer.name} says {name}: {told}")
        found += [f"{answer.name} sets a cookie {cookie}" for cookie in _loose_cookies(answer)]
    return found


def _is_stricter(answer: Answer, name: str, told: str) -> bool:
    if name == "Content-Security-Policy":
        return answer.status == 200 and "Content-Disposition" in dict(answer.headers) and told == OF_FILES
    return name == "Cache-Control" and "no-store" in told.split(", ")


def _loose_cookies(answer: Answer) -> list[str]:
    cookies = [value for name, value in answer.headers if name == "Set-Cookie"]
    return [one for one in cookies if not ("HttpOnly" in one and "SameSite=Lax" in one and "Domain=" not in one)]


def walk(site: Site) -> list[Answer]:
    """Every address as a stranger meets it, and what may be read as its owner does."""
    found = []
    for address in site.addresses():
        path = site.things.path(site.app, address, **site.particular(address.rule))
        found.append(site.ask("nobody", address, path))
        if address.method == "GET":
            owner = "max" if DOORS[address.name].needs == "manage" else "alice"
            found.append(site.ask(owner, address, path))
    return found


def test_every_answer_says_what_the_browser_may_do_and_that_nothing_is_kept(site: Site) -> None:
    answers = walk(site)
    assert {answer.status for answer in answers} >= {200, 303, 401, 403, 404}
    assert [answer.name for answer in answers if answer.status >= 500 and answer.address.rule.rule != "/readyz"] == []
    assert len({answer.address.name for answer in answers if answer.status == 200}) > 80
    assert wrong_headers(answers) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Security-Policy", f"{CSP}; script-src-attr 'unsafe-inline'"), ("Content-Security-Policy", OF_FILES),
        ("Cross-Origin-Resource-Policy", "cross-origin"), ("Set-Cookie", "session=abc; Path=/"),
    ],
)  # fmt: skip
def test_the_walk_finds_a_planted_page_that_says_it_otherwise(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    [planted] = [address for address in addresses_of(site.app) if address.rule.rule == PLANTED]
    path = UNKNOWN.path(site.app, planted)
    assert wrong_headers([site.ask("nobody", planted, path)]) == []
    monkeypatch.setattr(planted_doors, "HEADERS", {name: value})
    [found] = wrong_headers([site.ask("nobody", planted, path)])
    assert name in found.replace("sets a cookie", "Set-Cookie")


@pytest.mark.parametrize("name", [*ALWAYS, "Content-Security-Policy", "Cache-Control"])
def test_the_walk_finds_an_answer_that_leaves_it_out(site: Site, name: str) -> None:
    [page] = [address for address in site.addresses() if address.name == "GET /sign-in"]
    told = site.ask("nobody", page, "/sign-in")
    assert wrong_headers([told]) == []
    without = replace(told, headers=tuple(one for one in told.headers if one[0] != name))
    assert wrong_headers([without]) == [f"nobody: GET /sign-in says {name}: None"]

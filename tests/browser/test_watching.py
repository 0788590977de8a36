"""Planted faults, each of which the checks of the other tests must find; or their silence would prove nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from werkzeug.routing import Map, Rule

from tests.browser.conftest import Visit
from tests.browser.looking import runs_over, violations
from tests.browser.portal import Portal
from tests.browser.walking import examples
from tests.browser.watching import Watch


def load_script(page: Page, source: str) -> None:
    """Put a script into the page that the policy lets in only from our own address."""
    page.evaluate(
        "source => { const made = document.createElement('script'); made.src = source; document.body.append(made) }",
        source,
    )


def test_an_error_of_a_script_is_seen(visit: Visit, watch: Watch) -> None:
    page = visit()
    page.goto("/sign-in")
    with page.expect_event("pageerror"):
        page.evaluate("() => setTimeout(() => { throw new Error('planted') })")
    assert any("script: planted" in fault for fault in watch.take())


def test_what_the_policy_refuses_is_seen(visit: Visit, watch: Watch) -> None:
    page = visit()
    page.goto("/sign-in")
    load_script(page, "https://foreign.example.org/planted.js")
    page.evaluate("document.body.append(Object.assign(document.createElement('p'), {id: 'after'}))")
    page.wait_for_function("document.getElementById('after')")
    page.evaluate("() => new Promise(done => setTimeout(done))")
    assert any(fault.startswith("policy: script-src-elem refused https://foreign") for fault in watch.take())


def test_a_style_in_the_markup_is_refused_and_seen(visit: Visit, watch: Watch) -> None:
    page = visit()
    page.goto("/sign-in")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">planted</p>')")
    page.evaluate("() => new Promise(done => setTimeout(done))")
    assert any(fault.startswith("policy: style-src") for fault in watch.take())


def test_a_part_that_is_missing_is_seen(visit: Visit, watch: Watch) -> None:
    page = visit()
    page.goto("/sign-in")
    with page.expect_console_message(lambda message: message.text.startswith("Refused to execute")):
        load_script(page, "/static/planted.js")
    assert any("answer: 404 GET" in fault for fault in watch.take())


def test_axe_finds_a_field_without_a_label_and_words_too_pale(visit: Visit) -> None:
    page = visit()
    page.goto("/sign-in")
    assert violations(page) == []
    page.evaluate("""() => {
      document.querySelector("label").remove();
      document.querySelector("h1").style.color = "#e0e0e0";
    }""")
    assert sorted(words.split(":")[0] for words in violations(page)) == ["color-contrast", "label"]


def test_what_sticks_out_of_the_page_is_found(visit: Visit) -> None:
    page = visit(width=390)
    page.goto("/sign-in")
    assert runs_over(page) is None
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<div class=\"planted\">planted</div>')"
    )
    page.evaluate("document.querySelector('.planted').style.minWidth = '900px'")
    assert "div.planted" in (runs_over(page) or "")


def test_an_address_without_an_example_is_a_failure(portal: Portal) -> None:
    planted = Rule("/planted/<planted_id>", endpoint="portal.planted")
    Map([planted])
    with pytest.raises(LookupError, match="planted"):
        examples(planted, portal.contents)


def test_the_portal_is_found_in_chromium(visit: Visit) -> None:
    page = visit("alice")
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Alice")

"""Steps that are reached by sending a form: the settings' question, and the password once more, by keyboard."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.looking import ALL, OF_LAYOUT, faults_of
from tests.browser.portal import Portal
from tests.browser.steps import grow_old
from tests.browser.watching import Watch
from tests.factories import PASSWORD


def look(page: Page, name: str) -> None:
    for width, rules in ((1280, ALL), (390, OF_LAYOUT)):
        page.set_viewport_size({"width": width, "height": 900})
        assert faults_of(page, f"{name} at {width}", rules) == []


def test_settings_are_changed_after_a_question_and_the_password(portal: Portal, visit: Visit, watch: Watch) -> None:
    page = visit("max")
    page.goto("/admin/settings/")
    days = page.get_by_label("Archives are kept")
    before = days.input_value()
    days.fill("7")
    days.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Change the settings?")
    look(page, "settings confirm")
    grow_old(portal, "max")
    page.get_by_role("button", name="Change the settings").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your password once more")
    look(page, "password once more")
    page.get_by_label("Your password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Changed: Archives are kept.")
    expect(days).to_have_value("7")
    days.fill(before)
    days.press("Enter")
    page.get_by_role("button", name="Change the settings").click()
    expect(days).to_have_value(before)

"""Measurements are looked at: by dragging, by keyboard, through the address, and without script."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.looking import faults_of
from tests.browser.portal import Portal


def open_chart(page: Page, portal: Portal, query: str = "") -> None:
    page.goto(f"/entities/device/{portal.contents.device}/measurements{query}")
    expect(page.locator(".plots")).to_be_visible()


def period_of(page: Page) -> tuple[str, ...]:
    asked = parse_qs(urlsplit(page.url).query)
    return tuple(asked.get(name, [""])[0] for name in ("from", "to"))


def drag(page: Page, start: float, end: float) -> None:
    """From one share of the first plot's width to another."""
    page.locator("svg.plot").first.scroll_into_view_if_needed()
    box = page.locator("svg.plot").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 60, steps=4)
    expect(page.locator(".zoom-area").first).to_be_visible()
    page.mouse.up()


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.long)])
def test_dragging_zooms_the_address_follows_and_the_back_button_returns(
    width: int, portal: Portal, visit: Visit
) -> None:
    page = visit("alice", width=width)
    open_chart(page, portal)
    page.evaluate("window.stayedHere = true")
    assert faults_of(page, f"a chart at {width}") == []
    drag(page, 0.4, 0.5)
    expect(page.locator(".legend-words").first).to_contain_text(re.compile(r"\b(8\d|9\d) values"))
    # A tenth of 6.25 days that begin on 1 March at midnight, about 15 hours.
    start, end = period_of(page)
    assert start.startswith("2024-03-03T")
    assert end.startswith(("2024-03-03T", "2024-03-04T"))
    expect(page.get_by_label("From (UTC)")).to_have_value(re.compile("^2024-03-03T"))
    assert faults_of(page, f"a zoomed chart at {width}") == []
    page.go_back()
    expect(page.locator(".legend-words").first).to_contain_text("900 values")
    assert period_of(page) == ("", "")
    page.go_forward()
    expect(page.locator(".legend-words").first).not_to_contain_text("900 values")
    page.locator("svg.plot").first.dblclick()
    expect(page.locator(".legend-words").first).to_contain_text(re.compile(r"\b1[5-9]\d values"))
    assert page.evaluate("window.stayedHere"), "the page was loaded again"


def test_the_values_under_the_cursor_are_said_to_the_mouse_and_to_the_keyboard(portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    open_chart(page, portal)
    said, values = page.locator(".look-cursor"), page.locator("[data-legend-value]")
    before = page.locator(".plots").bounding_box()
    page.locator("svg.plot").first.hover()
    expect(said).to_contain_text("4 Mar 2024")
    assert page.locator(".plots").bounding_box() == before, "the chart jumps"
    page.get_by_role("heading", level=1).hover()
    expect(said).to_be_empty()

    page.locator(".plots").focus()
    page.keyboard.press("Home")
    expect(said).to_have_text("1 Mar 2024, 00:00:00 UTC")
    expect(values.nth(0)).to_have_text("640")
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text("1 Mar 2024, 00:10:00 UTC")
    expect(said).to_have_attribute("aria-label", re.compile("00:10:00 UTC: CD4 cells/µL 679.6; CD8 cells/µL"))
    page.keyboard.press("PageDown")
    expect(said).to_have_text("1 Mar 2024, 01:50:00 UTC")
    page.keyboard.press("+")
    expect(page.locator(".legend-words").first).not_to_contain_text("900 values")
    expect(page.locator(".plots")).to_be_focused()
    expect(said).to_have_text("1 Mar 2024, 01:50:00 UTC")
    page.keyboard.press("-")
    expect(page.locator(".legend-words").first).to_contain_text(re.compile("4[0-9]{2} values|900 values"))
    page.keyboard.press("Escape")
    expect(said).to_be_empty()
    assert faults_of(page, "a chart by keyboard") == []


def test_metrics_are_chosen_stacked_and_taken_to_the_export_form(portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    open_chart(page, portal)
    expect(page.locator("svg.plot")).to_have_count(1)
    page.get_by_role("link", name="Stacked").click()
    expect(page.locator("svg.plot")).to_have_count(2)
    expect(page.get_by_role("link", name="Stacked")).to_be_focused()
    page.get_by_role("checkbox", name="CD8").uncheck()
    expect(page.locator("svg.plot")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="CD8")).to_be_focused()
    drag(page, 0.25, 0.75)
    expect(page.locator(".legend-words")).to_contain_text(re.compile(r"\b4[4-9]\d values"))
    counted = re.search(r"([\d,]+) values", page.locator(".legend-words").inner_text())
    assert counted
    page.get_by_role("link", name="Export what I see").click()
    expect(page.locator("#export-preview")).to_contain_text(f"{counted[1]} values of 1 device")
    expect(page.get_by_role("checkbox", name="CD4")).to_be_checked()
    expect(page.get_by_role("checkbox", name="CD8")).not_to_be_checked()


def test_without_script_the_chart_stands_and_its_links_lead_on(portal: Portal, visit: Visit) -> None:
    page = visit("alice", java_script_enabled=False)
    open_chart(page, portal)
    expect(page.get_by_role("img", name="CD4: between 480 and 800")).to_be_visible()
    expect(page.locator(".look-keys")).to_be_hidden()
    page.get_by_role("link", name="Closer").click()
    expect(page.locator(".legend-words").first).not_to_contain_text("900 values")
    page.get_by_role("checkbox", name="CD8").uncheck()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".legend-line")).to_have_count(1)
    page.get_by_role("link", name="24 hours").click()
    expect(page.get_by_text("No values in this period")).to_be_visible()
    page.get_by_role("link", name="Show the newest").click()
    expect(page.locator(".legend-words")).to_contain_text(re.compile(r"\b14\d values"))


def test_the_dictionary_leads_from_the_menu_to_a_chart(portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Measurements").click()
    page.get_by_label("Find a metric").fill("cd8 glucometer")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("status")).to_contain_text("1 of")
    assert faults_of(page, "the dictionary") == []
    page.get_by_role("link", name="CD8").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Measurements of Organization Northside Clinic")
    # A line for each device that measured it.
    expect(page.locator(".legend-line")).to_have_count(2)
    assert faults_of(page, "a chart of a place") == []

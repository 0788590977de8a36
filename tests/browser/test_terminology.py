"""Terminology by keyboard alone: a repository is made, filled, released, taken, changed and compared."""

from __future__ import annotations

import json
import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.looking import faults_of
from tests.browser.portal import Portal
from tests.browser.steps import press_to, type_into

HERE = "/terminology/orgs/northside/sources/LUNG/"


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.long)])
def test_what_is_typed_is_found_while_it_is_typed_and_without_a_script_too(
    width: int, portal: Portal, visit: Visit
) -> None:
    page = visit("alice", width=width)
    page.goto("/terminology/")
    page.evaluate("window.stayedHere = true")
    type_into(page, "Words or a code", "tuberc")
    expect(page.locator("#found-said")).to_have_text(re.compile(r"2 are found by “tuberc”\."))
    expect(page.locator("#found").get_by_role("link")).to_have_count(2)
    assert page.evaluate("window.stayedHere"), "the page was loaded again"
    expect(page.get_by_label("Words or a code")).to_be_focused()
    assert faults_of(page, f"terminology while searching at {width}") == []
    page.keyboard.type(" nothing")
    expect(page.locator("#found")).to_contain_text("Nothing is found")
    plain = visit("alice", width=width, java_script_enabled=False)
    plain.goto(HERE)
    type_into(plain, "Words or a code", "a15.1")
    plain.keyboard.press("Enter")
    expect(plain.locator("#found").get_by_role("link")).to_contain_text(["A15.1"])


def test_a_repository_is_made_released_taken_changed_and_compared_by_keyboard_alone(
    portal: Portal, visit: Visit
) -> None:
    page = visit("alice")
    page.goto("/")
    press_to(page, "Terminology")
    press_to(page, "New repository")
    type_into(page, "Its id", "KEYS")
    type_into(page, "Name", "Made by keys")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is released yet")).to_be_visible()
    press_to(page, "Add a concept")
    type_into(page, "Code", "K1")
    type_into(page, "Name", "A key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("K1 A key")
    press_to(page, "Made by keys")
    press_to(page, "Release")
    type_into(page, "Its id", "1.0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Made by keys 1.0")
    # The page asks again by itself until the worker is done.
    download = page.locator("#export-action")
    expect(download).to_contain_text("Download KEYS_1.0.")
    expect(page.locator("#export-said")).to_have_text("The export of 1.0 is ready to be downloaded.")
    with page.expect_download() as taken:
        download.focus()
        page.keyboard.press("Enter")
    with zipfile.ZipFile(taken.value.path()) as archive:
        assert [one["id"] for one in json.loads(archive.read("export.json"))["concepts"]] == ["K1"]
    press_to(page, "Made by keys")
    press_to(page, "K1 A key")
    press_to(page, "Retire")
    type_into(page, "Why, and what to use instead (optional)", "Worn out")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Retired: Worn out")).to_be_visible()
    press_to(page, "Made by keys")
    press_to(page, "Show what changed", role="button")
    expect(page.locator("#changes")).to_contain_text("1 change")
    expect(page.locator("#changes")).to_contain_text("Worn out")
    assert faults_of(page, "what changed") == []


def test_a_code_is_chosen_by_its_words_with_the_keyboard_alone(portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    here = f"/entities/patient/{portal.contents.patient}"
    page.goto(f"{here}/edit")
    field = page.get_by_role("combobox", name="Diagnosis (optional)")
    said, found = page.locator(".field-meaning"), page.locator(".suggestions")
    expect(said).to_have_text("Tuberculosis of lung, confirmed by culture only")
    field.fill("")
    field.press_sequentially("tuberc")
    expect(found.get_by_role("option")).to_have_count(2)
    expect(field).to_have_attribute("aria-expanded", "true")
    assert faults_of(page, "codes that are found") == []
    field.press("ArrowDown")
    expect(found.get_by_role("option", selected=True)).to_contain_text("A15 Respiratory")
    field.press("Escape")
    expect(found).to_be_hidden()
    expect(field).to_have_value("tuberc")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        field.press(key)
    expect(field).to_have_value("A15")
    expect(said).to_have_text("Respiratory tuberculosis")
    expect(found).to_be_hidden()
    field.press("Enter")
    expect(page.get_by_role("link", name="A15 Respiratory tuberculosis").first).to_be_visible()
    page.goto(f"{here}/edit")
    field.press_sequentially(".")
    found.get_by_role("option", name="A15.1").click()
    expect(field).to_have_value("A15.1")
    expect(field).to_be_focused()

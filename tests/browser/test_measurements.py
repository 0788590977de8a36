"""Measurements are taken away through their form: by mouse, by keyboard, on a phone, and without script."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from app import administration
from app.administration import MetricSpec
from tests.browser import archives
from tests.browser.conftest import Visit
from tests.browser.looking import faults_of
from tests.browser.portal import Portal
from tests.browser.steps import await_download
from tests.faults.processes import until

NEW = "/exports/measurements/new"


def preview_of(page: Page) -> Locator:
    return page.locator("#export-preview")


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.long)])
def test_an_analyst_takes_a_device_s_measurements_away(
    width: int, portal: Portal, visit: Visit, tmp_path: Path
) -> None:
    page = visit("alice", width=width)
    page.goto(f"/entities/device/{portal.contents.device}")
    page.get_by_role("link", name="Export measurements").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Export measurements")
    expect(preview_of(page)).to_contain_text("1,800 values")
    page.evaluate("window.stayedHere = true")

    # A browser's extensions style fields; htmx may not copy that, which the policy refuses.
    page.locator("#f-start").evaluate("one => { one.style.caretColor = 'red'; }")
    page.get_by_role("button", name="Last 24 hours").click()
    expect(preview_of(page)).to_contain_text("Nothing was measured in this period.")
    expect(page.get_by_role("button", name="Last 24 hours")).to_be_focused()
    page.get_by_role("button", name="Everything there is").click()
    expect(preview_of(page)).to_contain_text("1,800 values")

    page.get_by_role("checkbox", name="CD8").check()
    expect(page.get_by_role("radio", name="Only the ticked ones")).to_be_checked()
    expect(preview_of(page)).to_contain_text("900 values")
    page.get_by_role("radio", name="Every metric").check()
    expect(page.get_by_role("checkbox", name="CD8")).not_to_be_checked()
    expect(preview_of(page)).to_contain_text("Every metric of these devices.")
    page.get_by_role("button", name="All of Glucometer").click()
    expect(page.get_by_role("checkbox", name="CD4")).to_be_checked()
    expect(preview_of(page)).to_contain_text("1,800 values")
    page.get_by_role("button", name="None of Glucometer").click()
    expect(page.get_by_role("checkbox", name="CD8")).not_to_be_checked()
    expect(preview_of(page)).to_contain_text("No metric is ticked.")
    page.get_by_role("checkbox", name="CD8").check()

    page.get_by_label("File name").fill("of-")
    page.get_by_role("button", name="${thing.name}").click()
    expect(page.get_by_label("File name")).to_have_value("of-${thing.name}")
    expect(page.get_by_label("File name")).to_be_focused()
    page.get_by_label("Units in the header").check()
    expect(preview_of(page).locator("thead")).to_contain_text("[cells/µL]")
    expect(preview_of(page).locator(".preview-files")).to_contain_text("of-")
    expect(preview_of(page)).to_contain_text("900 values")
    assert faults_of(page, f"export of measurements at {width}") == []

    page.get_by_label("Parquet").check()
    expect(page.get_by_label("Make CSV safe to open in a spreadsheet")).to_be_hidden()
    expect(preview_of(page).locator(".preview-files")).to_contain_text(".parquet")
    page.get_by_label("CSV", exact=True).check()
    expect(preview_of(page).locator(".preview-files")).to_contain_text(".csv")
    # Leaving the page while a preview is on its way would be told as a fault of the page.
    with page.expect_response(re.compile("/measurements/preview$")):
        page.get_by_label("Make CSV safe to open in a spreadsheet").uncheck()
    assert page.evaluate("window.stayedHere"), "the page was loaded again"
    page.get_by_role("button", name="Launch export").click()
    page.wait_for_url(re.compile("/exports/[0-9a-f-]{36}$"))
    expect(page.locator("#asked")).to_contain_text("CD8")
    assert_holds_900_values(page, tmp_path)
    assert faults_of(page, f"measurements ready at {width}") == []


def assert_holds_900_values(page: Page, folder: Path) -> None:
    """The archive that the page offers has one CSV, of one metric and 900 times."""
    expect(page.get_by_role("link", name=re.compile("^Download"))).to_be_visible(timeout=30_000)
    expect(page.locator("#export-status")).to_contain_text("900 values")
    archive = folder / "measurements.zip"
    await_download(page, "Download ").save_as(archive)
    archives.assert_whole(archive)
    (name,) = [one for one in archives.names(archive) if one.endswith(".csv")]
    header, *rows = csv.reader(io.StringIO(archives.read(archive, name).decode()))
    assert header[0] == "timestamp"
    assert len(header) == 2
    assert len(rows) == 900
    assert rows[0][0] == "2024-03-01T00:00:00.000Z"


def test_a_device_is_found_added_and_removed_without_losing_the_keyboard(portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    page.goto(NEW)
    box = page.get_by_label("Add a device")
    box.fill("SN-2044")
    box.press("Enter")
    add = page.locator("#found-devices").get_by_role("button")
    expect(add).to_have_count(1)
    expect(box).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(add).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(1)
    expect(box).to_be_focused()
    expect(preview_of(page)).to_contain_text("1,800 values of 1 device")
    assert faults_of(page, "one device chosen") == []
    page.get_by_role("button", name=re.compile("^Remove ")).press("Enter")
    expect(page.locator(".chip")).to_have_count(0)
    expect(box).to_be_focused()
    expect(preview_of(page)).to_contain_text("1 more device measured nothing")
    # Enter has looked, and launched nothing.
    assert page.url.endswith(NEW)


def test_a_filter_finds_metrics_among_many_and_leaves_what_is_ticked(portal: Portal, visit: Visit) -> None:
    with portal.at_hand() as world:
        leads = [MetricSpec(name=f"lead_{number}", label=f"Lead V{number}", unit="mV") for number in range(1, 15)]
        template = administration.create_template(world.acme.id, "device", "recorder", "Recorder", [], metrics=leads)
        world.templates["recorder"] = template
        device = world.entity("recorder", None, {}, key="REC-1").id
        del world.templates["recorder"]
    page = visit("alice")
    page.goto(f"{NEW}?device={device}")
    page.get_by_role("checkbox", name="Lead V2").check()
    page.get_by_label("Find a metric").fill("v1")
    expect(page.locator("#metric-filter-said")).to_have_text("6 of 14 metrics")
    expect(page.get_by_role("checkbox", name="Lead V14")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Lead V2")).to_be_hidden()
    # A unit is found by how it begins, too; what only ends so is not.
    page.get_by_label("Find a metric").fill("mv v14")
    expect(page.locator("#metric-filter-said")).to_have_text("1 of 14 metrics")
    page.get_by_role("button", name="All of Recorder").click()
    page.get_by_label("Find a metric").fill("pulse")
    expect(page.locator("#metric-filter-said")).to_contain_text("No metric is found by “pulse”.")
    assert faults_of(page, "no metric found") == []
    page.get_by_role("button", name="Show all metrics").press("Enter")
    expect(page.get_by_label("Find a metric")).to_be_focused()
    expect(page.get_by_role("button", name="Show all metrics")).to_be_hidden()
    expect(page.locator(".metric input:checked")).to_have_count(2)
    assert faults_of(page, "many metrics") == []


def test_another_place_offers_what_is_measured_there(portal: Portal, visit: Visit) -> None:
    page = visit("max")
    page.goto(NEW)
    expect(page.get_by_role("checkbox", name="CD4")).to_be_visible()
    page.get_by_label("Organization").select_option(label="Riverside General")
    expect(page.locator("#metric-choice")).to_contain_text("No device is there.")
    expect(preview_of(page)).to_contain_text("No devices.")
    page.get_by_label("Organization").select_option(label="All that you may see")
    expect(page.get_by_role("checkbox", name="CD4")).to_be_visible()
    expect(preview_of(page)).to_contain_text("values")


def test_without_script_the_form_is_filled_in_by_its_buttons(portal: Portal, visit: Visit, tmp_path: Path) -> None:
    page = visit("alice", java_script_enabled=False)
    page.goto(NEW)
    page.get_by_label("Add a device").fill("SN-2044")
    page.get_by_role("button", name="Find").click()
    page.locator("#found-devices").get_by_role("button").click()
    expect(page.locator(".chip")).to_have_count(1)
    page.get_by_role("button", name="All of Glucometer").click()
    expect(page.get_by_role("checkbox", name="CD4")).to_be_checked()
    page.get_by_role("checkbox", name="CD4").uncheck()
    page.get_by_label("Make CSV safe to open in a spreadsheet").uncheck()
    page.get_by_role("button", name="Everything there is").click()
    expect(page.get_by_role("checkbox", name="CD4")).not_to_be_checked()
    expect(page.locator("#file-names noscript code").last).to_be_visible()
    page.get_by_role("button", name="Preview").click()
    expect(preview_of(page)).to_contain_text("900 values of 1 device")
    page.get_by_role("button", name="Launch export").click()
    ready = page.get_by_role("link", name=re.compile("^Download"))

    def check_again() -> None:
        again = page.get_by_role("link", name="Check again")
        if again.count():
            again.click()

    until(lambda: ready.count() > 0, "the download link shows", check_again)
    assert_holds_900_values(page, tmp_path)


def test_a_refused_form_takes_the_keyboard_to_its_summary_and_on_to_the_field(portal: Portal, visit: Visit) -> None:
    page = visit("alice")
    page.goto(NEW)
    page.get_by_label("File name").fill("${thing.__class__}")
    expect(preview_of(page)).to_contain_text("No preview yet")
    with page.expect_response(re.compile("/measurements/preview$")):
        page.get_by_label("File name").blur()
    page.get_by_role("button", name="Launch export").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    assert faults_of(page, "refused measurements") == []
    summary.get_by_role("link").click()
    expect(page.get_by_label("File name")).to_be_focused()

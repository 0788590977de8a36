"""The main job in one go, as a clinician does it: sign in, find, change, attach, export, download, sign out."""

from __future__ import annotations

import os
import re
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, Route, expect

from tests.attachments.files import MR, program
from tests.browser import archives
from tests.browser.conftest import Visit
from tests.browser.looking import violations
from tests.browser.peopled import add_patient
from tests.browser.portal import Portal
from tests.browser.steps import await_download, draws_a_chart, search, sign_in_by_keyboard, sign_out
from tests.browser.watching import Watch

SCREENSHOT = os.environ.get("CHARTROOM_SCREENSHOT")
"""Where a picture of the patient's page is kept for the README; see `make screenshot`."""


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.long)])
def test_a_clinician_does_the_whole_job(width: int, portal: Portal, visit: Visit, watch: Watch, tmp_path: Path) -> None:
    surname = f"Wide{width}" if not SCREENSHOT else "Marsh"
    with portal.at_hand() as world:
        patient = add_patient(world, "Irene", surname, portal.contents.device)
    page = visit(width=width)
    sign_in_by_keyboard(page, "alice@example.org")
    find_patient(page, f"Irene {surname}"[:9], surname)
    look_at_measurements(page)
    edit_the_weight(page)
    attach_images(page, watch)
    if SCREENSHOT and width == 1280:
        page.reload()
        assert draws_a_chart(page)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=SCREENSHOT, full_page=True)
    launch_export(page)
    take_the_archive_away(page, portal, patient, tmp_path)
    sign_out(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_text(surname)).to_have_count(0)


def find_patient(page: Page, words: str, surname: str) -> None:
    search(page, words)
    page.get_by_role("link", name=re.compile(surname)).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(surname)


def look_at_measurements(page: Page) -> None:
    expect(page.locator(".chart.is-drawn").first).to_be_visible()
    assert draws_a_chart(page)
    page.get_by_text(re.compile("Show the last . values as a table")).first.click()
    expect(page.get_by_role("region", name=re.compile("Newest values")).first.locator("tbody tr")).to_have_count(8)


def edit_the_weight(page: Page) -> None:
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Weight").fill("9000")
    page.get_by_role("button", name="Save changes").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link").click()
    expect(page.get_by_label("Weight")).to_be_focused()
    expect(page.get_by_label("Weight")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Weight").fill("64.5")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    expect(page.locator("#attributes")).to_contain_text("64.5 kg")
    page.get_by_role("link", name="Show the whole history").click()
    newest = page.locator(".version").first
    expect(newest).to_contain_text("Alice")
    expect(newest.locator("del")).to_contain_text("61.5")
    expect(newest.locator("ins")).to_contain_text("64.5")
    page.go_back()


def attach_images(page: Page, watch: Watch) -> None:
    held: list[Route] = []
    page.route("**/files/images?name=*", lambda route: held.append(route))
    zone, rows = page.locator("#files-images-form"), page.locator("#files-images-list .file-row")
    expect(rows).to_have_count(2)
    with watch.expecting("answer: 422 POST .*/files/images"):
        zone.locator("input[type=file]").set_input_files([
            {"name": "holiday.png", "mimeType": "image/png", "buffer": program()},
            {"name": "MR abdomen.dcm", "mimeType": "application/dicom", "buffer": MR.read_bytes()},
        ])  # fmt: skip
        expect(zone.get_by_role("progressbar", name="Upload of MR abdomen.dcm")).to_be_visible()
        expect(zone.get_by_role("progressbar", name="Upload of holiday.png")).to_be_visible()
        for route in held:
            route.continue_()
        expect(zone.locator(".upload-item.is-refused")).to_contain_text("holiday.png")
        expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("MR abdomen.dcm")
    expect(page.locator('[data-count-of="files-images-list"]')).to_have_text("3")
    assert violations(page) == []
    zone.get_by_role("button", name="Dismiss holiday.png").click()
    page.unroute("**/files/images?name=*")


def launch_export(page: Page) -> None:
    page.get_by_role("link", name="Export this patient").click()
    page.get_by_label("Also the files attached to these records").check()
    preview = page.locator("#export-preview")
    expect(preview).to_contain_text("1 record")
    expect(preview).to_contain_text("with 4 attached files")
    page.get_by_role("button", name="Launch export").click()
    page.wait_for_url(re.compile("/exports/[0-9a-f-]{36}$"))
    page.evaluate("window.stayedHere = true")
    expect(page.get_by_role("link", name=re.compile("^Download"))).to_be_visible(timeout=30_000)
    assert page.evaluate("window.stayedHere"), "the page was loaded again"
    assert violations(page) == []


def take_the_archive_away(page: Page, portal: Portal, patient: UUID, folder: Path) -> None:
    download = await_download(page, "Download report-")
    archive = folder / download.suggested_filename
    assert re.fullmatch(r"report-[\da-f-]+\.zip", archive.name)
    download.save_as(archive)
    archives.assert_whole(archive)
    with portal.at_hand() as world:
        archives.assert_holds_the_patient(archive, world.actor("alice"), patient)
    single = await_download(page, "patient.json")
    assert Path(single.path()).read_bytes() == archives.read(archive, "patient.json")

"""Everything of the main job without script: pages, forms and links do it alone."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.attachments.files import MR, program
from tests.browser import archives
from tests.browser.conftest import Visit
from tests.browser.peopled import add_patient
from tests.browser.portal import Portal
from tests.browser.steps import await_download, sign_in
from tests.faults.processes import until


def test_without_script_a_file_is_attached_and_an_export_taken_away(
    portal: Portal, visit: Visit, tmp_path: Path
) -> None:
    with portal.at_hand() as world:
        patient = add_patient(world, "Nina", "Plain")
    page = visit(java_script_enabled=False)
    sign_in(page, "alice@example.org")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Patients").click()
    page.get_by_role("searchbox", name="Search", exact=True).fill("Plain")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name=re.compile("Plain")).first.click()
    expect(page.locator(".chart .sparkline").first).to_be_visible()
    zone = page.locator("#files-images-form")
    zone.locator("input[type=file]").set_input_files([
        {"name": "holiday.png", "mimeType": "image/png", "buffer": program()},
        {"name": "MR abdomen.dcm", "mimeType": "application/dicom", "buffer": MR.read_bytes()},
    ])  # fmt: skip
    zone.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("status").filter(has_text="1 file uploaded")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="holiday.png was not stored")).to_be_visible()
    expect(page.locator("#files-images-list .file-row").last).to_contain_text("MR abdomen.dcm")

    page.get_by_role("link", name="Export this patient").click()
    page.get_by_label("Also the files attached to these records").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#export-preview")).to_contain_text("with 4 attached files")
    page.get_by_role("button", name="Launch export").click()
    ready = page.get_by_role("link", name=re.compile("^Download"))

    def check_again() -> None:
        again = page.get_by_role("link", name="Check again")
        if again.count():
            again.click()

    until(lambda: ready.count() > 0, "the download link shows", check_again)
    archive = tmp_path / "report.zip"
    await_download(page, "Download report-").save_as(archive)
    archives.assert_whole(archive)
    with portal.at_hand() as world:
        archives.assert_holds_the_patient(archive, world.actor("alice"), patient)


def test_without_script_a_refused_file_is_told_at_its_field(portal: Portal, visit: Visit) -> None:
    page = visit("alice", java_script_enabled=False)
    page.goto(f"/entities/patient/{portal.contents.bare_patient}")
    zone = page.locator("#files-images-form")
    zone.locator("input[type=file]").set_input_files(
        {"name": "holiday.png", "mimeType": "image/png", "buffer": program()}
    )
    zone.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was stored")
    expect(page.locator("#files-images-form .field-error")).to_contain_text("holiday.png")
    expect(page.locator("#files-images-form-input")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#files-images-list .file-row")).to_have_count(0)

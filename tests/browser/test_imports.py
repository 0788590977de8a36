"""A table of measurements in a real browser: chosen, understood, looked at, loaded by the worker, found again."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.looking import faults_of
from tests.browser.portal import Portal

LINES = "Zeit;CD4 [cells/µL];Bemerkung\r\n" + "".join(
    f"{1 + n // 1440:02}.05.2024 {n // 60 % 24:02}:{n % 60:02}:00;{600 + n % 50},5;gut\r\n" for n in range(3000)
)
WRONG = "gestern;1,5;\r\n02.05.2024 08:00:30;viel;\r\n02.05.2024;\r\n"


def test_a_file_with_commas_and_local_times_becomes_values_of_the_device(
    portal: Portal, visit: Visit, tmp_path: Path
) -> None:
    with portal.at_hand() as world:
        device = world.device(key="GLU-3099").id
    path = tmp_path / "Nacht.csv"
    path.write_bytes((LINES + WRONG).encode("cp1252"))
    page = visit("alice")
    page.goto(f"/entities/device/{device}")
    page.get_by_role("link", name="Take in measurements").click()
    found = look(page, "1 upload")
    page.locator("input[type=file]").set_input_files(path)
    expect(page.get_by_role("heading", level=1)).to_have_text("What are the columns of Nacht.csv?")
    expect(page.locator("summary", has_text="Windows-1252 (Western Europe), semicolon between columns")).to_be_visible()
    expect(page.get_by_label("How it is written")).to_have_value("dmy")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    expect(page.locator("#import-preview tbody tr").first).to_contain_text("30 Apr 2024, 22:00:00 UTC")
    expect(page.locator("#import-preview tbody tr").first).to_contain_text("600.5 cells/µL")
    found += look(page, "2 columns")
    page.get_by_role("button", name="Look at the whole file").click()
    expect(page.locator("#import-status")).to_contain_text("3,000 values can be taken in. Nothing is stored yet.")
    expect(page.locator("#refused")).to_contain_text("gestern")
    found += look(page, "3 checked")
    with page.expect_download() as listed:
        page.get_by_role("link", name="Download the list of all").click()
    assert listed.value.suggested_filename == "Nacht - refused values.csv"
    assert len(Path(listed.value.path()).read_text().splitlines()) == 4
    page.get_by_role("button", name="Take in 3,000 values").click()
    expect(page.locator("#import-status")).to_contain_text("3,000 values taken in.")
    found += look(page, "4 done")
    page.goto("/measurements/imports/")
    expect(page.locator("#imports tbody tr").first).to_contain_text("3,000 added")
    found += look(page, "5 list")
    page.goto(f"/entities/device/{device}")
    expect(page.locator("main")).to_contain_text("3,000 values")
    assert found == []


def look(page: Page, name: str) -> list[str]:
    found: list[str] = []
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        found += faults_of(page, f"import {name} at {width}")
    return found

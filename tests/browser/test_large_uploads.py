"""A large file at a page: it goes in pieces, rests when told to, outlives a lost connection, and arrives whole."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Request, Route, expect

from app import attachments, catalog
from tests.browser.conftest import Visit
from tests.browser.looking import violations
from tests.browser.peopled import add_patient
from tests.browser.portal import Portal
from tests.browser.watching import Watch

PIECE = 8 * 1024 * 1024
PATIENCE = 30_000
"""Milliseconds, where a picture is decoded meanwhile."""


def large_picture() -> bytes:
    """A picture of noise, which nothing can make smaller than two pieces."""
    side = 1_750
    drawn = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(drawn, "PNG", compress_level=0)
    assert PIECE < len(drawn.getvalue()) < 2 * PIECE
    return drawn.getvalue()


def pieces_of(request: Request) -> str:
    """``PUT 2`` of the second piece."""
    return f"{request.method} {request.url.rpartition('/')[2]}"


def begin(page: Page, portal: Portal, tmp_path: Path, surname: str) -> tuple[UUID, Locator, bytes]:
    with portal.at_hand() as world:
        patient = add_patient(world, "Lena", surname)
    page.goto(f"/entities/patient/{patient}")
    content, path = large_picture(), tmp_path / "mosaic.png"
    path.write_bytes(content)
    zone = page.locator("#files-images-form")
    zone.locator("input[type=file]").set_input_files(path)
    return patient, zone, content


def sha256_of_newest(portal: Portal, patient: UUID) -> str | None:
    with portal.at_hand() as world:
        alice = world.actor("alice")
        return attachments.list_files(alice, catalog.get_entity(alice, patient), "images")[-1].sha256


def test_an_upload_rests_when_paused_and_goes_on_with_what_is_missing(
    portal: Portal, visit: Visit, watch: Watch, tmp_path: Path
) -> None:
    page = visit("alice")
    held: list[Route] = []
    page.route("**/pieces/*/2", lambda route: held.append(route))
    sent: list[str] = []
    page.on("request", lambda request: "/pieces" in request.url and sent.append(pieces_of(request)))
    with watch.expecting("console: Failed to load resource: net::ERR_.*pieces"):
        # The second piece is asked for once the first has been answered.
        with page.expect_request("**/pieces/*/2"):
            patient, zone, content = begin(page, portal, tmp_path, "Pause")
        expect(zone.locator(".upload-item-words")).to_contain_text("8.4 MB of 9.2 MB")
        zone.get_by_role("button", name="Pause mosaic.png").click()
        expect(zone.locator(".upload-item-words")).to_have_text("Paused: 8.4 MB of 9.2 MB have arrived.")
        assert violations(page) == []
        page.unroute("**/pieces/*/2")
        del sent[:]
        zone.get_by_role("button", name="Resume mosaic.png").click()
        expect(page.locator("#files-images-list .file-row").last).to_contain_text("mosaic.png", timeout=PATIENCE)
    assert [one for one in sent if one.startswith("PUT")] == ["PUT 2"]
    assert sha256_of_newest(portal, patient) == hashlib.sha256(content).hexdigest()


def test_a_lost_connection_costs_one_piece(portal: Portal, visit: Visit, watch: Watch, tmp_path: Path) -> None:
    page = visit("alice")
    lost: list[Route] = []

    def lose_the_first(route: Route) -> None:
        lost.append(route)
        if len(lost) == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/pieces/*/2", lose_the_first)
    with watch.expecting("console: Failed to load resource: net::ERR_.*pieces"):
        patient, _, content = begin(page, portal, tmp_path, "Lost")
        expect(page.locator("#files-images-list .file-row").last).to_contain_text("mosaic.png", timeout=PATIENCE)
    assert len(lost) == 2
    assert sha256_of_newest(portal, patient) == hashlib.sha256(content).hexdigest()


@pytest.mark.long
def test_a_cancelled_upload_may_be_tried_again_from_its_beginning(
    portal: Portal, visit: Visit, watch: Watch, tmp_path: Path
) -> None:
    page = visit("alice")
    held: list[Route] = []
    page.route("**/pieces/*/2", lambda route: held.append(route))
    with watch.expecting("console: Failed to load resource: net::ERR_.*pieces"):
        patient, zone, content = begin(page, portal, tmp_path, "Cancel")
        expect(zone.locator(".upload-item-words")).to_contain_text("8.4 MB of")
        with page.expect_response(lambda answer: answer.request.method == "DELETE") as gone:
            zone.get_by_role("button", name="Cancel mosaic.png").click()
        assert gone.value.status == 204
        expect(zone.locator(".upload-item-words")).to_have_text("Upload cancelled.")
        page.unroute("**/pieces/*/2")
        zone.get_by_role("button", name="Try again mosaic.png").click()
        expect(page.locator("#files-images-list .file-row").last).to_contain_text("mosaic.png", timeout=PATIENCE)
    assert sha256_of_newest(portal, patient) == hashlib.sha256(content).hexdigest()

"""Once more as a deployment has it: https, a proxy in front, and a host name that is not the application's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import archives
from tests.browser.conftest import Visit
from tests.browser.portal import Portal, Web
from tests.browser.steps import await_download, sign_in, sign_out
from tests.services.tls import TLSProxy, free_port

LOG = b"2024-03-01T08:00:00Z a line of a long log\n" * 80_000
"""Longer than what proxies let through unless told."""


@pytest.fixture(scope="module")
def outside(
    portal: Portal,
    tls_proxy: Callable[[int], AbstractContextManager[TLSProxy]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TLSProxy]:
    """The portal's second address: the same data behind a proxy that speaks TLS."""
    port = free_port()
    with tls_proxy(port) as proxy:
        log = tmp_path_factory.mktemp("tls") / "web.log"
        web = Web(portal.config, log, port, PUBLIC_URL=proxy.url, TRUSTED_PROXIES="1")
        try:
            web.start()
            yield proxy
        finally:
            web.stop()


def test_the_main_job_works_behind_tls_and_a_proxy(
    outside: TLSProxy, portal: Portal, visit: Visit, tmp_path: Path
) -> None:
    with portal.at_hand() as world:
        patient = world.patient(first_name="Tilda", last_name="Sealed").id
    page = visit(url=outside.url, ignore_https_errors=True)
    page.goto("/exports/")
    sign_in(page, "alice@example.org")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (
        "__Host-chartroom", True, True, "Lax", "/",
    )  # fmt: skip
    answer = page.goto(f"/entities/patient/{patient}")
    assert answer is not None
    assert re.match(r"max-age=\d{7,}", answer.headers["strict-transport-security"])
    page.locator("#files-analysis_file-form input[type=file]").set_input_files(
        {"name": "long.log.txt", "mimeType": "text/plain", "buffer": LOG}
    )
    expect(page.locator("#files-analysis_file-list .file-row")).to_contain_text("long.log.txt")
    page.get_by_role("link", name="Export this patient").click()
    page.get_by_label("Also the files attached to these records").check()
    page.get_by_role("button", name="Launch export").click()
    expect(page.get_by_role("link", name=re.compile("^Download"))).to_be_visible(timeout=30_000)
    assert page.url.startswith(f"{outside.url}/exports/")
    archive = tmp_path / "report.zip"
    await_download(page, "Download report-").save_as(archive)
    archives.assert_whole(archive)
    with portal.at_hand() as world:
        archives.assert_holds_the_patient(archive, world.actor("alice"), patient)
    sign_out(page)
    assert page.url.startswith(f"{outside.url}/sign-in")


def test_a_form_from_another_place_is_refused_behind_tls(outside: TLSProxy, visit: Visit) -> None:
    page = visit(url=outside.url, ignore_https_errors=True)
    sign_in(page, "alice@example.org")
    token = page.locator('input[name="csrf_token"]').first.input_value()
    for referrer, status in (("https://foreign.example.org/", 400), (None, 400), (f"{outside.url}/", 303)):
        headers = {"Referer": referrer} if referrer else {}
        answer = page.request.post("/sign-out", form={"csrf_token": token}, headers=headers, max_redirects=0)
        assert answer.status == status, referrer
    assert answer.headers["location"].startswith(("/sign-in", f"{outside.url}/sign-in"))

"""By the link on the sign-in page to a real provider and back, in a real browser, and how each page stands there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.portal import Portal, Web
from tests.browser.steps import sign_out
from tests.browser.test_signing_in import headed, looked_at, reach
from tests.browser.watching import Watch
from tests.services.openid import PASSWORD, running_provider
from tests.services.tls import free_port


def sign_in_there(page: Page, name: str) -> None:
    page.locator("[name=login]").fill(name)
    page.keyboard.press("Enter")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")


@pytest.mark.long
def test_a_person_goes_to_the_provider_and_comes_back_signed_in(portal: Portal, visit: Visit, watch: Watch) -> None:
    port = free_port()
    with running_provider([f"http://127.0.0.1:{port}/sign-in/single-sign-on/return"]) as provider:
        web = Web(
            portal.config, portal.config.data_dir / "web-of-single-sign-on.log", port,
            PUBLIC_URL=f"http://127.0.0.1:{port}", OIDC_ISSUER=provider.issuer, OIDC_CLIENT_ID=provider.client_id,
            OIDC_CLIENT_SECRET=provider.client_secret, OIDC_TENANT="acme", OIDC_LABEL="Acme Health",
            OIDC_SCOPES="openid profile email groups", OIDC_ROLES='{"ward nurses": "clinician@northside"}',
        )  # fmt: skip
        provider.keep("nina", "nina@example.org", ["ward nurses"], "Nina Berg")
        provider.keep("otto", "otto@example.org", [], "Otto Lind")
        web.start()
        try:
            page = visit(url=web.url)
            # The pages in between are the provider's: what its own policy refuses there is none of ours.
            with watch.expecting(f"127.0.0.1:{provider.port}|policy:|script:"):
                page.goto("/sign-in?next=/entities/device")
                assert list(looked_at(page, "with single sign-on")) == []
                reach(page, ".single-sign-on a")
                page.keyboard.press("Enter")
                sign_in_there(page, "nina")
                page.locator("[value=accept]").click()
                headed(page, "Devices")
                expect(page.locator(".user-menu")).to_contain_text("Nina Berg")
                sign_out(page)
                # Keys that the provider drew anew meanwhile are asked for.
                provider.kill()
                provider.start()
                page.get_by_role("link", name="Sign in with Acme Health").click()
                headed(page, "Welcome")
                stranger = visit(url=web.url)
                stranger.goto("/sign-in/single-sign-on")
                sign_in_there(stranger, "otto")
                stranger.locator("[value=accept]").click()
                headed(stranger, "You have no access yet")
                assert list(looked_at(stranger, "no access yet")) == []
            stranger.goto("/sign-in/single-sign-on/return?code=made-up&state=made-up")
            headed(stranger, "This sign-in cannot be finished")
            assert list(looked_at(stranger, "a way back that was not begun")) == []
        finally:
            web.stop()

"""What people do in the portal, step by step, found by the words that they would look for."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.sync_api import Download, Locator, Page, expect
from sqlalchemy import update

from app import clock
from app.extensions import db
from app.models import SignInSession, begin_writing
from tests.browser.portal import Portal
from tests.factories import PASSWORD


def sign_in(page: Page, email: str) -> None:
    """Through the form, by mouse and keyboard."""
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")


def sign_in_by_keyboard(page: Page, email: str) -> None:
    """Without a mouse: by tab, letters and Enter."""
    page.goto("/sign-in")
    give_password(page, email)
    headed(page, "Welcome")


def give_password(page: Page, email: str) -> None:
    """Into the form of the sign-in page, by keys."""
    type_into(page, "E-mail address", email)
    type_into(page, "Password", PASSWORD)
    page.keyboard.press("Enter")


def walk_to(page: Page, wanted: Locator, *, presses: int = 120) -> None:
    """Press Tab until it has the focus."""
    expect(wanted).to_be_visible()
    # Found once, not again after each press.
    found = wanted.element_handle()
    for _ in range(presses):
        if found.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {wanted}")


def reach(page: Page, selector: str) -> None:
    """Walk to the first that the selector finds."""
    walk_to(page, page.locator(selector).first)


def press_to(page: Page, name: str, *, role: str = "link", within: Locator | None = None) -> None:
    """Walk to what has that name, and press Enter on it."""
    walk_to(page, (within or page).get_by_role(role, name=name, exact=True).first)
    page.keyboard.press("Enter")


def type_into(page: Page, label: str, text: str) -> None:
    """Walk to a field and type; the order of the page is the order of typing."""
    walk_to(page, page.get_by_label(label, exact=True).first)
    page.keyboard.type(text)


def headed(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(words)


def grow_old(portal: Portal, who: str) -> None:
    """They signed in a quarter of an hour ago: what needs a proof asks for the password once more."""
    with portal.at_hand() as world:
        begin_writing()
        earlier = clock.now() - timedelta(minutes=15)
        theirs = update(SignInSession).where(SignInSession.user_id == world.users[who].id)
        db.session.execute(theirs.values(created_at=earlier, proved_at=None))
        db.session.commit()


def open_menu(page: Page) -> None:
    """On a phone, search and sign-out are behind the menu."""
    menu = page.get_by_role("button", name="Menu")
    if menu.is_visible() and menu.get_attribute("aria-expanded") == "false":
        menu.click()
        expect(page.get_by_role("searchbox", name="Search").first).to_be_visible()


def search(page: Page, words: str) -> None:
    open_menu(page)
    page.locator("#site-search").fill(words)
    page.locator("#site-search").press("Enter")
    expect(page.locator("#results, [id=results]").first).to_be_visible()


def sign_out(page: Page) -> None:
    open_menu(page)
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def draws_a_chart(page: Page) -> bool:
    """Whether the first chart of the page has lines on its canvas."""
    page.locator(".chart canvas").first.scroll_into_view_if_needed()
    return page.locator(".chart canvas").first.evaluate("""canvas => {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels.some((value, place) => place % 4 === 3 && value > 0);
    }""")


def await_download(page: Page, link: str) -> Download:
    """Follow a link that downloads, by the words with which it begins."""
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile(f"^{re.escape(link.strip())}\\b")).first.click()
    return started.value

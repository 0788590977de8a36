"""From an invitation to a second device that is signed out: what a person does, and how each page stands there."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.looking import faults_of
from tests.browser.steps import headed, reach, sign_out
from tests.factories import PASSWORD
from tests.telephone import code_of

NEW = "four quiet herons wade"
EMAIL = "greta@example.org"


def looked_at(page: Page, name: str) -> Iterator[str]:
    """Everything that is wrong with the page, at a desk and on a phone."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        yield from faults_of(page, f"signing in {name} at {width}")
    page.set_viewport_size({"width": 1280, "height": 900})


def invite(page: Page) -> str:
    """By keyboard alone; the link that is shown."""
    page.goto("/admin/people/new")
    reach(page, "#f-name")
    page.keyboard.type("Greta Holm")
    reach(page, "#f-email")
    page.keyboard.type(EMAIL)
    reach(page, "#f-organization")
    page.keyboard.type("Riv")
    reach(page, "[name=roles]")
    page.keyboard.press("Space")
    reach(page, "main button[type=submit]")
    page.keyboard.press("Enter")
    headed(page, "A link for Greta Holm")
    return "/sign-in/link/" + page.locator("#the-link").inner_text().rsplit("/", 1)[1]


def set_up_telephone(page: Page) -> tuple[str, list[str]]:
    page.get_by_role("link", name="Set up a second step").click()
    page.get_by_label("Your password").fill(NEW)
    page.get_by_role("button", name="Go on").click()
    headed(page, "Set up your telephone")
    page.get_by_text("It cannot read the picture").click()
    key = page.locator("#second-step-key").inner_text()
    page.get_by_label("Code", exact=True).fill(code_of(key))
    page.get_by_role("button", name="Turn it on").click()
    headed(page, "Your recovery codes")
    return key, page.locator("#codes").inner_text().split()


def give_password(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in").click()
    headed(page, "Your second step")


def test_from_an_invitation_to_a_second_step_and_a_device_that_is_signed_out(visit: Visit) -> None:
    chief, found = visit("max"), []
    link = invite(chief)
    found += looked_at(chief, "invited")
    page = visit()
    page.goto(link)
    headed(page, "Choose your password")
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("New password, again").fill("short")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("alert")).to_contain_text("at least 12 characters")
    found += looked_at(page, "weak password")
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password, again").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in").click()
    headed(page, "Welcome")
    page.locator(".user-menu summary").click()
    page.get_by_role("link", name="My account").click()
    key, codes = set_up_telephone(page)
    found += looked_at(page, "recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#signing-in")).to_contain_text("A code from your telephone at each sign-in")
    sign_out(page)
    give_password(page)
    found += looked_at(page, "code")
    # The form has the focus already.
    page.keyboard.type(code_of(key, later=1))
    page.keyboard.press("Enter")
    headed(page, "Welcome")
    other = visit()
    give_password(other)
    other.get_by_role("link", name="Use a recovery code").click()
    other.get_by_label("Recovery code").fill(codes[0].lower())
    other.keyboard.press("Enter")
    expect(other.get_by_role("status").first).to_contain_text("9 are left")
    page.goto("/account/")
    found += looked_at(page, "sessions")
    page.locator("#sessions").get_by_role("button", name="Sign out").first.click()
    expect(page.get_by_role("status").first).to_contain_text("That browser is signed out.")
    other.goto("/account/")
    headed(other, "Sign in")
    assert not found, "\n".join(found)


def test_an_administrator_s_questions_stand_before_each_change(visit: Visit) -> None:
    page, found = visit("max"), []
    page.goto("/admin/people/?q=rita")
    page.get_by_role("link", name="Rita").click()
    reach(page, "[aria-labelledby=roles-title] input[type=checkbox]:not(:checked)")
    page.keyboard.press("Space")
    reach(page, "#roles button[type=submit]")
    page.keyboard.press("Enter")
    headed(page, "Change the roles of Rita?")
    found += looked_at(page, "roles asked")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="What each role may do").click()
    page.get_by_label("Everybody").check()
    page.get_by_role("button", name="Change it").click()
    headed(page, "Change who needs a second step?")
    found += looked_at(page, "rule asked")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("alert")).to_contain_text("for yourself first")
    found += looked_at(page, "rule refused")
    page.goto("/account/second-step/")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("It cannot read the picture").click()
    found += looked_at(page, "telephone")
    assert not found, "\n".join(found)

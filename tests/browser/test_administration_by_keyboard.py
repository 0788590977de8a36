"""What an administrator does, with no mouse at hand: each job from the first page to its end, by keys alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from app import administration, clock
from app.extensions import db
from app.models import AuditEvent, Entity, Export, Location, Organization, Template
from app.models.user import Membership
from tests.browser.conftest import Visit
from tests.browser.peopled import DISK_FULL
from tests.browser.portal import Portal
from tests.browser.steps import give_password, grow_old, headed, press_to, reach, type_into, walk_to
from tests.factories import PASSWORD
from tests.telephone import code_of

AtDesk = Callable[[str | None], Page]
SEES_ITS_FOCUS = """
document.addEventListener("keyup", (event) => {
  const one = document.activeElement, style = getComputedStyle(one);
  if (event.key !== "Tab" || one === document.body) return;
  if (style.outlineStyle === "none" || (style.outlineStyle !== "auto" && parseFloat(style.outlineWidth) < 2)) {
    console.error(`no focus is seen on ${one.outerHTML.slice(0, 200)}`);
  }
});
"""
"""Whatever Tab stops at on the way must show it; what does not is found by the page's watch."""


@pytest.fixture
def at_desk(visit: Visit) -> AtDesk:
    """``at_desk("max")``: the first page, where he has signed in; from there on it goes by keys."""

    def sit_down(who: str | None) -> Page:
        page = visit(who)
        page.add_init_script(SEES_ITS_FOCUS)
        page.goto("/" if who else "/sign-in")
        return page

    return sit_down


def arrive(page: Page, words: str) -> None:
    """The page so headed has come, and the first key leads past its navigation."""
    headed(page, words)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")


def open_administration(page: Page, section: str) -> None:
    reach(page, ".user-menu summary")
    page.keyboard.press("Enter")
    press_to(page, "Administration")
    arrive(page, "People")
    if section != "People":
        press_to(page, section, within=page.get_by_role("navigation", name="Administration"))
        arrive(page, section)


def said(page: Page, words: str) -> None:
    expect(page.get_by_role("status").first).to_contain_text(words)


def add_colleague(portal: Portal, name: str) -> tuple[UUID, str]:
    """Somebody of Northside whom no other test knows: their id and e-mail address."""
    email = f"{name.lower()}@example.org"
    with portal.at_hand() as world:
        user = administration.create_user(
            world.acme.id, world.northside.id, email=email, name=name, password=PASSWORD, role="clinician"
        )
        return user.id, email


def roles_of(portal: Portal, user_id: UUID) -> set[tuple[str, str]]:
    with portal.at_hand():
        held = select(Membership).where(Membership.user_id == user_id)
        return {(one.organization.name, one.role) for one in db.session.scalars(held)}


def test_a_role_is_given_and_another_taken(portal: Portal, at_desk: AtDesk) -> None:
    colleague, _ = add_colleague(portal, "Rosalind")
    page = at_desk("max")
    open_administration(page, "People")
    type_into(page, "Name or e-mail address (optional)", "rosal")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=rosal"))
    press_to(page, "Rosalind")
    arrive(page, "Rosalind")
    for role in ("Clinician in Northside Clinic", "Analyst in Riverside General"):
        walk_to(page, page.get_by_label(role, exact=True))
        page.keyboard.press("Space")
    press_to(page, "Change the roles…", role="button")
    arrive(page, "Change the roles of Rosalind?")
    given_and_taken = ["Analyst in Riverside General", "Clinician in Northside Clinic"]
    expect(page.locator("main > ul > li")).to_have_text(given_and_taken)
    assert roles_of(portal, colleague) == {("Northside Clinic", "clinician")}
    press_to(page, "Change the roles", role="button")
    said(page, "Rosalind now is Analyst in Riverside General and no longer is Clinician in Northside Clinic.")
    assert roles_of(portal, colleague) == {("Riverside General", "analyst")}


@pytest.mark.long
def test_an_organization_is_added_with_a_location(portal: Portal, at_desk: AtDesk) -> None:
    page = at_desk("max")
    open_administration(page, "Organizations")
    press_to(page, "Add an organization")
    type_into(page, "Name", "Hillside Hospice")
    press_to(page, "Add the organization", role="button")
    said(page, "Hillside Hospice was added.")
    type_into(page, "First location", "Garden ward")
    page.keyboard.press("Enter")
    said(page, "Garden ward was added.")
    expect(page.locator("#locations li")).to_contain_text(["Garden ward"])
    with portal.at_hand() as world:
        place = db.session.scalars(select(Organization).where(Organization.name == "Hillside Hospice")).one()
        locations = db.session.scalars(select(Location.name).where(Location.organization_id == place.id)).all()
        assert (place.tenant_id, locations) == (world.acme.id, ["Garden ward"])


@pytest.mark.long
def test_attributes_are_added_to_a_template_and_seen_in_the_form_that_it_makes(portal: Portal, at_desk: AtDesk) -> None:
    page = at_desk("max")
    open_administration(page, "Templates")
    press_to(page, "Make a template")
    type_into(page, "What its records are", "Record")
    type_into(page, "Label", "Wound check")
    type_into(page, "Name for programs", "wound_check")
    page.keyboard.press("Enter")
    said(page, "The template was made.")
    add_attribute(page, "Number", "Width", "width", **{"Unit (optional)": "cm", "Highest value (optional)": "40"})
    press_to(page, "Add the attribute", role="button")
    said(page, "Width was added.")
    add_attribute(page, "One of several choices", "Whose care", "care", Choices="W = Ward\nH = Home")
    walk_to(page, page.get_by_label("Protected health information (PHI)", exact=True))
    page.keyboard.press("Space")
    press_to(page, "Add the attribute", role="button")
    said(page, "Whose care was added.")
    preview = page.get_by_role("group", name="Preview of the form")
    expect(preview.locator(".field", has_text="Width").locator(".field-unit")).to_have_text("cm")
    expect(preview.get_by_label("Whose care").locator("option")).to_have_text(["Not set", "Ward", "Home"])
    expect(page.locator("#attributes tr", has_text="Whose care").locator(".phi")).to_be_visible()
    with portal.at_hand():
        made = db.session.scalars(select(Template).where(Template.name == "wound_check")).one()
        width, care = made.attributes
        assert (made.data_type, width.kind, width.unit, width.high, width.phi) == (
            "generic-entity", "DECIMAL", "cm", 40, False,
        )  # fmt: skip
        assert (care.kind, care.phi) == ("SINGLE_SELECT", True)
        assert care.choices == [{"value": "W", "label": "Ward"}, {"value": "H", "label": "Home"}]


def add_attribute(page: Page, kind: str, label: str, name: str, **more: str) -> None:
    """All of its form but what is ticked, and the button."""
    press_to(page, "Add an attribute")
    choose(page, kind)
    page.keyboard.press("Enter")
    arrive(page, f"Add an attribute: {kind.lower()}")
    for field, text in {"Label": label, "Name for programs": name, **more}.items():
        type_into(page, field, text)


def choose(page: Page, label: str) -> None:
    """Among radio buttons: Tab to the one that is chosen, arrows from there."""
    reach(page, "main input[type=radio]:checked")
    wanted = page.get_by_label(label, exact=True)
    for _ in range(20):
        if wanted.is_checked():
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"the arrows do not reach {label}")


def test_the_record_is_searched_and_filtered_and_taken_away(portal: Portal, at_desk: AtDesk) -> None:
    page = at_desk("max")
    reach(page, ".user-menu summary")
    page.keyboard.press("Enter")
    press_to(page, "Record")
    arrive(page, "Who did what")
    type_into(page, "Who (optional)", "alice@")
    type_into(page, "What (optional)", "Data")
    press_to(page, "Show", role="button", within=page.get_by_role("form", name="Filter the record"))
    expect(page).to_have_url(re.compile("what=taken"))
    expect(page.get_by_label("Who (optional)")).to_have_value("alice@")
    shown = page.locator("#events tbody tr")
    expect(shown.filter(has_text="Alice")).to_have_count(shown.count())
    with page.expect_download() as taken:
        press_to(page, "Download as CSV", role="button")
    found = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text(encoding="utf-8"))))
    assert {one["action"] for one in found} <= {"export.download", "file.download"}
    with portal.at_hand() as world:
        alice, max_ = world.users["alice"].id, world.users["max"].id
        assert {one["person_id"] for one in found} == {str(alice)}
        downloads = select(func.count()).where(AuditEvent.user_id == alice, AuditEvent.action.endswith(".download"))
        assert len(found) == db.session.scalar(downloads) > 0
        newest = select(AuditEvent).where(AuditEvent.action == "record.export").order_by(AuditEvent.id.desc())
        told = db.session.scalars(newest.limit(1)).one()
        assert (told.user_id, told.row_count) == (max_, len(found))
    tomorrow = clock.now() + timedelta(days=1)
    walk_to(page, page.get_by_label("From (UTC) (optional)"))
    page.keyboard.type(f"{tomorrow:%m%d%Y}")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("0830AM")
    press_to(page, "Show", role="button", within=page.get_by_role("form", name="Filter the record"))
    expect(page.locator("#events")).to_contain_text("Nothing matches")
    expect(page.get_by_label("From (UTC) (optional)")).to_have_value(f"{tomorrow:%Y-%m-%d}T08:30")


def test_a_failed_export_is_found_and_tried_again(portal: Portal, at_desk: AtDesk) -> None:
    page = at_desk("max")
    open_administration(page, "Operations")
    line = page.locator("#failed tbody tr", has_text=DISK_FULL)
    walk_to(page, line.get_by_role("button", name="Try again"))
    page.keyboard.press("Enter")
    said(page, "is made once more, for whoever asked for it.")
    expect(line.get_by_role("link", name="Tried again")).to_be_visible()
    with portal.at_hand() as world:
        failed = db.session.scalars(select(Export).where(Export.reason == DISK_FULL)).one()
        again = db.session.scalars(select(Export).where(Export.request_key == f"again {failed.id}")).one()
        assert (again.owner_id, again.params) == (world.users["alice"].id, failed.params)
        assert (failed.state, again.state in ("queued", "building", "ready")) == ("failed", True)


@pytest.mark.long
def test_a_patient_is_erased_once_its_name_and_the_password_are_typed(portal: Portal, at_desk: AtDesk) -> None:
    # Of the other tenant: an erasure withdraws the archives that may hold the patient, and other tests look at those.
    with portal.at_hand() as world:
        patient = world.patient(world.foreign, first_name="Piet", last_name="Vermeer").id
    page = at_desk("boris")
    type_into(page, "Search patients", "Vermeer")
    page.keyboard.press("Enter")
    expect(page.locator("#results")).to_be_visible()
    press_to(page, "Piet Vermeer")
    arrive(page, "Piet Vermeer")
    press_to(page, "Erase this patient for good")
    arrive(page, "Erase Piet Vermeer for good?")
    type_into(page, "Type Piet Vermeer to confirm", "Piet")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    type_into(page, "Type Piet Vermeer to confirm", "Piet Vermeer")
    grow_old(portal, "boris")
    press_to(page, "Erase for good", role="button")
    arrive(page, "Your password once more")
    with portal.at_hand():
        assert db.session.get(Entity, patient) is not None
    type_into(page, "Your password", PASSWORD)
    page.keyboard.press("Enter")
    said(page, "Piet Vermeer was erased, with everything that belonged to it.")
    with portal.at_hand():
        assert db.session.get(Entity, patient) is None


@pytest.mark.long
def test_a_second_step_is_set_up_and_signs_in(portal: Portal, at_desk: AtDesk) -> None:
    _, email = add_colleague(portal, "Theodora")
    page = at_desk(None)
    give_password(page, email)
    headed(page, "Welcome")
    reach(page, ".user-menu summary")
    page.keyboard.press("Enter")
    press_to(page, "My account")
    arrive(page, "My account")
    press_to(page, "Set up a second step")
    type_into(page, "Your password", PASSWORD)
    page.keyboard.press("Enter")
    arrive(page, "Set up your telephone")
    reach(page, "main summary")
    page.keyboard.press("Enter")
    key = page.locator("#second-step-key").inner_text()
    type_into(page, "Code", code_of(key))
    page.keyboard.press("Enter")
    arrive(page, "Your recovery codes")
    codes = page.locator("#codes").inner_text().split()
    assert len(set(codes)) == 10
    press_to(page, "I have kept them")
    expect(page.locator("#signing-in")).to_contain_text("A code from your telephone at each sign-in")
    sign_out_by_keyboard(page)
    give_password(page, email)
    headed(page, "Your second step")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.type(code_of(key, later=1))
    page.keyboard.press("Enter")
    headed(page, "Welcome")
    sign_out_by_keyboard(page)
    give_password(page, email)
    press_to(page, "Use a recovery code")
    expect(page.get_by_label("Recovery code")).to_be_focused()
    page.keyboard.type(codes[0])
    page.keyboard.press("Enter")
    said(page, "9 are left")


def sign_out_by_keyboard(page: Page) -> None:
    reach(page, ".user-menu summary")
    page.keyboard.press("Enter")
    press_to(page, "Sign out", role="button")
    headed(page, "Sign in")

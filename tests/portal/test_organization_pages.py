"""Organizations and locations for administrators: the tree, what is added, renamed and removed, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID, uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import administration, catalog
from app.access import visible_organizations
from app.extensions import db
from app.models import AuditEvent, Location, Organization
from tests.factories import PASSWORD, World
from tests.portal.signing_in import words_of
from tests.portal.test_second_step_pages import send

SignedIn = Callable[[str], FlaskClient]
PLACES = "/admin/organizations/"
NEW = f"{PLACES}new"
CANNOT_BE_KEPT = ("A\0B", "Ward\x0b3", "a\u2028b")


def of(organization: Organization | UUID, more: str = "") -> str:
    return f"{PLACES}{organization if isinstance(organization, UUID) else organization.id}{more}"


def actions_of(app: Flask) -> list[str]:
    with app.app_context():
        by_people = select(AuditEvent.action).where(AuditEvent.user_id.is_not(None))
        told = db.session.scalars(by_people.order_by(AuditEvent.id))
        return [one for one in told if one.split(".")[0] in ("organization", "location", "entity")]


def test_the_tree_says_what_each_organization_holds(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        world.many_patients(2)
        world.device()
        administration.create_location(world.northside.id, "Ward 3")
    shown = words_of(signed_in("max").get(PLACES))
    assert "Acme Health The whole tenant acme 2 0 0 None" in shown
    assert "Northside Clinic northside 3 2 1 Ward 3" in shown
    assert shown.index("Acme Health") < shown.index("Northside Clinic") < shown.index("Riverside General")
    assert "Far Clinic" not in shown
    found = words_of(signed_in("max").get(f"{PLACES}?q=RIVER"))
    assert "Riverside General" in found
    assert "Northside Clinic" not in found
    theirs = words_of(signed_in("nora").get(PLACES))
    assert "Northside Clinic" in theirs
    assert "Riverside" not in theirs


def test_an_organization_is_added_renamed_and_found_everywhere(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser = signed_in("max")
    made = send(browser, PLACES, NEW, name="  Lakeside   Hospital ", short_code="lake.side")
    assert "Lakeside Hospital was added." in words_of(browser.get(made.location))
    renamed = send(browser, f"{made.location}/rename", name="Lakeside")
    assert renamed.location == made.location
    assert "lake.side" in words_of(browser.get(made.location))
    with app.app_context():
        entity = catalog.get_entity(world.actor("max"), UUID(made.location.rsplit("/", 1)[1]))
        assert (entity.caption, entity.organization.name) == ("Lakeside", "Lakeside")
        assert len(catalog.history_of(world.actor("max"), entity.id)) == 2
    assert actions_of(app) == ["organization.create", "entity.edit"]
    unnamed = send(browser, PLACES, NEW, name="Removed Things", short_code="")
    assert "organization-removed-things" in words_of(browser.get(unnamed.location))


def test_an_organization_that_cannot_be_says_why_beside_the_field(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("max")
    names = (" ", "x" * 201, *CANNOT_BE_KEPT)
    codes = ("northside", "far", "two words", "nul\0", "removed-at-once")
    for field, given in [*(("name", one) for one in names), *(("short_code", one) for one in codes)]:
        refused = send(browser, PLACES, NEW, **({"name": "Lakeside", "short_code": "lake"} | {field: given}))
        assert refused.status_code == 422, given
        assert f'id="f-{field}-error"' in refused.text, given
    assert actions_of(app) == []


def test_locations_are_added_and_renamed_by_who_administers_the_organization(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    nora = signed_in("nora")
    page = of(world.northside)
    assert send(nora, f"{page}/locations", page, name="Ward 3").location == page
    with app.app_context():
        [location] = db.session.scalars(select(Location)).all()
        assert (location.name, location.tenant_id) == ("Ward 3", world.acme.id)
        ward = f"{page}/locations/{location.id}"
    for name in ("", "Ward 3", "y" * 201, *CANNOT_BE_KEPT):
        refused = send(nora, f"{page}/locations", page, name=name)
        assert (refused.status_code, 'id="f-name-error"' in refused.text) == (422, True), name
    assert send(nora, ward, name="Ward 3").status_code == 303
    assert send(nora, ward, name="Ward 4").status_code == 303
    assert "Ward 3 is now called Ward 4." in words_of(nora.get(page))
    assert actions_of(app) == ["location.create", "location.edit"]
    refused = send(nora, ward, name="\0")
    assert (refused.status_code, 'id="f-name-error"' in refused.text) == (422, True)


def test_what_is_not_theirs_does_not_exist(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        inside = administration.create_location(world.northside.id, "Ward 3").id
        outside = administration.create_location(world.riverside.id, "Ward 9").id
    nora = signed_in("nora")
    wrong = [f"{PLACES}{uuid4()}", of(world.riverside), of(world.foreign)]
    answers = {nora.get(f"{path}{more}").text for path in wrong for more in ("", "/rename", "/remove")}
    assert len({without_token(one) for one in answers}) == 1
    for path in (f"{of(world.riverside)}/locations/{outside}", f"{of(world.northside)}/locations/{outside}"):
        assert nora.get(path).status_code == 404
        assert send(nora, path, PLACES, name="Mine").status_code == 404
    assert nora.get(f"{of(world.northside)}/locations/{inside}").status_code == 200
    for path in wrong:
        for more in ("/rename", "/remove", "/locations"):
            assert send(nora, f"{path}{more}", PLACES, name="Mine").status_code == 404
    assert actions_of(app) == []


def without_token(page: str) -> str:
    return re.sub(r'(X-CSRFToken": |name="csrf_token" value=)"[^"]+"', "token", page)


def test_only_an_organization_that_holds_nothing_is_removed_and_only_by_who_administers_the_tenant(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    browser = signed_in("max")
    asked = words_of(browser.get(of(world.northside, "/remove")))
    assert "cannot be removed, as it holds 3 people" in asked
    assert send(browser, of(world.northside, "/remove"), PLACES).status_code == 422
    with app.app_context():
        root = administration.root_organization(world.acme.id).id
        empty = administration.create_organization(world.acme.id, "Lakeside", "lakeside").id
        administration.create_location(empty, "Pier")
    assert "cannot be removed" in words_of(browser.get(of(root, "/remove")))
    assert send(browser, of(root, "/remove"), PLACES).status_code == 403
    nora = signed_in("nora")
    assert "Only administrators of the whole tenant remove" in words_of(nora.get(of(world.northside, "/remove")))
    assert send(nora, of(world.northside, "/remove"), PLACES).status_code == 403
    assert "Lakeside holds no records and no people" in words_of(browser.get(of(empty, "/remove")))
    assert send(browser, of(empty, "/remove")).location == PLACES
    assert browser.get(of(empty)).status_code == 404
    with app.app_context():
        names = db.session.scalars(visible_organizations(world.actor("max"))).all()
        assert "Lakeside" not in {one.name for one in names}
        assert db.session.scalars(select(Location.id)).all() == []
    assert actions_of(app) == ["organization.delete"]
    assert send(browser, PLACES, NEW, name="Lakeside", short_code="lakeside").status_code == 303


def test_somebody_who_was_taken_off_the_staff_holds_no_organization(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    with app.app_context():
        place = administration.create_organization(world.acme.id, "Lakeside", "lakeside").id
        person = administration.create_user(
            world.acme.id, place, email="leo@example.org", name="Leo", password=PASSWORD, role="analyst"
        )
        administration.remove_person(world.actor("max"), person.id)
    browser = signed_in("max")
    assert send(browser, of(place, "/remove")).location == PLACES


def test_an_administrator_of_one_clinic_adds_no_organization(app: Flask, world: World, signed_in: SignedIn) -> None:
    nora = signed_in("nora")
    assert 'href="/admin/organizations/new"' not in nora.get(PLACES).text
    assert nora.get(NEW).status_code == 403
    assert send(nora, PLACES, PLACES, name="Mine", short_code="mine").status_code == 403
    assert send(nora, of(world.northside, "/rename"), name="Northside Hospital").status_code == 303
    assert actions_of(app) == ["entity.edit"]

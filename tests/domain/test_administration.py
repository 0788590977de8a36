"""Setting up: tenants, organizations, people, templates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import administration
from app.administration import AttributeSpec, MetricSpec
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import AuditEvent, Entity, Organization, Template, Tenant, User
from tests.factories import PASSWORD, World

NAME = AttributeSpec(name="name", label="Name", kind="LABEL")


def test_a_new_tenant_may_not_export_and_has_a_root_organization(domain: World) -> None:
    tenant = administration.create_tenant("cedar", "Cedar Health")
    assert tenant.exports_enabled is False
    assert tenant.retention_days == 30
    root = administration.root_organization(tenant.id)
    assert (root.is_root, root.short_code, root.name) == (True, "cedar", "Cedar Health")
    names = db.session.scalars(select(Template.name).where(Template.tenant_id == tenant.id).order_by(Template.name))
    assert list(names) == ["organization", "organization_user"]


def test_an_organization_is_also_an_entity_with_the_same_id(domain: World) -> None:
    organization = administration.create_organization(domain.acme.id, "Lakeside", "lakeside")
    entity = db.session.get_one(Entity, organization.id)
    assert (entity.data_type, entity.caption, entity.organization_id) == (
        "organization", "Lakeside", organization.id,
    )  # fmt: skip
    assert entity.attributes == '{"name":"Lakeside","short_code":"lakeside"}'


def test_a_person_is_also_an_entity_with_the_same_id_and_no_password_in_it(domain: World) -> None:
    user = administration.create_user(
        domain.acme.id, domain.northside.id, "Ira@Example.org", "Ira Novak", PASSWORD, "analyst"
    )
    entity = db.session.get_one(Entity, user.id)
    assert (user.email, user.handle) == ("ira@example.org", "ira")
    assert (entity.data_type, entity.caption, entity.organization_id) == (
        "organization-user", "Ira Novak", domain.northside.id,
    )  # fmt: skip
    assert entity.attributes == '{"name":"Ira Novak","email":"ira@example.org"}'
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")


def test_each_creation_takes_a_revision_of_its_own(domain: World) -> None:
    before = db.session.get_one(Tenant, domain.acme.id).revision
    administration.create_organization(domain.acme.id, "Lakeside", "lakeside")
    administration.create_organization(domain.acme.id, "Hillside", "hillside")
    db.session.expire_all()
    assert db.session.get_one(Tenant, domain.acme.id).revision == before + 2


def test_a_handle_is_made_of_the_address_and_never_taken_twice(domain: World) -> None:
    def handle(email: str) -> str:
        return administration.create_user(
            domain.acme.id, domain.northside.id, email, "Somebody Else", PASSWORD, "clinician"
        ).handle

    assert handle("jo+ward@example.org") == "jo-ward"
    assert handle("jo+ward@example.com") == "jo-ward-2"
    assert handle("患者@example.org") == "user"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("email", {"email": "no address"}),
        ("email", {"email": "ALICE@example.org"}),
        ("name", {"name": " "}),
        ("password", {"password": "password1234"}),
        ("role", {"role": "king"}),
        ("handle", {"handle": "../x"}),
        ("handle", {"handle": "alice"}),
    ],
)
def test_a_person_who_cannot_be_is_refused_by_field_and_nothing_is_kept(
    domain: World, field: str, given: dict[str, str]
) -> None:
    how_many = db.session.scalar(select(func.count()).select_from(User))
    facts = {"email": "new@example.org", "name": "New Person", "password": PASSWORD, "role": "clinician"} | given
    with pytest.raises(Invalid) as refused:
        administration.create_user(domain.acme.id, domain.northside.id, **facts)
    assert list(refused.value.fields) == [field]
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(User)) == how_many


def test_a_person_cannot_be_put_into_an_organization_of_another_tenant(domain: World) -> None:
    with pytest.raises(NotFound):
        administration.create_user(
            domain.acme.id, domain.foreign.id, "new@example.org", "New Person", PASSWORD, "clinician"
        )


def test_a_template_keeps_its_attributes_in_order_with_all_they_say(domain: World) -> None:
    made = administration.create_template(
        domain.acme.id,
        "usage-session",
        "session",
        "Session",
        [
            AttributeSpec(
                name="mode", label="Mode", kind="SINGLE_SELECT", choices=({"value": "a", "label": "A"},), phi=True
            ),
            AttributeSpec(name="report", label="Report", kind="FILE", media_types=("text/plain",), max_files=3),
        ],
        [MetricSpec(name="pulse", label="Pulse", unit="1/min", normal_low=60, normal_high=100)],
        product_model="GLU-2",
    )
    db.session.expire_all()
    template = db.session.get_one(Template, made.id)
    assert [(one.position, one.name, one.phi, one.max_files) for one in template.attributes] == [
        (0, "mode", True, 1),
        (1, "report", False, 3),
    ]
    assert template.attributes[0].choices == [{"value": "a", "label": "A"}]
    assert template.attributes[1].media_types == ["text/plain"]
    assert [(one.name, one.unit, one.normal_high) for one in template.metrics] == [("pulse", "1/min", 100)]
    assert template.product_model == "GLU-2"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("data_type", {"data_type": "spaceship"}),
        ("name", {"name": "with space"}),
        ("name", {"name": "patient"}),
        ("label", {"label": ""}),
        ("attributes.name", {"attributes": [NAME, NAME]}),
        ("attributes.x", {"attributes": [AttributeSpec(name="x", label="X", kind="COLOUR")]}),
        ("attributes.x", {"attributes": [AttributeSpec(name="x", label="X", kind="SINGLE_SELECT")]}),
        ("attributes.x", {"attributes": [AttributeSpec(name="x", label="X", kind="REFERENCE")]}),
        ("attributes.x", {"attributes": [AttributeSpec(name="x", label="X", kind="DECIMAL", low=2, high=1)]}),
        ("attributes.9x", {"attributes": [AttributeSpec(name="9x", label="X", kind="LABEL")]}),
        ("metrics.m", {"metrics": [MetricSpec(name="m", label="M", kind="text")]}),
        ("metrics.m", {"metrics": [MetricSpec(name="m", label="M"), MetricSpec(name="m", label="N")]}),
    ],
)
def test_a_template_that_cannot_be_is_refused_by_field(domain: World, field: str, given: dict[str, object]) -> None:
    facts = {"data_type": "patient", "name": "second", "label": "Second", "attributes": [NAME]} | given
    with pytest.raises(Invalid) as refused:
        administration.create_template(domain.acme.id, **facts)
    assert list(refused.value.fields) == [field]


def test_slugs_and_short_codes_are_unique_in_the_deployment(domain: World) -> None:
    with pytest.raises(Invalid, match="tenant acme"):
        administration.create_tenant("acme", "Another Acme")
    with pytest.raises(Invalid, match="organization northside"):
        administration.create_organization(domain.borealis.id, "Northside", "northside")
    # A tenant whose root would take an organization's short code leaves nothing behind.
    with pytest.raises(Invalid, match="organization riverside"):
        administration.create_tenant("riverside", "Riverside")
    db.session.rollback()
    assert db.session.scalar(select(Tenant).where(Tenant.slug == "riverside")) is None


def test_what_is_not_there_is_not_found(domain: World) -> None:
    for ask in (
        lambda: administration.create_organization(uuid4(), "Nowhere", "nowhere"),
        lambda: administration.create_location(uuid4(), "Ward 1"),
        lambda: administration.create_template(uuid4(), "patient", "p", "P", []),
        lambda: administration.set_exports_enabled(uuid4(), True),
        lambda: administration.root_organization(uuid4()),
        lambda: administration.tenant_by_slug("nowhere"),
        lambda: administration.set_password(uuid4(), PASSWORD),
    ):
        with pytest.raises(NotFound):
            ask()


def test_the_switch_for_exports_is_turned_and_recorded(domain: World) -> None:
    administration.set_exports_enabled(domain.borealis.id, True)
    assert db.session.get_one(Tenant, domain.borealis.id).exports_enabled is True
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "tenant.exports")).one()
    assert (event.tenant_id, event.via, event.details) == (domain.borealis.id, "shell", {"exports_enabled": True})


def test_a_location_belongs_to_its_organization(domain: World) -> None:
    ward = administration.create_location(domain.northside.id, "Ward 3")
    assert (ward.organization_id, ward.tenant_id) == (domain.northside.id, domain.acme.id)
    assert db.session.get(Organization, ward.organization_id) is not None


@pytest.mark.long
def test_four_who_give_somebody_the_same_role_at_the_same_moment_give_it_once(
    postgresql_app: tuple[Flask, World],
) -> None:
    app, world = postgresql_app
    with app.app_context():
        adam, place = world.users["adam"].id, world.northside.id
    gate = Barrier(4)

    def give() -> int:
        with app.app_context():
            max_ = world.actor("max")
            db.session.rollback()
            gate.wait()
            gained, _ = administration.change_roles(max_, adam, {(place, "clinician"), (place, "analyst")})
            db.session.remove()
            return len(gained)

    with ThreadPoolExecutor(4) as pool:
        given = [one.result() for one in [pool.submit(give) for _ in range(4)]]
    assert sorted(given) == [0, 0, 0, 1]

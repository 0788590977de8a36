"""The load's first step: tenants, organizations, wards, people, templates; what is there stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from app import administration
from app.demonstration.credentials import new_passwords, read_passwords, write_passwords
from app.demonstration.houses import ACME, BOREALIS, PEOPLE, TENANTS, OrganizationPlan, TenantPlan
from app.demonstration.schema import ACME_TEMPLATES, BOREALIS_TEMPLATES, TemplatePlan
from app.demonstration.sources.provenance import NOTICE
from app.extensions import db
from app.models import Location, Organization, Template, Tenant, User

TEMPLATES = {ACME: ACME_TEMPLATES, BOREALIS: BOREALIS_TEMPLATES}


@dataclass(frozen=True, slots=True)
class Settled:
    """The ids that the later steps need: tenants by slug, organizations by site, wards by (site, name)."""

    tenants: dict[str, UUID]
    organizations: dict[str, UUID]
    tenant_of_site: dict[str, str]
    locations: dict[tuple[str, str], UUID]
    templates: dict[tuple[str, str], UUID]
    made: int

    def template(self, tenant: str, name: str) -> Template:
        """A tenant's template as a row of the present transaction."""
        return db.session.get_one(Template, self.templates[tenant, name])


def settle(credentials_path: Path) -> Settled:
    """Make what is missing of tenants, organizations, wards, people and templates.

    People get the passwords of the credentials file. Without one they get new passwords, those who are there
    already too, and the file is written.

    :raises UnreadableCredentials: the file is there but does not hold these people
    """
    passwords = read_passwords(credentials_path)
    settled = Settled({}, {}, {}, {}, {}, 0)
    made = sum(_settle_tenant(plan, settled) for plan in TENANTS)
    made += _settle_people(credentials_path, passwords, settled)
    return Settled(
        settled.tenants,
        settled.organizations,
        settled.tenant_of_site,
        settled.locations,
        settled.templates,
        made,
    )


def _settle_tenant(plan: TenantPlan, settled: Settled) -> int:
    """How many things had to be made."""
    made = 0
    tenant = db.session.scalar(select(Tenant).where(Tenant.slug == plan.slug))
    if tenant is None:
        tenant = administration.create_tenant(
            plan.slug, plan.name, exports_enabled=plan.exports_enabled, demonstration_notice=NOTICE
        )
        made += 1
    tenant_id = tenant.id
    settled.tenants[plan.slug] = tenant_id
    for organization in plan.organizations:
        made += _settle_organization(tenant_id, organization, settled)
        settled.tenant_of_site[organization.site] = plan.slug
    return made + sum(_settle_template(plan.slug, tenant_id, template, settled) for template in TEMPLATES[plan.slug])


def _settle_organization(tenant_id: UUID, plan: OrganizationPlan, settled: Settled) -> int:
    made = 0
    known = db.session.scalar(
        select(Organization.id).where(Organization.tenant_id == tenant_id, Organization.short_code == plan.short_code)
    )
    if known is None:
        known = administration.create_organization(tenant_id, plan.name, plan.short_code).id
        made += 1
    settled.organizations[plan.site] = known
    wards = dict(db.session.execute(select(Location.name, Location.id).where(Location.organization_id == known)).all())
    for name in plan.locations:
        if name not in wards:
            wards[name] = administration.create_location(known, name).id
            made += 1
        settled.locations[plan.site, name] = wards[name]
    return made


def _settle_template(slug: str, tenant_id: UUID, plan: TemplatePlan, settled: Settled) -> int:
    known = db.session.scalar(select(Template.id).where(Template.tenant_id == tenant_id, Template.name == plan.name))
    made = known is None
    if known is None:
        known = administration.create_template(
            tenant_id,
            plan.data_type,
            plan.name,
            plan.label,
            plan.attributes,
            plan.metrics,
            plan.product_model,
            plan.description,
        ).id
    settled.templates[slug, plan.name] = known
    return int(made)


def _settle_people(path: Path, kept: dict[str, str] | None, settled: Settled) -> int:
    """Make the people who are missing; write the file once everybody has the password that it will hold."""
    passwords = kept or new_passwords()
    organizations = {
        code: (organization_id, name)
        for code, organization_id, name in db.session.execute(
            select(Organization.short_code, Organization.id, Organization.name)
        )
    }
    made = 0
    for person in PEOPLE:
        known = db.session.scalar(select(User.id).where(User.email == person.email))
        if known is None:
            administration.create_user(
                settled.tenants[person.tenant],
                organizations[person.short_code][0],
                email=person.email,
                name=person.name,
                password=passwords[person.email],
                role=person.role,
            )
            made += 1
        elif kept is None:
            administration.set_password(known, passwords[person.email])
            made += 1
    if kept is None:
        write_passwords(path, passwords, {code: name for code, (_, name) in organizations.items()})
    return made

"""Tenants, their organizations and locations."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from sqlalchemy import select

from app import record
from app.administration.templates import ORGANIZATION_TEMPLATE, add_house_templates, template_named
from app.catalog import records
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Location, Organization, Template, Tenant, begin_writing, take_revision

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
CLOSED = "removed-"
"""The short code of an organization that was removed begins so."""
_SHORT_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def create_tenant(
    slug: str,
    name: str,
    *,
    exports_enabled: bool = False,
    retention_days: int = 30,
    demonstration_notice: str | None = None,
) -> Tenant:
    """Add a tenant with its root organization, and the templates that people and organizations need.

    :param slug: lower-case letters, digits and dashes; unique; also the root organization's short code
    :param retention_days: how long a finished export is kept, 1 to 3,650 days
    :param demonstration_notice: said on every page: that the data is demonstration data, and its source
    :raises Invalid: by field
    """
    faults = _name_fault(name)
    if not _SLUG.fullmatch(slug):
        faults["slug"] = "A slug is 1 to 63 lower-case letters, digits and dashes."
    if not 1 <= retention_days <= 3650:
        faults["retention_days"] = "Exports are kept for 1 to 3,650 days."
    if faults:
        raise Invalid(fields=faults)
    begin_writing()
    if db.session.scalar(select(Tenant.id).where(Tenant.slug == slug)) is not None:
        raise Invalid(fields={"slug": f"There is a tenant {slug} already."})
    tenant = Tenant(
        slug=slug, name=name, exports_enabled=exports_enabled, retention_days=retention_days,
        demonstration_notice=demonstration_notice,
    )  # fmt: skip
    db.session.add(tenant)
    db.session.flush()
    organization_template, _ = add_house_templates(tenant.id)
    db.session.flush()
    add_organization(tenant.id, organization_template, name, slug, is_root=True)
    record.note(None, "tenant.create", "tenant", tenant.id, tenant_id=tenant.id, details={"slug": slug})
    db.session.commit()
    return tenant


def create_organization(tenant_id: UUID, name: str, short_code: str) -> Organization:
    """Add an organization, and the entity with the same id that carries its versioned facts.

    :param short_code: letters, digits, dots, dashes and underscores; unique in the deployment
    :raises Invalid: by field
    :raises NotFound: no such tenant
    """
    faults = _name_fault(name)
    if fault := code_fault(short_code):
        faults["short_code"] = fault
    if faults:
        raise Invalid(fields=faults)
    begin_writing()
    template = template_named(tenant_id, ORGANIZATION_TEMPLATE)
    if template is None:
        raise NotFound("There is no such tenant.")
    organization = add_organization(tenant_id, template, name, short_code, is_root=False)
    record.note(None, "organization.create", "organization", organization.id, tenant_id=tenant_id)
    db.session.commit()
    return organization


def create_location(organization_id: UUID, name: str) -> Location:
    """Add a ward or a room to an organization.

    :raises Invalid: by field
    :raises NotFound: no such organization
    """
    if faults := _name_fault(name):
        raise Invalid(fields=faults)
    begin_writing()
    organization = db.session.get(Organization, organization_id)
    if organization is None:
        raise NotFound("There is no such organization.")
    location = Location(tenant_id=organization.tenant_id, organization_id=organization_id, name=name)
    db.session.add(location)
    db.session.flush()
    record.note(None, "location.create", "location", location.id, tenant_id=organization.tenant_id)
    db.session.commit()
    return location


def root_organization(tenant_id: UUID) -> Organization:
    """The organization whose members see the whole tenant.

    :raises NotFound: no such tenant
    """
    found = db.session.scalar(
        select(Organization).where(Organization.tenant_id == tenant_id, Organization.is_root.is_(True))
    )
    if found is None:
        raise NotFound("There is no such tenant.")
    return found


def tenant_by_slug(slug: str) -> Tenant:
    """The tenant of that slug.

    :raises NotFound: there is none
    """
    found = db.session.scalar(select(Tenant).where(Tenant.slug == slug))
    if found is None:
        raise NotFound("There is no such tenant.")
    return found


def organization_by_code(tenant_id: UUID, short_code: str) -> Organization:
    """The tenant's organization of that short code.

    :raises NotFound: the tenant has none
    """
    found = db.session.scalars(
        select(Organization).where(Organization.tenant_id == tenant_id, Organization.short_code == short_code)
    ).one_or_none()
    if found is None:
        raise NotFound(f"The tenant has no organization {short_code}.")
    return found


def set_exports_enabled(tenant_id: UUID, enabled: bool) -> None:
    """Let a tenant's people export data, or stop them; what runs already is asked again by its worker.

    :raises NotFound: no such tenant
    """
    begin_writing()
    tenant = db.session.get(Tenant, tenant_id)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    # A reason of before, given in the portal, was for another time.
    tenant.exports_enabled, tenant.exports_off_reason = enabled, ""
    record.note(None, "tenant.exports", "tenant", tenant_id, tenant_id=tenant_id, details={"exports_enabled": enabled})
    db.session.commit()


def add_organization(tenant_id: UUID, template: Template, name: str, short_code: str, *, is_root: bool) -> Organization:
    """Add an organization and its entity to the writing transaction, uncommitted.

    :raises Invalid: the short code is another's
    """
    if db.session.scalar(select(Organization.id).where(Organization.short_code == short_code)) is not None:
        raise Invalid(fields={"short_code": f"There is an organization {short_code} already."})
    organization = Organization(id=uuid4(), tenant_id=tenant_id, short_code=short_code, name=name, is_root=is_root)
    db.session.add(organization)
    db.session.flush()
    records.add_entity(
        template,
        organization_id=organization.id,
        values={"name": name, "short_code": short_code},
        revision=take_revision(tenant_id),
        entity_id=organization.id,
        caption=name,
    )
    return organization


def code_fault(short_code: str) -> str | None:
    """What stands against a short code, in words."""
    if not _SHORT_CODE.fullmatch(short_code):
        return "A short code is 1 to 100 letters, digits, dots, dashes and underscores; first a letter or digit."
    if short_code.startswith(CLOSED):
        return f"Short codes that begin with {CLOSED} are kept for organizations that were removed."
    return None


def _name_fault(name: str) -> dict[str, str]:
    return {} if 0 < len(name.strip()) <= 200 else {"name": "A name has 1 to 200 characters."}

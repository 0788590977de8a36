"""What is said about a person's surroundings on every page: where they belong, what their tenant keeps."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from app.actor import Actor
from app.extensions import db
from app.models import Organization, Template, Tenant


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Names for the frame of a page; ``data_types`` are those for which the tenant has templates."""

    tenant_name: str
    organization_name: str
    demonstration_notice: str | None
    data_types: frozenset[str]


def surroundings_of(actor: Actor) -> Surroundings:
    """Look up the surroundings of somebody who is signed in."""
    tenant = db.session.get_one(Tenant, actor.tenant_id)
    names = db.session.scalars(
        select(Organization.name)
        .where(Organization.id.in_(actor.organization_ids))
        .order_by(Organization.is_root.desc(), Organization.name)
    ).all()
    data_types = db.session.scalars(select(Template.data_type).where(Template.tenant_id == actor.tenant_id).distinct())
    return Surroundings(
        tenant_name=tenant.name,
        organization_name=", ".join(names),
        demonstration_notice=tenant.demonstration_notice,
        data_types=frozenset(data_types),
    )

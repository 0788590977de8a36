"""Bulk exports: data exports that belong to a tenant, of which one at a time may be pending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.access import visible_exports
from app.actor import Actor
from app.errors import NotFound
from app.exports.requests import get_export
from app.extensions import db
from app.models import Export, Metric, Template

KIND = "data_export"


@dataclass(frozen=True, slots=True)
class DeviceMetric:
    """A metric and where it belongs; ``part`` is empty for one of the template itself."""

    id: int
    template_id: UUID
    product_model: str | None
    part: str


def list_bulk_exports(actor: Actor, *, limit: int, offset: int = 0) -> Sequence[Export]:
    """The tenant's bulk exports that the actor may see, newest first."""
    wanted = visible_exports(actor).where(Export.kind == KIND, Export.subject == str(actor.tenant_id))
    wanted = wanted.order_by(Export.requested_at.desc(), Export.id.desc())
    return db.session.scalars(wanted.limit(limit).offset(offset)).all()


def get_bulk_export(actor: Actor, export_id: UUID) -> Export:
    """A bulk export that the actor may see.

    :raises NotFound: there is none, or it is somebody else's
    """
    export = get_export(actor, export_id)
    if (export.kind, export.subject) != (KIND, str(actor.tenant_id)):
        raise NotFound("There is no such export.")
    return export


def device_metrics(actor: Actor) -> list[DeviceMetric]:
    """Every metric that devices of the actor's tenant can measure, by id."""
    wanted = (
        select(Metric.id, Metric.template_id, Template.product_model, Metric.part)
        .join(Template, Template.id == Metric.template_id)
        .where(Metric.tenant_id == actor.tenant_id, Template.data_type == "device")
        .order_by(Metric.id)
    )
    return [DeviceMetric(*row) for row in db.session.execute(wanted)]

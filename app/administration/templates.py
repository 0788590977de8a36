"""Templates: the schema of the records that a tenant keeps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app import record
from app.administration.specs import ORGANIZATION_ATTRIBUTES, USER_ATTRIBUTES, AttributeSpec, MetricSpec
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Metric, Template, TemplateAttribute, Tenant, begin_writing
from app.models.template import DATA_TYPES

ORGANIZATION_TEMPLATE = "organization"
USER_TEMPLATE = "organization_user"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,36}")


def create_template(
    tenant_id: UUID,
    data_type: str,
    name: str,
    label: str,
    attributes: Sequence[AttributeSpec],
    metrics: Sequence[MetricSpec] = (),
    product_model: str | None = None,
    description: str | None = None,
) -> Template:
    """Add a template to a tenant.

    :param data_type: one of :data:`~app.models.template.DATA_TYPES`
    :param name: the machine's word, at most 36 characters, unique in the tenant
    :param attributes: in the order in which people see them and files hold them
    :raises Invalid: by field (``name``, ``data_type``, ``attributes.<name>``, ``metrics.<name>``)
    :raises NotFound: no such tenant
    """
    faults = _faults(data_type, name, label, attributes, metrics)
    if faults:
        raise Invalid(fields=faults)
    begin_writing()
    if db.session.get(Tenant, tenant_id) is None:
        raise NotFound("There is no such tenant.")
    if template_named(tenant_id, name) is not None:
        raise Invalid(fields={"name": f"There is a template {name} already."})
    template = add_template(tenant_id, data_type, name, label, attributes, metrics, product_model, description)
    db.session.flush()
    record.note(None, "template.create", "template", template.id, tenant_id=tenant_id, details={"name": name})
    db.session.commit()
    return template


def template_named(tenant_id: UUID, name: str) -> Template | None:
    return db.session.scalar(select(Template).where(Template.tenant_id == tenant_id, Template.name == name))


def add_template(
    tenant_id: UUID,
    data_type: str,
    name: str,
    label: str,
    attributes: Sequence[AttributeSpec],
    metrics: Sequence[MetricSpec] = (),
    product_model: str | None = None,
    description: str | None = None,
) -> Template:
    """Add the rows of a template to the writing transaction, unchecked and uncommitted."""
    template = Template(
        tenant_id=tenant_id, data_type=data_type, name=name, label=label,
        product_model=product_model, description=description,
    )  # fmt: skip
    template.attributes = [attribute_row(position, spec) for position, spec in enumerate(attributes)]
    template.metrics = [metric_row(tenant_id, spec) for spec in metrics]
    db.session.add(template)
    return template


def add_house_templates(tenant_id: UUID) -> tuple[Template, Template]:
    """The templates that every tenant needs: for organizations and for the people who sign in."""
    return (
        add_template(tenant_id, "organization", ORGANIZATION_TEMPLATE, "Organization", ORGANIZATION_ATTRIBUTES),
        add_template(tenant_id, "organization-user", USER_TEMPLATE, "Staff member", USER_ATTRIBUTES),
    )


def attribute_row(position: int, spec: AttributeSpec) -> TemplateAttribute:
    """The row of an attribute, unchecked and of no template yet."""
    return TemplateAttribute(
        position=position,
        name=spec.name,
        label=spec.label,
        kind=spec.kind,
        unit=spec.unit,
        hint=spec.hint,
        choices=None if spec.choices is None else [dict(choice) for choice in spec.choices],
        mandatory=spec.mandatory,
        unique=spec.unique,
        phi=spec.phi,
        low=spec.low,
        high=spec.high,
        media_types=None if spec.media_types is None else list(spec.media_types),
        max_bytes=spec.max_bytes,
        max_files=spec.max_files,
        reference_data_type=spec.reference_data_type,
        reference_label=spec.reference_label,
        repository_id=spec.repository_id,
    )


def metric_row(tenant_id: UUID, spec: MetricSpec) -> Metric:
    """The row of a metric, unchecked and of no template yet."""
    return Metric(
        tenant_id=tenant_id,
        name=spec.name,
        label=spec.label,
        unit=spec.unit,
        kind=spec.kind,
        part=spec.part,
        normal_low=spec.normal_low,
        normal_high=spec.normal_high,
        description=spec.description,
    )


def _faults(
    data_type: str, name: str, label: str, attributes: Sequence[AttributeSpec], metrics: Sequence[MetricSpec]
) -> dict[str, str]:
    faults: dict[str, str] = {}
    if data_type not in DATA_TYPES:
        faults["data_type"] = f"{data_type} is not a data type."
    if not _NAME.fullmatch(name):
        faults["name"] = "A name is 1 to 36 letters, digits, dots, dashes and underscores."
    if not 0 < len(label) <= 64:
        faults["label"] = "A label has 1 to 64 characters."
    for spec in attributes:
        if fault := spec.fault():
            faults[f"attributes.{spec.name}"] = f"{spec.name}: {fault}."
    for metric in metrics:
        if fault := metric.fault():
            faults[f"metrics.{metric.name}"] = f"{metric.name}: {fault}."
    twice = [(f"attributes.{name}", name, n) for name, n in Counter(spec.name for spec in attributes).items()]
    measured = Counter((metric.name, metric.part) for metric in metrics)
    twice += [(f"metrics.{name}", name, n) for (name, _), n in measured.items()]
    return faults | {field: f"{name} is there {times} times." for field, name, times in twice if times > 1}

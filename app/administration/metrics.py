"""What the things of a template measure, added and described anew by who administers them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import record
from app.actor import Actor
from app.administration.rights import require_whole_tenant
from app.administration.schemas import get_template, load_to_shape, touch
from app.administration.specs import MetricSpec
from app.administration.templates import metric_row
from app.administration.words import NAME, WRONG_NAME, read_line
from app.errors import Duplicate, Invalid, NotFound
from app.extensions import db
from app.models import Metric, Template, writing

MEASURED = ("patient", "device", "usage-session")
"""The data types whose things measure."""
METRIC_FIELDS = ("label", "unit", "normal_low", "normal_high", "description")
_PART = re.compile(r"[A-Za-z0-9_-]{0,64}")


def get_metric(actor: Actor, template_id: UUID, metric_id: int) -> Metric:
    """A metric of a template.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: the tenant has no such template, or the template no such metric
    """
    template = get_template(actor, template_id)
    # No database holds a larger one, and PostgreSQL answers a question for it by a fault.
    wanted = select(Metric).where(Metric.template_id == template.id, Metric.id == min(metric_id, 2**63 - 1))
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound("There is no such metric.")
    return found


def metric_spec_of(row: Metric) -> MetricSpec:
    """A metric's row as plain values."""
    return MetricSpec(
        row.name, row.label, row.unit, row.kind, row.part, row.normal_low, row.normal_high, row.description
    )


def add_metric(actor: Actor, template_id: UUID, spec: MetricSpec) -> None:
    """Add a metric to a template; its things have no values of it yet.

    :raises Forbidden: the actor does not administer the whole tenant
    :raises NotFound: the tenant has no such template
    :raises Duplicate: the template has it already
    :raises Invalid: by the fields of :class:`MetricSpec`; its things do not measure
    """
    get_template(actor, template_id)
    require_whole_tenant(actor)
    kept, faults = _judged(spec)
    if faults:
        raise Invalid(fields=faults)
    with writing():
        template = load_to_shape(actor, template_id)
        if template.data_type not in MEASURED:
            raise Invalid("Only patients, devices and sessions measure.")
        if any((one.name, one.part) == (kept.name, kept.part) for one in template.metrics):
            raise Duplicate(fields={"name": f"There is a metric {kept.name} of this part already."})
        row = metric_row(actor.tenant_id, kept)
        template.metrics.append(row)
        _note(actor, template, "template.metric_add", {"metric": row.called})
        db.session.commit()


def metric_changes(
    actor: Actor, template_id: UUID, metric_id: int, spec: MetricSpec
) -> list[tuple[str, object, object]]:
    """What :func:`change_metric` would change: the field, what it is, what it would be. Refusals likewise."""
    row = get_metric(actor, template_id, metric_id)
    require_whole_tenant(actor)
    return _differences(row, spec)


def change_metric(actor: Actor, template_id: UUID, metric_id: int, spec: MetricSpec) -> bool:
    """Say anew what a metric is called, its unit, what is normal; its values stay as they are, in numbers.

    :return: whether anything changed
    :raises Forbidden: the actor does not administer the whole tenant
    :raises NotFound: the tenant has no such template, or the template no such metric
    :raises Invalid: by the fields of :class:`MetricSpec`
    """
    get_metric(actor, template_id, metric_id)
    with writing():
        template = load_to_shape(actor, template_id)
        row = get_metric(actor, template_id, metric_id)
        changes = _differences(row, spec)
        for name, _, after in changes:
            setattr(row, name, after)
        if changes:
            details = {
                "metric": row.called,
                "before": {name: before for name, before, _ in changes},
                "after": {name: after for name, _, after in changes},
            }
            _note(actor, template, "template.metric_edit", details)
        db.session.commit()
    return bool(changes)


def _differences(row: Metric, spec: MetricSpec) -> list[tuple[str, object, object]]:
    kept, faults = _judged(spec)
    faults.pop("name", None)
    faults.pop("part", None)
    if faults:
        raise Invalid(fields=faults)
    both = [(name, getattr(row, name), getattr(kept, name)) for name in METRIC_FIELDS]
    return [(name, before, after) for name, before, after in both if before != after]


def _note(actor: Actor, template: Template, action: str, details: dict[str, Any]) -> None:
    touch(template)
    record.note(actor, action, "template", template.id, details=details)


def _judged(spec: MetricSpec) -> tuple[MetricSpec, dict[str, str]]:
    faults: dict[str, str] = {}
    kept = replace(
        spec,
        label=read_line(faults, "label", spec.label, "The label", most=100),
        unit=read_line(faults, "unit", spec.unit or "", "The unit", most=32, required=False) or None,
        description=read_line(
            faults, "description", spec.description or "", "The description", most=1000, required=False
        )
        or None,
    )
    if not NAME.fullmatch(spec.name):
        faults["name"] = WRONG_NAME
    if not _PART.fullmatch(spec.part):
        faults["part"] = "A part has at most 64 letters, digits, dashes and underscores."
    if spec.kind not in ("numeric", "boolean"):
        faults["kind"] = "Choose what it measures."
    if spec.kind == "boolean":
        kept = replace(kept, unit=None, normal_low=None, normal_high=None)
    low, high = kept.normal_low, kept.normal_high
    if any(one is not None and not math.isfinite(one) for one in (low, high)):
        faults["normal_high"] = "This is too large a number."
    elif low is not None and high is not None and low > high:
        faults["normal_high"] = "The highest normal value is below the lowest."
    return kept, faults

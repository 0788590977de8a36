"""Which records a report asks for, and what is called how: decided by the order alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.exports.kinds.base import Order
from app.exports.params import PERIODS, ReportParams
from app.models.template import FILE_TYPES
from app.rows.documents import Words
from app.rows.entities import Selection


def selection_for(order: Order, params: ReportParams, data_type: str) -> Selection:
    """The records of one data type that a report asks for, within the scope that its plan froze."""
    scope = order.frozen["organization_ids"]
    return Selection(
        tenant_id=order.tenant_id,
        revision=order.revision,
        data_type=data_type,
        organization_ids=None if scope is None else tuple(UUID(one) for one in scope),
        time_column=PERIODS[params.sorted_by or params.period],
        period_column=PERIODS[params.period],
        start=params.start,
        end=params.end,
        template_ids=params.template_ids,
        entity_ids=params.entity_ids,
        descending=params.order == "desc",
    )


def words_of(frozen: Mapping[str, Any], params: ReportParams) -> Words:
    """What the plan froze of names."""
    templates: Mapping[str, Any] = frozen["templates"]
    return Words(
        templates={UUID(one): template["name"] for one, template in templates.items()},
        identifying=frozenset(
            UUID(one) for one, template in templates.items() if any(map(_names_people, template["attributes"]))
        ),
        owners={UUID(one): name for one, name in frozen["owners"].items()},
        with_phi=not params.without_phi,
    )


def _names_people(attribute: Mapping[str, Any]) -> bool:
    """Whether a caption may be made of it: never of a file."""
    return attribute["phi"] and attribute["kind"] not in FILE_TYPES


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds always: ``2020-01-07T21:20:00.000Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

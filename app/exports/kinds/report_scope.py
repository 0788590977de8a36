"""Which records a report asks for, and what is called how: decided by the order alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.catalog.calling import LONGEST_NAMES, NAMES, name_keeper, zone_keeper
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


def words_of(frozen: Mapping[str, Any], params: ReportParams, data_type: str = "") -> Words:
    """What the plan froze of names; for records of a data type, also where those keep their own."""
    templates: Mapping[str, Any] = frozen["templates"]
    own = {UUID(one): template for one, template in templates.items() if template["data_type"] == data_type}
    return Words(
        templates={UUID(one): template["name"] for one, template in templates.items()},
        identifying=frozenset(
            UUID(one) for one, template in templates.items() if any(map(_names_people, template["attributes"]))
        ),
        owners={UUID(one): name for one, name in frozen["owners"].items()},
        with_phi=not params.without_phi,
        longest_name=LONGEST_NAMES.get(data_type, 0),
        named=_keepers(own, name_keeper) if data_type in NAMES else {},
        zoned=_keepers(own, zone_keeper) if data_type == "device" else {},
    )


def _keepers(
    templates: Mapping[UUID, Mapping[str, Any]], keeper: Callable[[str, Mapping[str, str]], str | None]
) -> dict[UUID, tuple[str, bool]]:
    found = {}
    for one, template in templates.items():
        attributes = {attribute["name"]: attribute for attribute in template["attributes"]}
        name = keeper(template["data_type"], {known: attribute["kind"] for known, attribute in attributes.items()})
        if name is not None:
            found[one] = (name, bool(attributes[name]["phi"]))
    return found


def _names_people(attribute: Mapping[str, Any]) -> bool:
    """Whether a caption may be made of it: never of a file."""
    return attribute["phi"] and attribute["kind"] not in FILE_TYPES


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds always: ``2020-01-07T21:20:00.000Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

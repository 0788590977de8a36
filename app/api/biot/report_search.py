"""A search for reports in the contract's names and operators, said in ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from app.api.biot.report_shapes import ALL_STATUSES, PEOPLE, STATUSES
from app.api.biot.searching import Filters, Search
from app.api.parse import read_instant
from app.errors import Invalid
from app.exports import Condition, Conditions, ReportSearch

DEEPEST = 8
GROUPS = {"$AND": "all", "$OR": "any", "$NOT": "none"}
NOTHING = Conditions("none", (Conditions(),))
"""Never holds."""

Read = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _id(value: Any) -> UUID:
    try:
        return UUID(_text(value))
    except ValueError:
        raise ValueError("must be a UUID") from None


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise ValueError("must be a number")
    return value


def _instant(value: Any) -> Any:
    try:
        return read_instant(value)
    except ValueError:
        raise ValueError("must be a time such as 2024-01-31T10:00:00.000Z") from None


def _status(value: Any) -> str:
    if value not in ALL_STATUSES:
        raise ValueError(f"must be one of {', '.join(ALL_STATUSES)}")
    return str(value)


PROPERTIES: dict[str, tuple[str, Read]] = {
    "id": ("id", _id),
    "name": ("label", _text),
    "status": ("state", _status),
    "callbackEndpoint": ("callback_url", _text),
    "maxFileSizeInBytes": ("max_file_bytes", _number),
    "outputMetadata.maxFileSizeInBytes": ("max_file_bytes", _number),
    "creationTime": ("requested_at", _instant),
    "lastModifiedTime": ("changed_at", _instant),
    "reportInitiator.userId": ("owner_id", _id),
    "reportInitiator.ownerOrganizationId": ("organization_id", _id),
}
"""Each property: our name for it, and how a value of it is read."""
CONSTANT: dict[str, str | None] = {"reportInitiator.userEntityType": PEOPLE, "reportInitiator.templateId": None}
"""The same for every report."""
_TIMES, _NUMBERS = ("from", "to"), ("lt", "lte", "gt", "gte")


def search_of(search: Search) -> ReportSearch:
    """The search in our words.

    :raises Invalid: an unknown property, an operator or a value that does not fit it
    """
    return ReportSearch(
        conditions=_group(search.filters, "all", 0),
        sort=tuple((_sortable(prop), order == "DESC") for prop, order in search.sort),
        text=search.text,
        limit=search.limit,
        offset=search.offset,
    )


def _sortable(prop: str) -> str:
    if prop not in PROPERTIES:
        raise Invalid(fields={"sort": f"Reports cannot be sorted by {prop[:60]}."})
    return PROPERTIES[prop][0]


def _group(filters: Filters, how: str, depth: int) -> Conditions:
    if depth > DEEPEST:
        raise Invalid(fields={"filter": f"Groups may be nested {DEEPEST} deep."})
    members: list[Condition | Conditions] = []
    for name, operators in filters.items():
        for operator, value in operators.items():
            if (operator == "filter") is not (name in GROUPS):
                raise Invalid(fields={f"filter.{name}"[:80]: "Groups have a filter, and nothing else has one."})
            if operator == "filter":
                members.append(_group(value, GROUPS[name], depth + 1))
            else:
                members.append(_condition(name, operator, value))
    return Conditions(how, tuple(members))


def _condition(name: str, operator: str, value: Any) -> Condition | Conditions:
    if name in CONSTANT:
        return _of_constant(name, operator, value)
    if name not in PROPERTIES:
        raise Invalid(fields={f"filter.{name}"[:80]: "Reports have no such property."})
    ours, read = PROPERTIES[name]
    try:
        return _operated(ours, read, operator, value)
    except ValueError as wrong:
        raise Invalid(fields={f"filter.{name}.{operator}"[:80]: str(wrong)}) from None


def _operated(ours: str, read: Read, operator: str, value: Any) -> Condition | Conditions:
    if operator in ("isNull", "isNotNull"):
        return Condition(ours, "null", value is (operator == "isNull"))
    if operator in ("eq", "in"):
        return _one_of(ours, [read(one) for one in (value if isinstance(value, list) else [value])])
    if operator in ("not", "notIn"):
        some = [read(one) for one in (value if isinstance(value, list) else [value])]
        return Conditions("none", (_one_of(ours, some),))
    if operator == "like" and ours in ("label", "callback_url", "id"):
        return Condition(ours, "like", _text(value))
    if operator in _TIMES and ours in ("requested_at", "changed_at"):
        return Condition(ours, "gte" if operator == "from" else "lte", read(value))
    if operator in _NUMBERS and ours == "max_file_bytes":
        return Condition(ours, operator, read(value))
    raise ValueError("is no operator of this property")


def _one_of(ours: str, values: list[Any]) -> Condition | Conditions:
    if ours == "state":
        values = [state for state, word in STATUSES.items() if word in values]
    return Condition(ours, "in", values) if values else NOTHING


def _of_constant(name: str, operator: str, value: Any) -> Conditions:
    known, values = CONSTANT[name], value if isinstance(value, list) else [value]
    holds = {
        "eq": known in values, "in": known in values, "not": known not in values, "notIn": known not in values,
        "isNull": (known is None) is value, "isNotNull": (known is not None) is value,
    }  # fmt: skip
    if operator not in holds:
        raise Invalid(fields={f"filter.{name}.{operator}"[:80]: "is no operator of this property"})
    return Conditions() if holds[operator] else NOTHING

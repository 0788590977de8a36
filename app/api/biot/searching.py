"""``searchRequest``: one convention for every list. What it means for a list is that list's own affair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.api.biot import present
from app.api.parse import Fields, json_argument

LIMIT = 100
MOST = 1_000
DEEPEST_ROW = 100_000
"""Pages count rows from the first, so the far end of a long list is refused; a filter narrows it."""

ORDERS = ("ASC", "DESC")
LOGIC = ("$OR", "$AND", "$NOT")
_LISTS, _SWITCHES, _NUMBERS = ("in", "notIn"), ("isNull", "isNotNull"), ("lt", "lte", "gt", "gte")
_TEXTS = ("like", "from", "to")
_ANY = ("eq", "not")
OPERATORS = frozenset((*_LISTS, *_SWITCHES, *_NUMBERS, *_TEXTS, *_ANY, "filter"))

Filters = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was asked for.

    ``filters`` maps a property (or one of :data:`LOGIC`, whose ``filter`` holds such a map again) to its operators;
    null and empty operators, and properties without any other, are left out. ``sort`` holds (property, order).
    """

    filters: Filters = field(default_factory=dict)
    sort: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    limit: int = LIMIT
    number: int = 0

    @property
    def offset(self) -> int:
        return self.number * self.limit

    def page(self, data: list[Any], total: int) -> present.Json:
        """The answer: this page of ``total`` rows."""
        sort = [{"prop": prop, "order": order} for prop, order in self.sort]
        return present.page(
            data, total, number=self.number, limit=self.limit, sort=sort, filters=self.filters, text=self.text
        )


def search_request() -> Search:
    """Read the ``searchRequest`` of this request; absent means everything, first page.

    :raises Invalid: not JSON, an unknown operator, an operator's value of the wrong type, a page out of bounds
    """
    fields = Fields(json_argument("searchRequest") or {})
    limit = fields.integer("limit", least=1, most=MOST)
    number = fields.integer("page", least=0, most=DEEPEST_ROW)
    text = fields.text("freeTextSearch", most=500)
    wanted = fields.object("filter")
    filters = {} if wanted is None else _filters(wanted)
    sort = tuple(_sort(one) for one in fields.objects("sort", most=10))
    limit, number = limit or LIMIT, number or 0
    if number * limit > DEEPEST_ROW:
        fields.fault("page", f"reaches beyond row {DEEPEST_ROW}; narrow the filter")
    fields.check()
    return Search(filters, sort, (text or "").strip() or None, limit, number)


def _sort(one: Fields) -> tuple[str, str]:
    prop = one.text("prop", least=1, most=200, required=True)
    order = one.text("order", most=4, among=ORDERS)
    return prop or "", order or "DESC"


def _filters(wanted: Fields) -> Filters:
    found: Filters = {}
    for name in wanted.names():
        operators = wanted.object(name)
        if operators is not None and (asked := _operators(operators)):
            found[name] = asked
    return found


def _operators(given: Fields) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name in given.names():
        value = given.raw(name)
        if value is None or value in ([], {}):  # clients send every operator they know
            continue
        if name == "filter":
            inner = given.object(name)
            if inner is not None and (filters := _filters(inner)):
                asked[name] = filters
        elif words := _wrong(name, value):
            given.fault(name, words)
        else:
            asked[name] = value
    return asked


def _wrong(operator: str, value: Any) -> str | None:
    """What is wrong with an operator's value, if anything is."""
    if operator not in OPERATORS:
        return "is no operator"
    scalar = isinstance(value, str | int | float)
    is_number = scalar and not isinstance(value, bool | str)
    rules: Mapping[tuple[str, ...], tuple[bool, str]] = {
        _LISTS: (isinstance(value, list) and all(isinstance(one, str | int | float) for one in value), "a list"),
        _SWITCHES: (isinstance(value, bool), "true or false"),
        _NUMBERS: (is_number or isinstance(value, str), "a number"),
        _TEXTS: (isinstance(value, str), "a text"),
        _ANY: (scalar, "a single value"),
    }
    wrong = (wanted for names, (fits, wanted) in rules.items() if operator in names and not fits)
    wanted = next(wrong, None)
    return None if wanted is None else f"must be {wanted}"

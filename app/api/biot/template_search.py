"""A ``searchRequest`` over things that are few: filtered, sorted and cut here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from app.api.biot import present
from app.api.biot.searching import LOGIC, Search
from app.api.parse import read_instant
from app.errors import Invalid

Things = list[present.Json]


def matching(search: Search, things: Things, searched: Collection[str]) -> Things:
    """Those that fit, in the order asked for; made last first when none is.

    :param searched: the properties that may be named; dotted ones reach into objects
    :raises Invalid: an unknown property, or a value that cannot be compared
    """
    faults = {
        f"filter.{name}": "is no property to search by" for name in _named(search.filters) if name not in searched
    } | {f"sort.{prop}": "is no property to sort by" for prop, _ in search.sort if prop not in searched}
    if faults:
        raise Invalid("; ".join(f"{place}: {words}" for place, words in faults.items()), faults)
    words = [word.casefold() for word in (search.text or "").split()]
    fitting = [one for one in things if _fits_all(one, search.filters) and (not search.text or _says(one, words))]
    fitting.sort(key=lambda one: str(one.get("creationTime", "")), reverse=True)
    for prop, order in reversed(search.sort):
        fitting.sort(key=lambda one: _order_of(_at(one, prop)), reverse=order == "DESC")
    return fitting


def _named(filters: dict[str, dict[str, Any]]) -> list[str]:
    found = []
    for name, asked in filters.items():
        found += _named(asked.get("filter", {})) if name in LOGIC else [name]
    return found


def _fits_all(thing: present.Json, filters: dict[str, dict[str, Any]]) -> bool:
    return all(_fits(thing, name, asked) for name, asked in filters.items())


def _fits(thing: present.Json, name: str, asked: dict[str, Any]) -> bool:
    if name in LOGIC:
        tests = [_fits(thing, inner, one) for inner, one in asked.get("filter", {}).items()]
        return not tests or {"$OR": any(tests), "$AND": all(tests), "$NOT": not all(tests)}[name]
    known = _at(thing, name)
    return all(_holds(known, operator, value, name) for operator, value in asked.items())


def _holds(known: Any, operator: str, value: Any, name: str) -> bool:
    if operator in ("isNull", "isNotNull"):
        return ((known is None) is value) if operator == "isNull" else ((known is not None) is value)
    if operator in ("eq", "not"):
        return (_text(known) == _text(value)) is (operator == "eq")
    if operator in ("in", "notIn"):
        return (_text(known) in [_text(one) for one in value]) is (operator == "in")
    if known is None:
        return False
    if operator == "like":
        return value.casefold() in _text(known)
    return _COMPARED.get(operator, _refused)(_instant(known, name), _instant(value, name))


def _refused(_known: Any, _value: Any) -> bool:
    raise Invalid("A filter takes filters within only below $OR, $AND and $NOT.")


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "from": lambda known, value: known >= value,
    "gte": lambda known, value: known >= value,
    "gt": lambda known, value: known > value,
    "to": lambda known, value: known <= value,
    "lte": lambda known, value: known <= value,
    "lt": lambda known, value: known < value,
}


def _instant(value: Any, name: str) -> Any:
    try:
        return read_instant(value)
    except ValueError:
        raise Invalid(fields={f"filter.{name}": "can be compared with a time only if both are times"}) from None


def _text(value: Any) -> str:
    return "" if value is None else str(value).casefold()


def _says(thing: present.Json, words: list[str]) -> bool:
    texts = " ".join(_text(value) for name, value in thing.items() if not name.endswith("Time"))
    return any(word in texts for word in words)


def _at(thing: Any, path: str) -> Any:
    for step in path.split("."):
        thing = thing.get(step) if isinstance(thing, dict) else None
    return thing


def _order_of(value: Any) -> tuple[bool, str]:
    return (value is not None, _text(value))

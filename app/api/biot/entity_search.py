"""A ``searchRequest`` for entities, as conditions of ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple
from uuid import UUID

from app import catalog
from app.actor import Actor
from app.api.biot.built_ins import BUILT_INS, CREATED, BuiltIn, keeper, kept_word, whole_name
from app.api.biot.searching import LOGIC, Search
from app.api.parse import read_instant
from app.catalog import Attribute, Column, Condition, Every, Fixed, Holds, Negated, Operand, Some
from app.errors import Invalid
from app.models import Template, TemplateAttribute
from app.models.template import FILE_TYPES

Kind = Literal["text", "number", "time", "id"]

_COLUMNS = {
    "_ownerOrganization.id": "organization_id",
    "_templateId": "template_id",
    "_template.id": "template_id",
    "_templateName": "template_name",
    "_template.name": "template_name",
    "_creationTime": "created_at",
    "_lastModifiedTime": "updated_at",
    "_caption": "caption",
}
_BOUNDS = {"from": "gte", "to": "lte"}


class Property(NamedTuple):
    """What a name in a search means: the places that hold it, and the property that it is, if it is built in."""

    operands: tuple[Operand, ...]
    built_in: BuiltIn | None = None
    keepers: tuple[TemplateAttribute, ...] = ()
    points_at: str | None = None


class Names:
    """The names that a search of one data type may use, for one tenant's templates."""

    def __init__(self, actor: Actor, data_type: str) -> None:
        self._actor, self._data_type = actor, data_type
        self._templates = catalog.list_templates(actor, data_type)
        self._built_ins = {one.path: one for one in BUILT_INS[data_type]}

    def find(self, name: str) -> Property | None:
        """What a name means; None when it means nothing here."""
        if name in ("_id", "id"):
            return Property((Column("key" if self._data_type == "device" else "id"),))
        if name in _COLUMNS:
            return Property((Column(_COLUMNS[name]),))
        whole = name.removesuffix(".id")
        if whole in self._built_ins:
            return self._built_in(self._built_ins[whole])
        return self._own(name if self._has(name) else whole)

    def _has(self, name: str) -> bool:
        return any(template.attribute(name) for template in self._templates)

    def _built_in(self, built_in: BuiltIn) -> Property:
        found = [(template, _searched(template, built_in)) for template in self._templates]
        kept = [(template, attribute) for template, attribute in found if attribute is not None]
        operands: tuple[Operand, ...] = _attributes(kept)
        without = len(kept) < len(found) or not found
        if built_in.default is CREATED and without:
            operands = (*operands, Column("created_at"))
        elif not operands:
            operands = (Fixed(built_in.default if isinstance(built_in.default, str | int) else None),)
        return Property(operands, built_in, tuple(attribute for _, attribute in kept), built_in.points_at)

    def _own(self, name: str) -> Property | None:
        known = [(template, template.attribute(name)) for template in self._templates]
        kept = [(template, one) for template, one in known if one is not None and one.kind not in FILE_TYPES]
        if not kept:
            return None
        points_at = next((one.reference_data_type for _, one in kept if one.kind == "REFERENCE"), None)
        return Property(_attributes(kept), None, tuple(one for _, one in kept), points_at)


def wish(actor: Actor, data_type: str, search: Search, more: Iterable[Condition] = ()) -> catalog.Wish:
    """The search as a wish to the catalog.

    :param more: conditions of the address itself
    :raises Invalid: by property: it is unknown, or compared with what it cannot be compared with
    """
    reader = _Reader(actor, Names(actor, data_type))
    conditions = (*more, *reader.conditions(search.filters, "filter"))
    order = tuple(reader.order(prop, order) for prop, order in search.sort)
    reader.check()
    return catalog.Wish(data_type, conditions, search.text, order, search.limit, search.offset)


_JOINED: dict[str, Callable[[tuple[Condition, ...]], Condition]] = {
    "$OR": Some,
    "$AND": Every,
    "$NOT": lambda conditions: Negated(Every(conditions)),
}


class _Reader:
    def __init__(self, actor: Actor, names: Names) -> None:
        self._actor, self._names = actor, names
        self._faults: dict[str, str] = {}

    def check(self) -> None:
        if self._faults:
            words = "; ".join(f"{place}: {fault}" for place, fault in self._faults.items())
            raise Invalid(words, self._faults)

    def conditions(self, filters: dict[str, dict[str, Any]], at: str) -> list[Condition]:
        return [one for name, asked in filters.items() for one in self._of(name, asked, f"{at}.{name}")]

    def order(self, prop: str, order: str) -> tuple[tuple[Operand, ...], bool]:
        known = self._names.find(prop)
        if known is None or prop in ("_templateName", "_template.name"):
            self._faults[f"sort.{prop}"] = "is no property to sort by"
            return (), order == "DESC"
        return known.operands, order == "DESC"

    def _of(self, name: str, asked: dict[str, Any], at: str) -> list[Condition]:
        if name in LOGIC:
            inner = tuple(self.conditions(asked.get("filter", {}), at))
            if set(asked) - {"filter"}:
                self._faults[at] = "takes a filter and nothing else"
            if not inner:
                return []
            return [_JOINED[name](inner)]
        known = self._names.find(name)
        if known is None:
            self._faults[at] = "is no property to search by"
            return []
        if "filter" in asked:
            self._faults[at] = "takes no filter within; that is for $OR, $AND and $NOT"
        operators = ((operator, value) for operator, value in asked.items() if operator != "filter")
        found = [self._one(known, operator, value, f"{at}.{operator}") for operator, value in operators]
        return [one for one in found if one is not None]

    def _one(self, known: Property, operator: str, value: Any, at: str) -> Condition | None:
        if operator in ("isNull", "isNotNull"):
            empty = Holds(known.operands, "is_null")
            return empty if (operator == "isNull") is value else Negated(empty)
        tests: list[Condition] = []
        by_kind: defaultdict[Kind, list[Operand]] = defaultdict(list)
        for operand in known.operands:
            by_kind[_kind(operand)].append(operand)
        faults = []
        for kind, operands in by_kind.items():
            try:
                tests.append(self._test(known, tuple(operands), kind, operator, value))
            except ValueError as fault:
                faults.append(str(fault))
        if not tests:
            self._faults[at] = faults[0]
            return None
        found = Some(tuple(tests))
        return Negated(found) if operator in ("not", "notIn") else found

    def _test(self, known: Property, operands: tuple[Operand, ...], kind: Kind, operator: str, value: Any) -> Condition:
        several = operator in ("in", "notIn")
        if operator in ("eq", "not", "in", "notIn"):
            given = value if several else [value]
            return Holds(operands, "in", [each for one in given for each in self._values(known, operands, kind, one)])
        if operator == "like":
            if kind != "text":
                raise ValueError("is for texts only")
            return Holds(operands, "like", value)
        if operator in _BOUNDS and kind != "time":
            raise ValueError("is for times only")
        if kind not in ("number", "time") or (kind == "number" and isinstance(value, str)):
            raise ValueError("is for numbers and times only")
        [read] = self._values(known, operands, kind, value)
        return Holds(operands, _BOUNDS.get(operator, operator), read)  # type: ignore[arg-type]

    def _values(self, known: Property, operands: tuple[Operand, ...], kind: Kind, value: Any) -> list[Any]:
        """The values of ours that one of the client's stands for."""
        if isinstance(operands[0], Fixed):
            return [value]
        if kind == "number":
            words = {kept_word(known.built_in, one, value) for one in known.keepers} if known.built_in else {value}
            return [_number(word) for word in words]
        if kind == "time":
            try:
                return [read_instant(value)]
            except ValueError:
                raise ValueError("must be a time such as 2024-01-31T10:00:00.000Z") from None
        if kind == "id":
            # What is no id at all is nobody's.
            return [UUID(value)] if _is_uuid(value) else []
        if known.points_at == "device":
            return [str(one) for one in catalog.entity_ids_by_key(self._actor, "device", {str(value)}).values()]
        if known.built_in is not None and known.built_in.words:
            return [str(kept_word(known.built_in, one, value)) for one in known.keepers]
        return [_text(value)]


def _searched(template: Template, built_in: BuiltIn) -> TemplateAttribute | None:
    attribute = keeper(template, built_in)
    if attribute is None and built_in.path in ("_name.firstName", "_name.lastName"):
        return whole_name(template)
    return attribute


def _attributes(kept: Iterable[tuple[Template, TemplateAttribute]]) -> tuple[Operand, ...]:
    grouped: defaultdict[tuple[str, str], list[UUID]] = defaultdict(list)
    for template, attribute in kept:
        grouped[attribute.name, attribute.kind].append(template.id)
    return tuple(Attribute(name, kind, tuple(ids)) for (name, kind), ids in grouped.items())


def _kind(operand: Operand) -> Kind:
    return "text" if isinstance(operand, Fixed) else operand.kind


def _number(value: Any) -> float:
    text = {"true": "1", "false": "0"}.get(str(value).casefold(), str(value))
    try:
        number = float(text)
    except ValueError:
        raise ValueError("must be a number") from None
    if not abs(number) <= 2**53:
        raise ValueError("is too large a number")
    return number


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _is_uuid(value: Any) -> bool:
    try:
        return len(str(value)) == 36 and bool(UUID(str(value)))
    except ValueError:
        return False

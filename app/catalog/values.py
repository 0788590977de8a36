"""An entity's values: from a caller's plain values to the two JSON texts that are kept, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from app.models import Entity, Template
from app.models.entity import EntityHistory
from app.models.template import FILE_TYPES

Values = dict[str, Any]
"""An attribute's name to its value, in the form that the JSON text holds."""


class Known(NamedTuple):
    """What writing needs to know of an attribute; plain, because a load asks it a million times.

    ``phi``: its values identify people, see :attr:`app.models.template.TemplateAttribute.is_identifying`. ``coded``:
    they are codes of a terminology.
    """

    name: str
    kind: str
    phi: bool
    coded: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """A template's attributes in their order."""

    template: str
    attributes: tuple[Known, ...]
    names: frozenset[str]

    @classmethod
    def of(cls, template: Template) -> Schema:
        known = tuple(
            Known(each.name, each.kind, each.is_identifying, each.repository_id is not None)
            for each in template.attributes
        )
        return cls(template.name, known, frozenset(each.name for each in known))


@dataclass(frozen=True, slots=True)
class Texts:
    """What a version keeps of its values: compact JSON, in the template's order, without absent ones."""

    attributes: str
    phi_attributes: str

    @property
    def document_bytes(self) -> int:
        return len(self.attributes.encode()) + len(self.phi_attributes.encode())


def values_of(version: Entity | EntityHistory) -> Values:
    """Every value of a current or earlier version, patient values included."""
    return {**orjson.loads(version.attributes), **orjson.loads(version.phi_attributes)}


def stored_form(schema: Schema, values: Mapping[str, Any]) -> Values:
    """The values as the text holds them, in the template's order; those that are absent are left out.

    Dates and instants may be given as such or as text, a reference as an id or ``{"id": …}``.

    :raises ValueError: a name that the template does not know, or a number that JSON cannot hold
    """
    unknown = values.keys() - schema.names
    if unknown:
        raise ValueError(f"template {schema.template} has no attribute {', '.join(sorted(unknown))}")
    return {
        attribute.name: _stored(attribute, values[attribute.name])
        for attribute in schema.attributes
        if not is_absent(values.get(attribute.name))
    }


def is_absent(value: Any) -> bool:
    """None, an empty text and an empty list mean that there is no value; 0 and False are values."""
    return value is None or (isinstance(value, str | list | tuple) and len(value) == 0)


def texts_of(schema: Schema, stored: Mapping[str, Any]) -> Texts:
    """Part the values that identify people from the others and write both texts."""
    plain: Values = {}
    personal: Values = {}
    for attribute in schema.attributes:
        if attribute.name in stored:
            (personal if attribute.phi else plain)[attribute.name] = stored[attribute.name]
    return Texts(orjson.dumps(plain).decode(), orjson.dumps(personal).decode())


def text_of_instant(instant: datetime) -> str:
    """``2024-03-11T14:05:00Z``, with milliseconds only when there are some."""
    utc = instant.astimezone(UTC)
    shown = "milliseconds" if utc.microsecond else "seconds"
    return utc.replace(tzinfo=None).isoformat(timespec=shown) + "Z"


def target_of(value: Any) -> UUID | None:
    """The id that a stored REFERENCE points at."""
    try:
        return UUID(str(value["id"]))
    except (TypeError, KeyError, ValueError):
        return None


def files_of(value: Any) -> Sequence[Mapping[str, Any]]:
    """The files of a stored FILE or IMAGE value: none, one or several."""
    found: Iterable[Any] = value if isinstance(value, list) else [value]
    return [file for file in found if isinstance(file, dict)]


def _stored(attribute: Known, value: Any) -> Any:
    if attribute.kind == "REFERENCE":
        return {"id": str(value["id"] if isinstance(value, Mapping) else value)}
    if attribute.kind in FILE_TYPES:
        return value
    if isinstance(value, datetime):
        return value.date().isoformat() if attribute.kind == "DATE" else text_of_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{attribute.name} is not a number")
    if isinstance(value, tuple):
        return list(value)
    return value

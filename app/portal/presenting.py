"""An entity's stored values in the words and links of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import url_for

from app.catalog import Change, Linked, Version, target_of
from app.models import Entity, TemplateAttribute
from app.models.template import FILE_TYPES
from app.portal import terminology_words
from app.portal.frame import DATA_TYPE_LABELS
from app.terminology import Codes

SINGULAR = {
    "patient": "Patient",
    "device": "Device",
    "usage-session": "Session",
    "patient-alert": "Patient alert",
    "device-alert": "Device alert",
    "command": "Command",
    "generic-entity": "Record",
    "caregiver": "Caregiver",
    "registration-code": "Registration code",
    "organization": "Organization",
    "organization-user": "Member of staff",
}
UNSEEN = "A record that you may not see"
_COLUMN_KINDS = ("LABEL", "SINGLE_SELECT", "INTEGER", "DECIMAL", "BOOLEAN", "DATE")


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as a page shows it: words, perhaps a link, or a day or an instant; else it is absent.

    ``note`` stands quietly behind it.
    """

    text: str | None = None
    day: date | None = None
    moment: datetime | None = None
    href: str | None = None
    is_outside: bool = False
    is_long: bool = False
    note: str | None = None

    @property
    def is_absent(self) -> bool:
        return self.text is None and self.day is None and self.moment is None


@dataclass(frozen=True, slots=True)
class ShownAttribute:
    """One line of the attributes card."""

    label: str
    value: Shown
    is_phi: bool


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One line of a version in the history."""

    label: str
    before: Shown
    after: Shown
    words: str | None = None


def plural(data_type: str) -> str:
    """Several of a data type in words; measurements are one for reports alone."""
    return "Measurements" if data_type == "measurements" else DATA_TYPE_LABELS.get(data_type, data_type)


def numbers_of_kinds(numbers: Mapping[str, int]) -> list[str]:
    """How many there are of each data type in words, without those of which there are none."""
    words = ((number, SINGULAR[kind] if number == 1 else plural(kind)) for kind, number in sorted(numbers.items()))
    return [f"{number:,} {word.lower()}" for number, word in words if number]


def kind_word(entity: Entity) -> str:
    """What an entity is called in a heading: Patient, Device; a generic one by its template."""
    if entity.data_type == "generic-entity":
        return entity.template.label
    return SINGULAR[entity.data_type]


def counted(count: int, at_most: int) -> str:
    """A count in words; counting stops somewhere, and then it says so."""
    return f"more than {at_most:,}" if count > at_most else f"{count:,}"


def entity_url(data_type: str, entity_id: UUID) -> str:
    return url_for("portal.browse.show", data_type=data_type, entity_id=entity_id)


def shown_attributes(
    entity: Entity, values: Mapping[str, Any], targets: Mapping[UUID, Linked], codes: Codes
) -> list[ShownAttribute]:
    """Every attribute that is not a file, in the template's order."""
    return [
        ShownAttribute(known.label, shown(known, values.get(known.name), targets, codes), known.phi)
        for known in entity.template.attributes
        if known.kind not in FILE_TYPES
    ]


def column_attributes(attributes: list[TemplateAttribute], most: int = 3) -> list[TemplateAttribute]:
    """The attributes that a list of one template's entities shows: its first short ones that name nobody."""
    short = [known for known in attributes if known.kind in _COLUMN_KINDS and not known.phi]
    plain_label = next((known for known in short if known.kind == "LABEL" and known.repository_id is None), None)
    # The first label is the caption already.
    return [known for known in short if known is not plain_label][:most]


def shown(attribute: TemplateAttribute, value: Any, targets: Mapping[UUID, Linked], codes: Codes) -> Shown:
    """A stored value for a page.

    :param codes: what its code means, where it is one, as far as the person may view that
    """
    if value is None:
        return Shown()
    if attribute.repository_id is not None:
        return _code(attribute.repository_id, str(value), codes)
    if attribute.kind == "REFERENCE":
        return _reference(value, targets)
    if attribute.kind in ("DATE", "DATE_TIME"):
        return _time(attribute.kind, str(value))
    if attribute.kind == "LINK":
        # A value that a load brought is not trusted to be a web address.
        safe = str(value).startswith(("https://", "http://"))
        return Shown(str(value), href=str(value) if safe else None, is_outside=True)
    if attribute.kind == "EMAIL":
        return Shown(str(value), href=f"mailto:{value}")
    return Shown(_words(attribute, value), is_long=attribute.kind == "PARAGRAPH")


def shown_change(change: Change, version: Version, codes: Codes) -> ShownChange:
    """A change of one attribute for the history: before and after, or words."""
    if change.hidden:
        words = "was changed; you may not see the values"
        return ShownChange(change.attribute.label, Shown(), Shown(), words)
    if change.attribute.kind in FILE_TYPES:
        moves = [f"attached {name}" for name in change.added]
        moves += [f"removed {name}" for name in change.removed]
        words = "; ".join(moves) or "put in another order"
        return ShownChange(change.attribute.label, Shown(), Shown(), words)
    before = shown(change.attribute, change.before, version.linked, codes)
    after = shown(change.attribute, change.after, version.linked, codes)
    return ShownChange(change.attribute.label, before, after)


def _code(repository_id: int, code: str, codes: Codes) -> Shown:
    source, concept = codes.sources.get(repository_id), codes.concepts.get((repository_id, code))
    if source is None:
        return Shown(code)
    if concept is None:
        return Shown(code, note=f"not in {source.name} now")
    return Shown(
        f"{code} {concept.display_name}",
        href=terminology_words.concept_url(source.address, code),
        note="retired" if concept.retired else None,
    )


def _reference(value: Any, targets: Mapping[UUID, Linked]) -> Shown:
    target = target_of(value)
    known = targets.get(target) if target else None
    if known is None:
        return Shown(UNSEEN)
    return Shown(known.caption, href=entity_url(known.data_type, known.id))


def _time(kind: str, text: str) -> Shown:
    try:
        known = datetime.fromisoformat(text)
    except ValueError:
        return Shown(text)
    return Shown(day=known.date()) if kind == "DATE" else Shown(moment=known)


def _words(attribute: TemplateAttribute, value: Any) -> str:
    if attribute.kind == "BOOLEAN":
        return "Yes" if value else "No"
    if attribute.kind in ("SINGLE_SELECT", "MULTI_SELECT"):
        labels = {choice["value"]: str(choice["label"]) for choice in attribute.choices or ()}
        chosen = value if isinstance(value, list) else [value]
        return ", ".join(labels.get(each, str(each)) for each in chosen)
    number = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return f"{number} {attribute.unit}" if attribute.unit else number

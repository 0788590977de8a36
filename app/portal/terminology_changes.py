"""What changed between two documents, line by line, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.portal.terminology_words import language
from app.terminology import FieldChange
from app.terminology.addresses import last_code

LABELS = {
    "display_name": "Shown as",
    "concept_class": "Class",
    "datatype": "Datatype",
    "external_id": "External id",
    "retire_reason": "Reason",
    "names": "Names",
    "descriptions": "Descriptions",
    "parent_concept_urls": "Stands below",
    "child_concept_urls": "Stands above",
    "map_type": "Kind of mapping",
    "from_concept_code": "Leads from",
    "from_concept_name": "Leads from (name)",
    "to_concept_code": "Leads to",
    "to_concept_name": "Leads to (name)",
    "to_source_name": "Terminology",
    "to_source_url": "Address of the terminology",
    "sort_weight": "Sort weight",
    "retired": "Retired",
    "extras": "Further facts",
}
_FOLLOWS = frozenset(
    {
        "display_locale", "from_concept_name_resolved", "to_concept_name_resolved", "from_concept_url",
        "to_concept_url", "from_source_owner", "to_source_owner", "from_source_owner_type", "to_source_owner_type",
        "from_source_name", "from_source_url", "public_can_view", "created_on", "created_by",
    }
)  # fmt: skip
"""What changes only because something else does that is told."""


@dataclass(frozen=True, slots=True)
class ChangedField:
    """What a field said, and what it says instead: texts that left it, and texts that came. ``several``: it may hold
    more than one, so that what came did not take the place of what left."""

    label: str
    gone: tuple[str, ...]
    came: tuple[str, ...]
    several: bool = False


def changed_fields_in_words(changes: Iterable[FieldChange], outcome: str = "changed") -> list[ChangedField]:
    """The changes of one document for a page; that it was retired is not told where the outcome says so."""
    told = []
    for change in changes:
        if change.name in _FOLLOWS or (change.name == "retired" and outcome in ("retired", "restored")):
            continue
        before, after = _texts(change.name, change.before), _texts(change.name, change.after)
        gone = tuple(text for text in before if text not in after)
        came = tuple(text for text in after if text not in before)
        if not gone and not came:
            # The same texts in another order, or what no person reads of them.
            came = ("put in another order",) if sorted(before) == sorted(after) and before != after else ()
        if gone or came:
            label = LABELS.get(change.name, change.name.replace("_", " ").capitalize())
            told.append(ChangedField(label, gone, came, isinstance(change.after or change.before, list | dict)))
    return told


def _texts(name: str, value: Any) -> list[str]:
    if value is None or value in ("", [], {}):
        return []
    if name in ("names", "descriptions"):
        return [_named(one) for one in value]
    if name.endswith("_concept_urls"):
        return [last_code(one) for one in value]
    if isinstance(value, dict):
        return [f"{key}: {_plain(one)}" for key, one in value.items()]
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return [_plain(value)]


def _named(one: dict[str, Any]) -> str:
    marks = [language(one["locale"])]
    if one.get("locale_preferred"):
        marks.append("preferred")
    if one.get("retired"):
        marks.append("retired")
    return f"{one.get('name') or one.get('description')} ({', '.join(marks)})"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)

"""Templates in words: what the types of attributes are called, which rules hold, what a change means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app import attachments
from app.administration import AttributeUse, FieldChange
from app.models import TemplateAttribute
from app.models.template import FILE_TYPES
from app.portal.codes import NO_CODES
from app.portal.presenting import SINGULAR, plural
from app.terminology import Codes

KINDS: dict[str, tuple[str, str]] = {
    "LABEL": ("Text on one line", "A name, a number that is not counted with, or a code of a terminology"),
    "PARAGRAPH": ("Text on several lines", "Notes; it cannot be searched or filtered by"),
    "INTEGER": ("Whole number", "With a unit and bounds, if you like"),
    "DECIMAL": ("Number", "With a unit and bounds, if you like"),
    "BOOLEAN": ("Yes or no", ""),
    "SINGLE_SELECT": ("One of several choices", ""),
    "MULTI_SELECT": ("Some of several choices", ""),
    "DATE": ("Date", ""),
    "DATE_TIME": ("Date and time", ""),
    "EMAIL": ("E-mail address", ""),
    "PHONE": ("Telephone number", ""),
    "LINK": ("Web address", ""),
    "REFERENCE": ("Another record", "Such as the device of a patient"),
    "FILE": ("Files", "Documents, tables, logs and images, of the kinds that you choose"),
    "IMAGE": ("Images", "With previews on the record’s page"),
}
FIELDS = {
    "label": "Label",
    "kind": "Type",
    "unit": "Unit",
    "hint": "Hint",
    "choices": "Choices",
    "mandatory": "Must have a value",
    "unique": "No two records with the same value",
    "phi": "Protected health information (PHI)",
    "low": "Lowest value",
    "high": "Highest value",
    "media_types": "Kinds of file",
    "max_bytes": "Largest file",
    "max_files": "Most files",
    "reference_data_type": "Points at",
    "reference_label": "What the other side’s list is called",
    "repository_id": "Codes of",
}
UNSEEN_SOURCE = "a terminology that you may not see"
METRIC_FIELDS = {
    "label": "Label",
    "unit": "Unit",
    "normal_low": "Lowest normal value",
    "normal_high": "Highest normal value",
    "description": "Description",
}


@dataclass(frozen=True, slots=True)
class AttributeLine:
    """An attribute on its template's page."""

    attribute: TemplateAttribute
    kind: str
    rules: tuple[str, ...]
    is_phi: bool


@dataclass(frozen=True, slots=True)
class SaidChange:
    """One field of a change in words."""

    field: str
    before: str
    after: str
    warning: str | None


def kind_words(kind: str) -> str:
    """What a type of attribute is called."""
    return KINDS[kind][0] if kind in KINDS else kind.replace("_", " ").capitalize()


def line_of(attribute: TemplateAttribute, codes: Codes) -> AttributeLine:
    """An attribute with its rules in words.

    :param codes: what the person may view of the sources whose codes attributes hold
    """
    words = kind_words(attribute.kind) + (f", in {attribute.unit}" if attribute.unit else "")
    return AttributeLine(attribute, words, tuple(_rules(attribute, codes)), attribute.is_identifying)


def _rules(attribute: TemplateAttribute, codes: Codes) -> Iterator[str]:
    if attribute.mandatory:
        yield "Must have a value"
    if attribute.unique:
        yield "No two the same"
    if bounds := range_words(attribute.low, attribute.high):
        yield bounds
    if attribute.choices:
        yield choice_words(attribute.choices)
    if attribute.repository_id is not None:
        yield f"Codes of {_source_words(attribute.repository_id, codes)}"
    if attribute.kind == "REFERENCE":
        yield f"Points at a {SINGULAR.get(attribute.reference_data_type or '', 'record').lower()}"
    if attribute.kind in FILE_TYPES:
        yield " ".join(attachments.extensions_of(attribute))
        files = "1 file" if attribute.max_files == 1 else f"{attribute.max_files:,} files"
        yield f"At most {files} of {attachments.size_in_words(attachments.size_limit_of(attribute))}"


def range_words(low: float | None, high: float | None) -> str:
    """``0 to 130``, ``At least 0``; empty without bounds."""
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"At least {low:g}"
    return f"At most {high:g}" if high is not None else ""


def choice_words(choices: list[dict[str, Any]] | tuple[Mapping[str, Any], ...]) -> str:
    """The choices as people see them; of many only the first."""
    named = [str(choice["label"]) for choice in choices]
    return ", ".join(named[:8]) + (f" and {len(named) - 8} more" if len(named) > 8 else "")


def _source_words(repository_id: int, codes: Codes) -> str:
    source = codes.sources.get(repository_id)
    return source.name if source else UNSEEN_SOURCE


def said(change: FieldChange, use: AttributeUse, codes: Codes) -> SaidChange:
    """A change in words, with what it means for the records that there are."""
    before, after = (_value(change.field, one, codes) for one in (change.before, change.after))
    return SaidChange(FIELDS[change.field], before, after, _warning(change, use))


def said_of_metric(field: str, before: Any, after: Any) -> SaidChange:
    """The change of a metric's field in words."""
    warning = "Values that are kept are not converted." if field == "unit" else None
    return SaidChange(METRIC_FIELDS[field], _value(field, before), _value(field, after), warning)


def _value(field: str, value: Any, codes: Codes = NO_CODES) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == ():
        return "any" if field == "media_types" else "none"
    if field == "kind":
        return kind_words(str(value))
    if field == "repository_id":
        return _source_words(value, codes)
    if field == "choices":
        return "; ".join(
            str(one["label"]) if one["value"] == one["label"] else f"{one['label']} ({one['value']})" for one in value
        )
    if field == "media_types":
        return ", ".join(value)
    if field == "max_bytes":
        return attachments.size_in_words(value)
    if field == "reference_data_type":
        return plural(str(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _warning(change: FieldChange, use: AttributeUse) -> str | None:
    lacking = use.records - use.held
    if change.field == "mandatory" and change.after and lacking:
        records = "1 record has" if lacking == 1 else f"{lacking:,} records have"
        return f"{records} no value yet. Whoever changes such a record next has to fill it in."
    records = "1 record" if use.held == 1 else f"{use.held:,} records"
    if change.field == "phi":
        where = "left out of" if change.after else "in"
        words = f"From now on its values are {where} exports without identifiers; archives made before stay the same."
        return words if not use.held else f"{words} A new version is kept of {records}."
    if not use.held:
        return None
    new_ones = "are codes" if change.after else "can be any text"
    return {
        "unit": f"The values of {records} are not converted: they are read in the new unit from now on.",
        "low": f"The values of {records} stay as they are; new ones are held against it.",
        "high": f"The values of {records} stay as they are; new ones are held against it.",
        "media_types": f"The files of {records} stay as they are.",
        "max_bytes": f"The files of {records} stay as they are.",
        "max_files": f"The files of {records} stay as they are.",
        "repository_id": f"The values of {records} stay as they are; new ones {new_ones}.",
        "reference_data_type": f"What {records} point at stays; new ones point at the other kind.",
    }.get(change.field)

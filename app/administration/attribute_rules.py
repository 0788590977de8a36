"""What an attribute of a template may be, judged field by field for who types it."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace

from app.administration.specs import ORGANIZATION_ATTRIBUTES, SELECT_TYPES, USER_ATTRIBUTES, AttributeSpec
from app.administration.words import NAME, WRONG_NAME, read_line
from app.models import Template, TemplateAttribute
from app.models.template import ATTRIBUTE_TYPES, DATA_TYPES, FILE_TYPES

NUMBER_TYPES = ("INTEGER", "DECIMAL")
UNIQUE_TYPES = (*NUMBER_TYPES, "LABEL", "PHONE", "EMAIL", "LINK", "DATE", "DATE_TIME")
"""The types of which a template may ask that no two records have the same value."""
MOST_CHOICES = 500
LONGEST_CHOICE = 100
MOST_BYTES = 5 * 10**12
_MEDIA_TYPE = re.compile(r"[a-z0-9.+*-]{1,60}/[a-z0-9.+*-]{1,60}")
_HOUSE = {"organization": ORGANIZATION_ATTRIBUTES, "organization-user": USER_ATTRIBUTES}


def spec_of(row: TemplateAttribute) -> AttributeSpec:
    """An attribute's row as plain values."""
    return AttributeSpec(
        name=row.name, label=row.label, kind=row.kind, unit=row.unit, hint=row.hint,
        choices=None if row.choices is None else tuple(dict(choice) for choice in row.choices),
        mandatory=row.mandatory, unique=row.unique, phi=row.phi, low=row.low, high=row.high,
        media_types=None if row.media_types is None else tuple(row.media_types),
        max_bytes=row.max_bytes, max_files=row.max_files,
        reference_data_type=row.reference_data_type, reference_label=row.reference_label,
        repository_id=row.repository_id,
    )  # fmt: skip


def is_of_the_house(template: Template, name: str) -> bool:
    """Whether Chartroom itself needs the attribute as it is: what people and organizations are called."""
    return any(one.name == name for one in _HOUSE.get(template.data_type, ()))


def judged(spec: AttributeSpec) -> tuple[AttributeSpec, dict[str, str]]:
    """The attribute as it would be kept, without what its type has no use for, and what is wrong with it by field."""
    faults: dict[str, str] = {}
    kept = replace(
        spec,
        label=read_line(faults, "label", spec.label, "The label", most=100),
        hint=read_line(faults, "hint", spec.hint or "", "The hint", most=300, required=False) or None,
        unit=read_line(faults, "unit", spec.unit or "", "The unit", most=32, required=False) or None,
        reference_label=read_line(
            faults, "reference_label", spec.reference_label or "", "What the list is called", most=100, required=False
        )
        or None,
    )
    if not NAME.fullmatch(spec.name):
        faults["name"] = WRONG_NAME
    if spec.kind not in ATTRIBUTE_TYPES:
        return kept, faults | {"kind": "Choose one of the types."}
    kept = _fitting(kept)
    if kept.kind in SELECT_TYPES:
        faults |= _faults_of_choices(kept)
    if kept.kind in NUMBER_TYPES:
        faults |= _faults_of_bounds(kept)
    if kept.kind in FILE_TYPES:
        faults |= _faults_of_files(kept)
    if kept.kind == "REFERENCE" and kept.reference_data_type not in DATA_TYPES:
        faults["reference_data_type"] = "Choose what it points at."
    return kept, faults


def _fitting(spec: AttributeSpec) -> AttributeSpec:
    """Without what other types have: a bound of a text would wait there for the day on which it becomes a number."""
    if spec.kind not in SELECT_TYPES:
        spec = replace(spec, choices=None)
    if spec.kind not in NUMBER_TYPES:
        spec = replace(spec, unit=None, low=None, high=None)
    if spec.kind not in FILE_TYPES:
        spec = replace(spec, media_types=None, max_bytes=None, max_files=1)
    if spec.kind != "LABEL":
        spec = replace(spec, repository_id=None)
    if spec.kind != "REFERENCE":
        spec = replace(spec, reference_data_type=None, reference_label=None)
    return spec


def _faults_of_choices(spec: AttributeSpec) -> dict[str, str]:
    given = [(str(choice.get("value", "")), str(choice.get("label", ""))) for choice in spec.choices or ()]
    faults: dict[str, str] = {}
    values = [read_line(faults, "choices", value, "A choice", most=LONGEST_CHOICE) for value, _ in given]
    for _, label in given:
        read_line(faults, "choices", label, "What a choice is called", most=LONGEST_CHOICE)
    twice = [value for value, times in Counter(values).items() if times > 1]
    if not given:
        faults["choices"] = "Give at least one choice."
    elif len(given) > MOST_CHOICES:
        faults["choices"] = f"There can be at most {MOST_CHOICES} choices."
    elif twice and not faults:
        faults["choices"] = f"The choice {twice[0]} is there more than once."
    return faults


def _faults_of_bounds(spec: AttributeSpec) -> dict[str, str]:
    bounds = {"low": spec.low, "high": spec.high}
    faults = {name: "This is too large a number." for name, one in bounds.items() if one and not math.isfinite(one)}
    if not faults and spec.low is not None and spec.high is not None and spec.low > spec.high:
        faults["high"] = "The highest value is below the lowest."
    return faults


def _faults_of_files(spec: AttributeSpec) -> dict[str, str]:
    faults: dict[str, str] = {}
    if not 1 <= spec.max_files <= 1000:
        faults["max_files"] = "It can hold 1 to 1,000 files."
    if spec.max_bytes is not None and not 1 <= spec.max_bytes <= MOST_BYTES:
        faults["max_bytes"] = "The size of a file must be more than nothing, and at most 5,000,000 MB."
    if any(not _MEDIA_TYPE.fullmatch(one) for one in spec.media_types or ()):
        faults["media_types"] = "Choose from the kinds of file that are offered."
    return faults

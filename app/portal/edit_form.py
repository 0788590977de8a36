"""The form in which an entity's attributes are changed: a field for each attribute of its template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.datastructures import MultiDict

from app.catalog import Linked, target_of
from app.catalog.reading import LENGTHS
from app.models import Entity, Template, TemplateAttribute
from app.models.template import FILE_TYPES
from app.portal.presenting import SINGULAR, UNSEEN
from app.portal.terminology_words import place
from app.terminology import Codes

PREFIX = "attribute."
"""Before each field's name, so that no attribute is taken for a field of the form itself."""

_INPUTS: dict[str, tuple[str, dict[str, str]]] = {
    "LABEL": ("text", {"autocomplete": "off"}),
    "EMAIL": ("email", {"autocomplete": "off"}),
    "PHONE": ("tel", {"autocomplete": "off"}),
    "LINK": ("url", {"autocomplete": "off"}),
    "INTEGER": ("text", {"autocomplete": "off", "inputmode": "numeric"}),
    "DECIMAL": ("text", {"autocomplete": "off", "inputmode": "decimal"}),
    "DATE": ("date", {}),
    "DATE_TIME": ("datetime-local", {"step": "any"}),
    "REFERENCE": ("text", {"autocomplete": "off"}),
}
_WIDTHS = {"INTEGER": "short", "DECIMAL": "short", "DATE": "medium", "DATE_TIME": "medium", "PHONE": "medium"}


@dataclass(frozen=True, slots=True)
class EditField:
    """One field: ``control`` is input, textarea, select or checkboxes; ``value`` what it shows.

    ``suggest_url`` finds codes while one types, and ``meaning`` says what the code in the field means.
    """

    name: str
    label: str
    control: str
    value: Any
    mandatory: bool
    is_phi: bool
    is_changed: bool
    input_type: str = "text"
    options: list[tuple[str, str]] = field(default_factory=list)
    unit: str | None = None
    hint: str | None = None
    width: str | None = None
    attrs: dict[str, str] = field(default_factory=dict)
    suggest_url: str | None = None
    meaning: str = ""


def values_sent(entity: Entity, form: MultiDict[str, str]) -> dict[str, Any]:
    """The values that a form brought, by attribute; files are not among them."""
    sent: dict[str, Any] = {}
    for known in entity.template.attributes:
        name = PREFIX + known.name
        if known.kind in FILE_TYPES:
            continue
        if known.kind == "MULTI_SELECT":
            # No box ticked sends nothing; a marker tells that the boxes were there.
            if f"{name}.asked" in form or name in form:
                sent[known.name] = form.getlist(name)
        elif name in form:
            sent[known.name] = form[name]
    return sent


def fields_of(
    entity: Entity,
    values: Mapping[str, Any],
    targets: Mapping[UUID, Linked],
    choices: Mapping[str, list[Linked]],
    typed: Mapping[str, Any] | None,
    codes: Codes,
) -> list[EditField]:
    """The fields, filled with what is kept or, after a refusal, with what was typed.

    :param targets: what the entity refers to, as far as the person may see it
    :param choices: for a reference with few possible targets, all of them
    :param codes: what the codes mean that are kept or were typed, as far as the person may view that
    """
    return [
        _field(known, values.get(known.name), targets, choices.get(known.name), typed, codes)
        for known in entity.template.attributes
        if known.kind not in FILE_TYPES
    ]


def empty_fields(template: Template, codes: Codes) -> list[EditField]:
    """The fields as they stand for a record without any value yet: what a template's form looks like."""
    return [_field(known, None, {}, None, None, codes) for known in template.attributes if known.kind not in FILE_TYPES]


def changes_of(entity: Entity, typed: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """Of what a form brought, what the person changed in the version that they saw.

    A form sends every field back; the ones that were left alone must not undo what somebody else did.
    """
    known = {attribute.name: attribute for attribute in entity.template.attributes}
    return {name: entry for name, entry in typed.items() if _plain(entry) != _as_typed(known[name], seen.get(name))}


def faults_by_field(faults: Mapping[str, str]) -> dict[str, str]:
    """A refusal's words by the names that the fields have on the page."""
    return {PREFIX + name: words for name, words in faults.items()}


def _field(
    known: TemplateAttribute,
    value: Any,
    targets: Mapping[UUID, Linked],
    choices: list[Linked] | None,
    typed: Mapping[str, Any] | None,
    codes: Codes,
) -> EditField:
    entry = typed[known.name] if typed and known.name in typed else _as_typed(known, value)
    control, options = _control(known, value, targets, choices)
    input_type, attrs = _INPUTS.get(known.kind, ("text", {}))
    if known.kind in LENGTHS:
        attrs = attrs | {"maxlength": str(LENGTHS[known.kind])}
    return EditField(
        name=PREFIX + known.name,
        label=known.label + (" (UTC)" if known.kind == "DATE_TIME" else ""),
        control=control,
        value=entry,
        mandatory=known.mandatory,
        is_phi=known.phi,
        is_changed=_plain(entry) != _as_typed(known, value),
        input_type=input_type,
        options=options,
        unit=known.unit,
        hint=_hint(known, control, codes),
        width=_WIDTHS.get(known.kind),
        attrs=attrs,
        suggest_url=_suggest_url(known, codes),
        meaning=_meaning(known, str(entry), codes),
    )


def _suggest_url(known: TemplateAttribute, codes: Codes) -> str | None:
    source = codes.sources.get(known.repository_id or 0)
    return url_for("portal.repositories.codes", **place(source.address)) if source else None


def _meaning(known: TemplateAttribute, code: str, codes: Codes) -> str:
    concept = codes.concepts.get((known.repository_id or 0, code))
    return "" if concept is None else concept.display_name + (" (retired)" if concept.retired else "")


def _control(
    known: TemplateAttribute, value: Any, targets: Mapping[UUID, Linked], choices: list[Linked] | None
) -> tuple[str, list[tuple[str, str]]]:
    if known.kind == "PARAGRAPH":
        return "textarea", []
    if known.kind == "BOOLEAN":
        return "select", [("true", "Yes"), ("false", "No")]
    if known.kind in ("SINGLE_SELECT", "MULTI_SELECT"):
        options = [(str(choice["value"]), str(choice["label"])) for choice in known.choices or ()]
        kept = value if isinstance(value, list) else [] if value is None else [value]
        offered = {option for option, _ in options}
        options += [(str(each), f"{each} (no longer offered)") for each in kept if str(each) not in offered]
        return ("select" if known.kind == "SINGLE_SELECT" else "checkboxes"), options
    if known.kind == "REFERENCE" and choices is not None:
        return "select", _reference_options(value, targets, choices)
    return "input", []


def _reference_options(value: Any, targets: Mapping[UUID, Linked], choices: list[Linked]) -> list[tuple[str, str]]:
    options = [(str(choice.id), choice.caption) for choice in choices]
    present = target_of(value)
    if present is not None and all(choice.id != present for choice in choices):
        known = targets.get(present)
        options.append((str(present), known.caption if known else UNSEEN))
    return options


def _plain(entry: Any) -> Any:
    """Browsers send line ends in their own way."""
    return entry.replace("\r\n", "\n") if isinstance(entry, str) else entry


def _as_typed(known: TemplateAttribute, value: Any) -> Any:
    if value is None:
        return [] if known.kind == "MULTI_SELECT" else ""
    if known.kind == "BOOLEAN":
        return "true" if value else "false"
    if known.kind == "MULTI_SELECT":
        return [str(each) for each in value]
    if known.kind == "REFERENCE":
        return str(target_of(value) or "")
    if known.kind == "DATE_TIME":
        utc = datetime.fromisoformat(str(value)).astimezone(UTC).replace(tzinfo=None)
        return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _hint(known: TemplateAttribute, control: str, codes: Codes) -> str | None:
    words = [known.hint] if known.hint else []
    if source := codes.sources.get(known.repository_id or 0):
        words.append(f"A code of {source.name}. Type it, or words of its name.")
    if known.kind == "REFERENCE" and control == "input":
        target = SINGULAR.get(known.reference_data_type or "", "record").lower()
        words.append(f"The ID or the exact name of a {target}.")
    if known.low is not None and known.high is not None:
        words.append(f"From {known.low:g} to {known.high:g}.")
    elif known.low is not None:
        words.append(f"At least {known.low:g}.")
    elif known.high is not None:
        words.append(f"At most {known.high:g}.")
    return " ".join(words) or None

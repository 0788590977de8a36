"""What administrators type of an attribute: read into plain values, and shown again after a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from app.administration import UNIQUE_TYPES, AttributeSpec
from app.attachments.kinds import KINDS, PICTURES, accepted_kinds
from app.models.template import FILE_TYPES
from app.portal.typed import several

NUMBERS, SELECTS = ("INTEGER", "DECIMAL"), ("SINGLE_SELECT", "MULTI_SELECT")
BETWEEN = " = "
"""Between a choice's value and what it is called, on its line of the form."""
_MEGABYTE = 1_000_000
_LONGEST_CHOICES = 100_000


@dataclass
class AttributeForm:
    """The fields as they were typed; ``media_types`` are those that are ticked."""

    kind: str
    name: str = ""
    label: str = ""
    unit: str = ""
    hint: str = ""
    choices: str = ""
    low: str = ""
    high: str = ""
    max_bytes: str = ""
    max_files: str = "1"
    reference_data_type: str = ""
    reference_label: str = ""
    repository_id: str = ""
    media_types: tuple[str, ...] = ()
    mandatory: bool = False
    unique: bool = False
    phi: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: MultiDict[str, str]) -> AttributeForm:
        def text(name: str) -> str:
            return given.get(name, "")[:1000]

        return cls(
            kind=given.get("kind", "")[:40], name=text("name"), label=text("label"), unit=text("unit"),
            hint=text("hint"), choices=given.get("choices", "")[:_LONGEST_CHOICES], low=text("low"), high=text("high"),
            max_bytes=text("max_bytes"), max_files=text("max_files"), reference_data_type=text("reference_data_type"),
            reference_label=text("reference_label"), repository_id=text("repository_id"),
            media_types=several(given, "media_types"),
            mandatory="mandatory" in given, unique="unique" in given, phi="phi" in given,
        )  # fmt: skip

    @classmethod
    def of(cls, spec: AttributeSpec) -> AttributeForm:
        """The form as it stands before anything is typed."""
        return cls(
            kind=spec.kind, name=spec.name, label=spec.label, unit=spec.unit or "", hint=spec.hint or "",
            choices="\n".join(map(_line, spec.choices or ())),
            low=number_text(spec.low), high=number_text(spec.high),
            max_bytes=number_text(None if spec.max_bytes is None else spec.max_bytes / _MEGABYTE),
            max_files=str(spec.max_files), reference_data_type=spec.reference_data_type or "",
            reference_label=spec.reference_label or "",
            repository_id="" if spec.repository_id is None else str(spec.repository_id), media_types=_accepted(spec),
            mandatory=spec.mandatory, unique=spec.unique, phi=spec.phi,
        )  # fmt: skip

    @property
    def offered_types(self) -> list[tuple[str, str, str]]:
        """The kinds of file to tick, with their endings."""
        return [
            (kind.media_type, " ".join(kind.extensions), kind.media_type)
            for kind in KINDS
            if self.kind != "IMAGE" or kind.media_type in PICTURES
        ]

    @property
    def may_be_unique(self) -> bool:
        return self.kind in UNIQUE_TYPES or self.unique

    def hidden(self) -> list[tuple[str, str]]:
        """The fields as the page sends them again that asks whether a change is meant."""
        texts = ("kind", "label", "unit", "hint", "choices", "low", "high", "max_bytes", "max_files",
                 "reference_data_type", "reference_label", "repository_id")  # fmt: skip
        ticks = ("mandatory", "unique", "phi")
        return [
            *((name, getattr(self, name)) for name in texts),
            *((name, "1") for name in ticks if getattr(self, name)),
            *(("media_types", one) for one in self.media_types),
        ]

    def spec(self, present: AttributeSpec | None = None) -> tuple[AttributeSpec, dict[str, str]]:
        """The attribute that is asked for, and by field what cannot be read.

        :param present: what it is now; its name stays, and for files what the form does not ask
        """
        faults: dict[str, str] = {}
        is_file = self.kind in FILE_TYPES
        size = read_number(faults, "max_bytes", self.max_bytes) if is_file else None
        wanted = AttributeSpec(
            name=present.name if present else self.name.strip(),
            label=self.label,
            kind=self.kind,
            unit=self.unit,
            hint=self.hint,
            choices=tuple(_choices(self.choices)) if self.kind in SELECTS else None,
            mandatory=self.mandatory,
            unique=self.unique,
            phi=self.phi if present is None or not is_file else present.phi,
            low=read_number(faults, "low", self.low) if self.kind in NUMBERS else None,
            high=read_number(faults, "high", self.high) if self.kind in NUMBERS else None,
            max_bytes=None if size is None else _whole(size * _MEGABYTE),
            max_files=_count(faults, self.max_files) if is_file else 1,
            reference_data_type=self.reference_data_type or None,
            reference_label=self.reference_label,
            repository_id=_source(self.repository_id) if self.kind == "LABEL" else None,
        )
        if is_file:
            wanted = replace(wanted, media_types=self._media_types(wanted, present, faults))
        return wanted, faults

    def _media_types(
        self, wanted: AttributeSpec, present: AttributeSpec | None, faults: dict[str, str]
    ) -> tuple[str, ...] | None:
        """The ticked ones; what is kept stays as it was written when it comes to the same."""
        ticked = {one for one, *_ in self.offered_types} & set(self.media_types)
        if not ticked:
            faults["media_types"] = "Choose at least one kind of file."
        if present is not None and present.kind == wanted.kind and ticked == set(_accepted(present)):
            return None if present.media_types is None else tuple(present.media_types)
        if ticked == {one for one, *_ in self.offered_types}:
            return None
        return tuple(one for one, *_ in self.offered_types if one in ticked)


def number_text(number: float | None) -> str:
    """A number as a field shows it."""
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(float(number))


def read_number(faults: dict[str, str], name: str, text: str) -> float | None:
    """A number that was typed; None for an empty field, and, with words among the faults, for what is none."""
    stripped = text.strip()
    if not stripped:
        return None
    # Python reads 1_000, nan and the digits of other scripts, too.
    if set(stripped) <= set("0123456789+-.eE"):
        with suppress(ValueError):
            return float(stripped)
    faults[name] = "This must be a number with a decimal point, such as 12.5."
    return None


def _source(text: str) -> int | None:
    """The id that was chosen; what is none is of no source, which the rules of attributes refuse in words."""
    if not text.strip():
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _whole(number: float) -> int:
    """The nearest whole number; one that is too large to be meant stays too large."""
    return round(number) if abs(number) < 1e18 else 10**18


def _count(faults: dict[str, str], text: str) -> int:
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit() and len(stripped) <= 6:
        return int(stripped)
    faults["max_files"] = "This must be a whole number, such as 1."
    return 1


def _choices(text: str) -> list[dict[str, str]]:
    found = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        value, between, label = line.partition(BETWEEN)
        if line.strip():
            found.append({"value": value.strip(), "label": (label if between else value).strip()})
    return found


def _line(choice: Mapping[str, Any]) -> str:
    value, label = str(choice["value"]), str(choice["label"])
    return value if value == label and BETWEEN not in value else f"{value}{BETWEEN}{label}"


def _accepted(spec: AttributeSpec) -> tuple[str, ...]:
    if spec.kind not in FILE_TYPES:
        return ()
    allowed = spec.media_types or (PICTURES if spec.kind == "IMAGE" else ())
    return tuple(kind.media_type for kind in accepted_kinds(allowed))

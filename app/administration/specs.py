"""What a template is made of, as plain values; the same words as the columns of the template's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.administration.words import NAME
from app.models.template import ATTRIBUTE_TYPES, DATA_TYPES, FILE_TYPES

SELECT_TYPES = ("SINGLE_SELECT", "MULTI_SELECT")


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """One attribute; see :class:`~app.models.TemplateAttribute` for what the fields mean."""

    name: str
    label: str
    kind: str
    unit: str | None = None
    hint: str | None = None
    choices: Sequence[Mapping[str, Any]] | None = None
    mandatory: bool = False
    unique: bool = False
    phi: bool = False
    low: float | None = None
    high: float | None = None
    media_types: Sequence[str] | None = None
    max_bytes: int | None = None
    max_files: int = 1
    reference_data_type: str | None = None
    reference_label: str | None = None
    repository_id: int | None = None

    def fault(self) -> str | None:
        """What is wrong with it, in words; ``None`` when nothing is."""
        if not NAME.fullmatch(self.name):
            return "a name is 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter"
        if not 0 < len(self.label) <= 100:
            return "a label has 1 to 100 characters"
        if self.kind not in ATTRIBUTE_TYPES:
            return f"{self.kind} is not a type of attribute"
        return self._fault_of_kind()

    def _fault_of_kind(self) -> str | None:
        if self.kind in SELECT_TYPES and not self.choices:
            return "a select needs choices"
        if any("value" not in choice or "label" not in choice for choice in self.choices or ()):
            return "a choice has a value and a label"
        if self.kind == "REFERENCE" and self.reference_data_type not in DATA_TYPES:
            return "a reference says which data type it points at"
        if self.repository_id is not None and self.kind != "LABEL":
            return "codes are text on one line"
        if self.kind in FILE_TYPES and not 1 <= self.max_files <= 1000:
            return "an attribute holds 1 to 1,000 files"
        if self.low is not None and self.high is not None and self.low > self.high:
            return "the low bound is above the high one"
        return None


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric; see :class:`~app.models.Metric`."""

    name: str
    label: str
    unit: str | None = None
    kind: str = "numeric"
    part: str = ""
    normal_low: float | None = None
    normal_high: float | None = None
    description: str | None = None

    def fault(self) -> str | None:
        """What is wrong with it, in words; ``None`` when nothing is."""
        if not NAME.fullmatch(self.name):
            return "a name is 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter"
        if not 0 < len(self.label) <= 100:
            return "a label has 1 to 100 characters"
        if self.kind not in ("numeric", "boolean"):
            return f"{self.kind} is not a type of metric"
        if len(self.description or "") > 1000:
            return "a description has at most 1,000 characters"
        return None


ORGANIZATION_ATTRIBUTES = (
    AttributeSpec(name="name", label="Name", kind="LABEL", mandatory=True),
    AttributeSpec(name="short_code", label="Short code", kind="LABEL", mandatory=True, unique=True),
)
USER_ATTRIBUTES = (
    AttributeSpec(name="name", label="Name", kind="LABEL", mandatory=True),
    AttributeSpec(name="email", label="E-mail", kind="EMAIL", mandatory=True, unique=True),
)

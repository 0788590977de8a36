"""An import in words."""

from __future__ import annotations

from dataclasses import dataclass

from app.imports import Preview, Result
from app.models import MeasurementImport
from app.models.types import from_milliseconds
from app.portal.measured import moment_words, number, period_words

STATES = {
    "draft": ("Columns not chosen", "neutral"),
    "checking": ("Looking at it", "info"),
    "checked": ("Ready to load", "warning"),
    "loading": ("Loading", "info"),
    "done": ("Loaded", "success"),
    "failed": ("Failed", "danger"),
    "cancelled": ("Cancelled", "neutral"),
}
"""What a state is called, and the tone of its badge."""
PHASES = {"checking": "Looking at every line; nothing is stored yet", "loading": "Storing the values"}
SAID = {
    "draft": "The columns of the file are not chosen yet.",
    "checking": "The file is being looked at.",
    "checked": "The file was looked at. Nothing is stored yet.",
    "loading": "The values are being stored.",
    "done": "The values were stored.",
    "failed": "The import failed.",
    "cancelled": "The import was cancelled.",
}


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A row of the preview."""

    line: int
    moment: str
    device: str | None
    metric: str
    value: str


def value_rows(preview: Preview | None) -> list[ShownValue]:
    """The previewed values as they would be stored."""
    return [
        ShownValue(
            line=one.line,
            moment=moment_words(one.time),
            device=one.device,
            metric=one.metric.label,
            value=_value(one.value, one.metric.unit, is_boolean=one.metric.is_boolean),
        )
        for one in (preview.values if preview else ())
    ]


def _value(value: float, unit: str | None, *, is_boolean: bool) -> str:
    if is_boolean:
        return "Yes" if value else "No"
    return f"{number(value, 12)} {unit}" if unit else number(value, 12)


def first_words(result: Result) -> str | None:
    """From when to when the values of a file are."""
    if result.first is None or result.last is None:
        return None
    return period_words(from_milliseconds(result.first), from_milliseconds(result.last))


def summary_words(imported: MeasurementImport) -> str:
    """What an import came to, in the list."""
    if imported.state == "done" and not (imported.added or imported.corrected):
        return f"Nothing changed: {_counted(imported.unchanged)} there already"
    if imported.state == "done" or imported.added or imported.corrected:
        parts = [f"{imported.added:,} added"]
        parts += [f"{imported.corrected:,} corrected"] if imported.corrected else []
        parts += [f"{imported.unchanged:,} there already"] if imported.unchanged else []
        return ", ".join(parts)
    return "–"


def _counted(count: int) -> str:
    return f"{count:,} value{'' if count == 1 else 's'}"

"""What the columns of a file are: chosen by a person, kept beside the import, read by whoever reads the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from app.errors import Invalid
from app.imports.instants import KINDS, WITHOUT_ZONE, is_zone
from app.imports.lines import BOMS

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "upright line"}
DECIMALS = {".": "point (36.5)", ",": "comma (36,5)"}
LAYOUTS = {
    "wide": "A column for each metric",
    "long": "A column that names the metric, and one with its value",
}


@dataclass(frozen=True, slots=True)
class Writing:
    """How a file is written. ``heading`` is the number of the line with the columns' names; 0: it has none."""

    encoding: str = "utf-8"
    delimiter: str = ","
    heading: int = 1

    def faults(self) -> dict[str, str]:
        """What is wrong with what somebody sent, by field."""
        found = {}
        if self.encoding not in BOMS:
            found["encoding"] = "Choose one of the encodings."
        if self.delimiter not in DELIMITERS:
            found["delimiter"] = "Choose one of the signs between columns."
        if not 0 <= self.heading <= 1000:
            found["heading"] = "The heading's line is a number from 0 to 1000."
        return found


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns are, by their places from 0. ``metrics``: a metric's name by the place of its column."""

    layout: str = "wide"
    time: int | None = None
    time_kind: str | None = None
    zone: str | None = None
    decimal: str = "."
    device: int | None = None
    metric: int | None = None
    value: int | None = None
    metrics: Mapping[int, str] = field(default_factory=dict)

    def faults(self, count: int, *, several: bool) -> dict[str, str]:
        """What is missing or cannot be, by field.

        :param count: how many columns the file has
        :param several: a column must name the devices
        """
        found = {}
        if self.time is None:
            found["time"] = "Choose the column with the time."
        if self.time_kind not in KINDS:
            found["time_kind"] = "Choose how the time is written."
        if self.zone is not None and not is_zone(self.zone):
            found["zone"] = "Choose a time zone from the list."
        if self.decimal not in DECIMALS:
            found["decimal"] = "Choose the sign before a number's fraction."
        if several and self.device is None:
            found["device"] = "Choose the column with the device's ID."
        found |= self._faults_of_layout()
        used = [one for one in self.used(several=several) if one is not None]
        if any(not 0 <= one < count for one in used):
            found["time"] = "The file has no such column. Load the page again."
        elif len(used) != len(set(used)):
            found["layout"] = "One column is chosen for two things."
        return found

    def _faults_of_layout(self) -> dict[str, str]:
        if self.layout == "wide":
            if not self.metrics:
                return {"metrics": "Choose a metric for at least one column."}
            if len(set(self.metrics.values())) != len(self.metrics):
                return {"metrics": "One metric is chosen for two columns."}
            return {}
        if self.layout != "long":
            return {"layout": "Choose how the values stand in the file."}
        found = {}
        if self.metric is None:
            found["metric"] = "Choose the column that names the metric."
        if self.value is None:
            found["value"] = "Choose the column with the value."
        return found

    def used(self, *, several: bool) -> list[int | None]:
        """The places of the columns that are read."""
        fixed = [self.time, self.device if several else None]
        return [*fixed, *self.metrics] if self.layout == "wide" else [*fixed, self.metric, self.value]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is needed to read a file: how it is written, what its columns are called, and what they are."""

    writing: Writing
    names: tuple[str, ...]
    columns: Columns

    def to_json(self) -> str:
        told = asdict(self.columns) | {"metrics": {str(k): v for k, v in self.columns.metrics.items()}}
        return orjson.dumps({"writing": asdict(self.writing), "names": self.names, "columns": told}).decode()

    @classmethod
    def from_json(cls, text: str) -> Reading:
        told: dict[str, Any] = orjson.loads(text)
        columns = told["columns"]
        columns["metrics"] = {int(place): name for place, name in columns["metrics"].items()}
        return cls(Writing(**told["writing"]), tuple(told["names"]), Columns(**columns))


def require_whole(columns: Columns, count: int, *, several: bool, zoneless: bool) -> None:
    """Refuse a choice with which a file cannot be read.

    :param zoneless: the file's times were seen to leave open in which zone they are
    :raises Invalid: ``fields`` says what is missing
    """
    found = columns.faults(count, several=several)
    if zoneless and columns.time_kind in WITHOUT_ZONE and not columns.zone and "zone" not in found:
        found["zone"] = "The file does not say in which time zone its times are. Choose it."
    if found:
        raise Invalid(fields=found)

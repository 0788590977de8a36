"""The columns of a device's file: the instant, then the chosen metrics of its template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.builder.formulas import guarded
from app.exports.kinds.data_export_params import DataExportParams

TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class MetricWords:
    """A metric as a file speaks of it; frozen when the export is planned."""

    id: int
    template_id: str
    name: str
    label: str
    unit: str | None
    part: str
    kind: str

    def to_plain(self) -> list[Any]:
        return [self.id, self.template_id, self.name, self.label, self.unit, self.part, self.kind]

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> MetricWords:
        return cls(*plain)


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric and the header that its column carries in the file."""

    metric: MetricWords
    header: str


class Columns:
    """The columns of each template's files."""

    def __init__(self, metrics: Iterable[MetricWords], params: DataExportParams) -> None:
        by_template: dict[str, list[MetricWords]] = {}
        for metric in sorted(metrics, key=lambda one: (one.label, one.id)):
            by_template.setdefault(metric.template_id, []).append(metric)
        self._of = {
            template_id: [MetricColumn(*pair) for pair in zip(own, headers_of(own, params), strict=True)]
            for template_id, own in by_template.items()
        }

    def of(self, template_id: str) -> list[MetricColumn]:
        """The metric columns of a template's files, in order; none when no metric of it was chosen."""
        return self._of.get(template_id, [])

    @property
    def by_template(self) -> Mapping[str, list[MetricColumn]]:
        return self._of


def headers_of(metrics: Sequence[MetricWords], params: DataExportParams) -> list[str]:
    """The headers of one file's metrics, as written: no two the same, and none like the first column's."""
    labels = Counter(metric.label for metric in metrics)
    parts = Counter((metric.label, metric.part) for metric in metrics)
    for_spreadsheets = params.for_spreadsheets and params.format == "csv"
    texts = []
    for metric in metrics:
        text = guarded(metric.label) if for_spreadsheets else metric.label
        if labels[metric.label] > 1 or metric.label == TIMESTAMP:
            alone = metric.part and parts[metric.label, metric.part] == 1
            text = f"{text} ({metric.part if alone else metric.id})"
        texts.append(f"{text} [{metric.unit}]" if params.include_unit and metric.unit else text)
    # "A" of part "x" may come to be what another metric is called: "A (x)".
    while len(set(texts)) < len(texts):
        seen = Counter(texts)
        pairs = zip(texts, metrics, strict=True)
        texts = [f"{text} ({metric.id})" if seen[text] > 1 else text for text, metric in pairs]
    return texts


def fields_of(columns: Sequence[MetricColumn], params: DataExportParams) -> list[dict[str, Any]]:
    """The columns as the builder of a file with types is told them, the instants' first."""
    instants = "instant" if params.timestamp_format == "ISO_8601" else "integer"
    return [
        {"name": TIMESTAMP, "type": instants, "unit": None},
        *(
            {
                "name": column.header,
                "type": "number",
                "unit": column.metric.unit,
                "metric": column.metric.name,
                "label": column.metric.label,
                "part": column.metric.part,
                "kind": column.metric.kind,
            }
            for column in columns
        ),
    ]

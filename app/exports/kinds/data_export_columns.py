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
    description: str | None = None

    def to_plain(self) -> list[Any]:
        words = [self.name, self.label, self.unit, self.part, self.kind, self.description]
        return [self.id, self.template_id, *words]

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> MetricWords:
        """A plan of before metrics had descriptions is shorter, and is built as well."""
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
        for metric in sorted(metrics, key=lambda one: (_word(one, params), one.id)):
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
    words = [_word(metric, params) for metric in metrics]
    alike = Counter(words)
    parts = Counter((_word(metric, params), metric.part) for metric in metrics)
    for_spreadsheets = params.for_spreadsheets and params.format == "csv"
    texts = []
    for word, metric in zip(words, metrics, strict=True):
        text = guarded(word) if for_spreadsheets else word
        if alike[word] > 1 or word == TIMESTAMP:
            alone = metric.part and parts[word, metric.part] == 1
            text = f"{text} ({metric.part if alone else metric.id})"
        texts.append(f"{text} [{metric.unit}]" if params.include_unit and metric.unit else text)
    # "A" of part "x" may come to be what another metric is called: "A (x)".
    while len(set(texts)) < len(texts):
        seen = Counter(texts)
        pairs = zip(texts, metrics, strict=True)
        texts = [f"{text} ({metric.id})" if seen[text] > 1 else text for text, metric in pairs]
    return texts


def _word(metric: MetricWords, params: DataExportParams) -> str:
    return metric.name if params.headed_by == "name" else metric.label


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

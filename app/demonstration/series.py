"""The demonstration's measurements: what the sources yield, as columns for the measurements room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from sqlalchemy import select

from app.demonstration.sources.actg175 import CellCount
from app.demonstration.sources.synthea import VitalSign
from app.demonstration.sources.telemetry import Reading
from app.demonstration.sources.waveforms import Electrocardiogram
from app.extensions import db
from app.measurements import take_in
from app.models import Metric, Revision, Series
from app.models.types import to_milliseconds


def metric_ids(template_id: UUID) -> dict[str, int]:
    """The ids of a template's metrics by name."""
    rows = db.session.execute(select(Metric.name, Metric.id).where(Metric.template_id == template_id))
    return dict(rows.all())


def new_series(tenant_id: UUID, patient_ids: Sequence[UUID]) -> list[int]:
    """A series for each of many new patients, in their order. No commit."""
    made = [
        Series(tenant_id=tenant_id, patient_id=patient_id, subject_key=Series.key_for(None, patient_id, None))
        for patient_id in patient_ids
    ]
    db.session.add_all(made)
    db.session.flush()
    return [series.id for series in made]


@dataclass(slots=True)
class Columns:
    """Values of many series gathered to be taken in together."""

    series: list[int] = field(default_factory=list)
    metrics: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, series: int, metric: int, time_ms: int, value: float) -> None:
        self.series.append(series)
        self.metrics.append(metric)
        self.times.append(time_ms)
        self.values.append(value)

    def take_in(self, tenant_id: UUID, revision: Revision) -> int:
        """Give everything to the measurements room; answers how many values. No commit."""
        take_in(tenant_id, self.series, self.metrics, self.times, self.values, revision)
        return len(self.values)


def add_counts(columns: Columns, series: int, counts: Iterable[CellCount], metrics: dict[str, int]) -> None:
    """CD4 and CD8; a missing value adds nothing."""
    for count in counts:
        at = to_milliseconds(count.taken_at)
        for name, value in (("cd4", count.cd4), ("cd8", count.cd8)):
            if value is not None:
                columns.add(series, metrics[name], at, float(value))


def add_vital_signs(columns: Columns, series: int, signs: Iterable[VitalSign], metrics: dict[str, int]) -> None:
    for sign in signs:
        columns.add(series, metrics[sign.metric], to_milliseconds(sign.taken_at), sign.value)


def add_readings(columns: Columns, series: int, readings: Iterable[Reading], metrics: dict[str, int]) -> None:
    for reading in readings:
        at = to_milliseconds(reading.taken_at)
        columns.add(series, metrics["battery"], at, reading.battery)
        columns.add(series, metrics["temperature"], at, reading.temperature)


def take_in_ecg(
    tenant_id: UUID, series: int, ecg: Electrocardiogram, metrics: dict[str, int], revision: Revision
) -> int:
    """All leads as they are, sample by sample; answers how many values. No commit."""
    leads: Sequence[int] = [metrics[f"ecg_{lead}"] for lead in ecg.leads]
    samples = len(ecg.millivolts)
    take_in(
        tenant_id,
        series,
        np.tile(np.array(leads, dtype=np.int64), samples),
        np.repeat(ecg.epoch_ms(), len(leads)),
        ecg.millivolts.ravel(),
        revision,
    )
    return samples * len(leads)

"""A resting 12-lead electrocardiogram at 1 kHz, from the file that pydicom ships for its own tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from app.demonstration.sources.installed import SourceMissing, package_file

MICROVOLTS_PER_MILLIVOLT = 1000.0
SHORT_LEAD_NAMES = {"Lead I (Einthoven)": "I"}


@dataclass(frozen=True, slots=True)
class Electrocardiogram:
    """``millivolts`` has a row for each sample, evenly spaced, and a column for each of ``leads``."""

    started_at: datetime
    sampling_hz: int
    leads: tuple[str, ...]
    millivolts: NDArray[np.float64] = field(repr=False, compare=False)
    manufacturer: str
    model: str
    path: Path

    def epoch_ms(self) -> NDArray[np.int64]:
        """The time of each sample in milliseconds since 1970 (UTC)."""
        start = round(self.started_at.timestamp() * 1000)
        steps = np.arange(len(self.millivolts), dtype=np.int64) * 1000 // self.sampling_hz
        return start + steps


def resting_ecg() -> Electrocardiogram:
    """The recording's rhythm strip: 12 leads, 10,000 samples each.

    The recorder kept local time without a zone; it is read as UTC.

    :raises SourceMissing: pydicom is not installed, or its file is not the one this was written for
    """
    path = package_file("pydicom", "data", "test_files", "waveform_ecg.dcm")
    recording = dcmread(path)
    group = next((g for g in recording.WaveformSequence if g.get("MultiplexGroupLabel") == "RHYTHM"), None)
    if group is None:
        raise SourceMissing(f"{path.name} holds no rhythm strip")
    units = {c.ChannelSensitivityUnitsSequence[0].CodeValue for c in group.ChannelDefinitionSequence}
    if units != {"uV"}:
        raise SourceMissing(f"{path.name} is not in microvolts but in {sorted(units)}")
    microvolts = recording.waveform_array(list(recording.WaveformSequence).index(group))
    return Electrocardiogram(
        started_at=datetime.strptime(recording.AcquisitionDateTime[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC),
        sampling_hz=int(group.SamplingFrequency),
        leads=tuple(_lead_name(c.ChannelSourceSequence[0].CodeMeaning) for c in group.ChannelDefinitionSequence),
        millivolts=np.asarray(microvolts, dtype=np.float64) / MICROVOLTS_PER_MILLIVOLT,
        manufacturer=str(recording.Manufacturer),
        model=str(recording.ManufacturerModelName),
        path=path,
    )


def _lead_name(meaning: str) -> str:
    return SHORT_LEAD_NAMES.get(meaning, meaning.removeprefix("Lead "))

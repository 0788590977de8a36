"""Load the demonstration: once, or what a broken load left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from uuid import UUID

from sqlalchemy import select

from app.catalog.records import add_entities
from app.demonstration.attaching import attach_files
from app.demonstration.houses import ACME
from app.demonstration.identity import record_id
from app.demonstration.records import (
    ECG_DEVICE,
    ECG_PATIENT,
    HOMES,
    device_record,
    invented_record,
    log_record,
    session_record,
    trial_record,
)
from app.demonstration.series import (
    Columns,
    add_counts,
    add_readings,
    add_vital_signs,
    metric_ids,
    new_series,
    take_in_ecg,
)
from app.demonstration.settling import Settled, settle
from app.demonstration.sources.actg175 import trial_patients
from app.demonstration.sources.devices import DESCRIBED, Device, device_logs, devices
from app.demonstration.sources.synthea import InventedPatient, invented_patients
from app.demonstration.sources.telemetry import readings
from app.demonstration.sources.waveforms import Electrocardiogram, resting_ecg
from app.demonstration.terminology import load_terminology
from app.extensions import db
from app.measurements import seal_measurements, series_for
from app.models import Entity, EntityHistory, Revision, begin_writing, take_revision


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to. ``lines`` say in words what was added: none when everything was there."""

    lines: tuple[str, ...]
    seconds: float
    credentials_path: Path

    @property
    def changed(self) -> bool:
        """Whether anything was added."""
        return bool(self.lines)


def load_demonstration(credentials_path: Path) -> Load:
    """Put the demonstration into the database and the storage, unless it is there.

    A step is left out when its records are there, so a second call changes nothing and a load that was broken
    off is finished by the next. What people did to the records since is never undone.

    :param credentials_path: where the sign-in details are kept; made once, mode 600, and read afterwards
    :raises SourceMissing: a package of ``requirements-demo.txt`` is not installed
    :raises UnreadableCredentials: the file is there but is not ours
    """
    begun = monotonic()
    settled = settle(credentials_path)
    lines = [f"{settled.made} tenants, organizations, wards, people and templates"] if settled.made else []
    for step in (load_devices, load_trial, load_invented, attach_files, load_terminology):
        if done := step(settled):
            lines.append(done)
    db.session.rollback()
    if lines:
        # Nobody else delivers yet, so nothing is waited for.
        seal_measurements(settled_for=timedelta(0))
        db.session.rollback()
    return Load(tuple(lines), monotonic() - begun, credentials_path)


def _is_there(entity_id: UUID) -> bool:
    """Whether the record was ever added: one that somebody removed since does not come back."""
    if db.session.get(Entity, entity_id) is not None:
        return True
    return db.session.scalar(select(EntityHistory.id).where(EntityHistory.id == entity_id).limit(1)) is not None


def load_devices(settled: Settled) -> str | None:
    """Devices with their logs and self-test readings, tenant by tenant."""
    known = list(devices())
    firsts = [next(device for device in known if device.site == site) for site in ("northside", "fjord")]
    if all(_is_there(record_id("device", first.device_id)) for first in firsts):
        return None
    logs = list(device_logs())
    values = 0
    for slug, tenant_id in settled.tenants.items():
        ours = {device.device_id: device for device in known if settled.tenant_of_site[device.site] == slug}
        begin_writing()
        if _is_there(record_id("device", next(iter(ours)))):
            continue
        revision = take_revision(tenant_id)
        add_entities((device_record(device, settled) for device in ours.values()), revision=revision)
        wrote = [log for log in logs if log.device_id in ours]
        add_entities((log_record(log, ours[log.device_id], settled) for log in wrote), revision=revision)
        columns = Columns()
        described = {row[0] for row in DESCRIBED}
        for device in ours.values():
            if device.device_id in described:
                _add_readings(columns, tenant_id, device, settled)
        values += columns.take_in(tenant_id, revision)
        db.session.commit()
    return f"{len(known)} devices, {len(logs)} log records, {values:,} readings"


def _add_readings(columns: Columns, tenant_id: UUID, device: Device, settled: Settled) -> None:
    template = settled.templates[settled.tenant_of_site[device.site], device.kind]
    series = series_for(tenant_id, device_id=record_id("device", device.device_id)).id
    add_readings(columns, series, readings(device), metric_ids(template))


def load_trial(settled: Settled) -> str | None:
    """The trial's patients with their cell counts, in one transaction."""
    cohort = list(trial_patients())
    if _is_there(record_id("trial_patient", cohort[0].code)):
        return None
    tenant_id = settled.tenants[ACME]
    metrics = metric_ids(settled.templates[ACME, "trial_patient"])
    begin_writing()
    revision = take_revision(tenant_id)
    add_entities((trial_record(patient, rank, settled) for rank, patient in enumerate(cohort)), revision=revision)
    # Their records are new, so their series are too: no need to ask for each.
    series = new_series(tenant_id, [record_id("trial_patient", patient.code) for patient in cohort])
    columns = Columns()
    for patient, theirs in zip(cohort, series, strict=True):
        add_counts(columns, theirs, patient.counts, metrics)
    values = columns.take_in(tenant_id, revision)
    db.session.commit()
    return f"{len(cohort):,} trial patients with {values:,} cell counts"


def load_invented(settled: Settled) -> str | None:
    """The invented patients with their vital signs, and the electrocardiogram of one of them."""
    ecg = resting_ecg()
    if _is_there(record_id("ecg_session", ecg.path.name)):
        return None
    people = list(invented_patients())
    values = 0
    # The tenant that records the electrocardiogram comes last: the session marks the step as done.
    for slug, tenant_id in sorted(settled.tenants.items(), key=lambda known: known[0] == ACME):
        ours = [
            (place, person) for place, person in enumerate(people) if settled.tenant_of_site[HOMES[place][0]] == slug
        ]
        begin_writing()
        if _is_there(record_id("patient", ours[0][1].record_number)):
            continue
        revision = take_revision(tenant_id)
        add_entities((invented_record(person, place, settled) for place, person in ours), revision=revision)
        columns = Columns()
        metrics = metric_ids(settled.templates[slug, "patient"])
        for _, person in ours:
            series = series_for(tenant_id, patient_id=record_id("patient", person.record_number)).id
            add_vital_signs(columns, series, person.vital_signs, metrics)
        values += columns.take_in(tenant_id, revision)
        if slug == ACME:
            values += _add_session(ecg, people[ECG_PATIENT], settled, revision)
        db.session.commit()
    return f"{len(people)} invented patients and a 12-lead electrocardiogram, {values:,} values"


def _add_session(ecg: Electrocardiogram, person: InventedPatient, settled: Settled, revision: Revision) -> int:
    """The session and its samples, within the caller's transaction; answers how many values."""
    tenant_id = settled.tenants[ACME]
    new = session_record(ecg, person, settled)
    add_entities([new], revision=revision)
    series = series_for(
        tenant_id,
        device_id=record_id("device", ECG_DEVICE),
        patient_id=record_id("patient", person.record_number),
        session_id=new.entity_id,
    )
    metrics = metric_ids(settled.templates[ACME, "ecg_recorder"])
    return take_in_ecg(tenant_id, series.id, ecg, metrics, revision)

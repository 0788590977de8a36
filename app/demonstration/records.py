"""The demonstration's records: what the sources yield, as new entities of our templates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from app.catalog.records import NewEntity
from app.demonstration.houses import ACME
from app.demonstration.identity import record_id
from app.demonstration.settling import Settled
from app.demonstration.sources.actg175 import TrialPatient
from app.demonstration.sources.devices import NORTHSIDE, RIVERSIDE, Device, DeviceLog
from app.demonstration.sources.synthea import InventedPatient
from app.demonstration.sources.waveforms import Electrocardiogram

#: ICD-10 (WHO): "Unspecified human immunodeficiency virus [HIV] disease"; everybody in the trial had HIV.
HIV = "B24"
RECOUNT_DEVICE = "LAB-CYTO-0003"
RECOUNTED_EVERY = 53
ECG_DEVICE = "ECG-EL250-0017"
RECORDS_SINCE = datetime(2012, 1, 1, tzinfo=UTC)
"""Earlier visits of the invented patients came with their paper records."""

#: Where each invented patient is at home, in the order of the source, and which monitor watched them last.
HOMES = (
    (NORTHSIDE, "Day ward", "VSM-ARGUS-1207"),
    (RIVERSIDE, "Medical ward", "VSM-ARGUS-1101"),
    (NORTHSIDE, "Outpatient clinic", "VSM-ARGUS-1207"),
    (RIVERSIDE, "Medical ward", "VSM-ARGUS-1102"),
    (RIVERSIDE, "Cardiology ward", "VSM-ARGUS-1101"),
    (RIVERSIDE, "Emergency department", "VSM-ARGUS-1102"),
    ("fjord", "Consulting rooms", "VSM-ARGUS-3001"),
)
ECG_PATIENT = 4
"""Whose place in :data:`HOMES` the electrocardiogram is shown with."""


def device_record(device: Device, settled: Settled) -> NewEntity:
    """A device; its key is its own id."""
    slug = settled.tenant_of_site[device.site]
    return NewEntity(
        template=settled.template(slug, device.kind),
        organization_id=settled.organizations[device.site],
        location_id=settled.locations[device.site, device.ward],
        entity_id=record_id("device", device.device_id),
        key=device.device_id,
        caption=f"{device.name} ({device.device_id})",
        created_at=device.created_at,
        updated_at=device.updated_at,
        values={
            "name": device.name,
            "status": device.status,
            "manufacturer": device.manufacturer,
            "model": device.model,
            "serial_number": device.serial_number,
            "udi": device.unique_device_identifier,
            "firmware": device.firmware,
            "network_address": device.network_address,
            "last_service": device.last_service,
            "next_service": device.next_service,
            "service_history": device.service_history,
        },
    )


def log_record(log: DeviceLog, device: Device, settled: Settled) -> NewEntity:
    """A record of a device's log, at the place where the device stands."""
    return NewEntity(
        template=settled.template(settled.tenant_of_site[device.site], "device_log"),
        organization_id=settled.organizations[device.site],
        location_id=settled.locations[device.site, device.ward],
        entity_id=record_id("device_log", f"{log.device_id} {log.number}"),
        caption=f"{log.device_id} {log.number:03}: {log.title}",
        created_at=log.created_at,
        updated_at=log.updated_at,
        values={
            "title": log.title,
            "device": record_id("device", log.device_id),
            "number": log.number,
            "severity": log.severity,
            "status": log.status,
            "event_code": log.event_code,
            "recorded_at": log.created_at,
            "occurrences": log.occurrences,
            "message": log.message,
            "excerpt": "\n".join(log.lines),
        },
    )


def trial_record(patient: TrialPatient, rank: int, settled: Settled) -> NewEntity:
    """A participant of the trial. Every so many have stored samples that a device counted again."""
    recounted = rank % RECOUNTED_EVERY == 0
    return NewEntity(
        template=settled.template(ACME, "trial_patient"),
        organization_id=settled.organizations[NORTHSIDE],
        location_id=settled.locations[NORTHSIDE, "Outpatient clinic"],
        entity_id=record_id("trial_patient", patient.code),
        created_at=datetime.combine(patient.enrolled_on, time(7, 30), UTC) + timedelta(seconds=rank),
        updated_at=patient.counts[-1].taken_at + timedelta(hours=2),
        values={
            "participant": patient.code,
            "age": patient.age,
            "weight": patient.weight_kg,
            "gender": patient.gender,
            "race": patient.race,
            "diagnosis_code": HIV,
            "treatment_arm": patient.treatment_arm,
            "karnofsky_score": patient.karnofsky_score,
            "symptoms": patient.symptoms,
            "haemophilia": patient.haemophilia,
            "homosexual_activity": patient.homosexual_activity,
            "iv_drug_use": patient.iv_drug_use,
            "prior_therapy": patient.prior_therapy,
            "prior_therapy_days": patient.prior_therapy_days,
            "zidovudine_recently": patient.zidovudine_in_last_30_days,
            "other_prior_therapy": patient.other_prior_therapy,
            "off_treatment_early": patient.off_treatment_before_week_96,
            "enrolled_on": patient.enrolled_on,
            "days_followed": patient.days_followed,
            "event": patient.event,
            "recount_device": record_id("device", RECOUNT_DEVICE) if recounted else None,
        },
    )


def invented_record(person: InventedPatient, place: int, settled: Settled) -> NewEntity:
    """An invented patient at home in :data:`HOMES`; named by given and family name."""
    site, ward, monitor = HOMES[place]
    first = next(sign.taken_at for sign in person.vital_signs if sign.taken_at >= RECORDS_SINCE)
    code, title = person.main_diagnosis or (None, None)
    return NewEntity(
        template=settled.template(settled.tenant_of_site[site], "patient"),
        organization_id=settled.organizations[site],
        location_id=settled.locations[site, ward],
        entity_id=record_id("patient", person.record_number),
        caption=f"{person.given_name} {person.family_name}",
        created_at=first,
        updated_at=person.vital_signs[-1].taken_at + timedelta(minutes=40),
        values={
            "given_name": person.given_name,
            "family_name": person.family_name,
            "record_number": person.record_number,
            "gender": person.gender,
            "born": person.birth_date,
            "street": person.street,
            "city": person.city,
            "state": person.state,
            "telephone": person.telephone,
            "email": person.email,
            "diagnosis_code": code,
            "diagnosis": title,
            "conditions": "\n".join(_conditions(person)),
            "monitor": record_id("device", monitor),
        },
    )


def session_record(ecg: Electrocardiogram, patient: InventedPatient, settled: Settled) -> NewEntity:
    """The usage session in which the electrocardiogram was recorded."""
    site = HOMES[ECG_PATIENT][0]
    duration = len(ecg.millivolts) / ecg.sampling_hz
    return NewEntity(
        template=settled.template(settled.tenant_of_site[site], "ecg_session"),
        organization_id=settled.organizations[site],
        location_id=settled.locations[site, "Cardiology ward"],
        entity_id=record_id("ecg_session", ecg.path.name),
        created_at=ecg.started_at,
        updated_at=ecg.started_at + timedelta(minutes=6),
        values={
            "title": f"Resting ECG, 12 leads, {ecg.started_at:%Y-%m-%d %H:%M}",
            "device": record_id("device", ECG_DEVICE),
            "patient": record_id("patient", patient.record_number),
            "started_at": ecg.started_at,
            "duration": duration,
            "sampling_rate": ecg.sampling_hz,
        },
    )


def _conditions(person: InventedPatient) -> Iterator[str]:
    for condition in sorted(person.conditions, key=lambda known: known.onset):
        ended = "ongoing" if condition.ended_at is None else f"until {condition.ended_at:%Y-%m-%d}"
        times = "" if condition.episodes == 1 else f", {condition.episodes} times"
        yield f"{condition.code} {condition.display}, from {condition.onset:%Y-%m-%d}, {ended}{times}"

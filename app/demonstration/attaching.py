"""The demonstration's files, attached as a clinician attaches them: checked, previewed, in the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from uuid import UUID

from sqlalchemy import select

from app.accounts import actor_for_user
from app.attachments import begin_upload, receive
from app.catalog.values import values_of
from app.demonstration.houses import ACME, PEOPLE
from app.demonstration.identity import record_id
from app.demonstration.settling import Settled
from app.demonstration.sources import actg175, devices, documents, images, waveforms
from app.demonstration.sources.actg175 import TrialPatient
from app.demonstration.sources.images import SourceImage
from app.extensions import db
from app.models import Entity, StoredFile, User

LOGGED = ("ECG-EL250-0017", "ECG-EL250-0042", "VSM-ARGUS-1101", "LAB-CYTO-0003")
LOGS_WITH_FILE = 3
"""The last so many records of each device in :data:`LOGGED` have their excerpt attached."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file to attach; its bytes are made when it is its turn."""

    site: str
    entity_id: UUID
    attribute: str
    name: str
    content: Callable[[], bytes]


def attach_files(settled: Settled) -> str | None:
    """Attach what was never attached before; a file that somebody removed since stays removed."""
    attached = 0
    for plan in _plans(settled):
        if _was_attached(plan):
            continue
        actor = actor_for_user(_clinician(plan.site), via="shell")
        content = plan.content()
        reception = begin_upload(actor, plan.entity_id, plan.attribute, plan.name, len(content))
        receive(actor, reception, BytesIO(content))
        attached += 1
    return f"{attached} attached files" if attached else None


def _was_attached(plan: FilePlan) -> bool:
    held = select(StoredFile.id).where(
        StoredFile.entity_id == plan.entity_id,
        StoredFile.attribute == plan.attribute,
        StoredFile.name == plan.name,
    )
    return db.session.scalar(held.limit(1)) is not None


def _clinician(site: str) -> UUID:
    """Who attaches the files of a site. The sites of acme have the short codes of their organizations."""
    email = next(person.email for person in PEOPLE if person.short_code == site and person.role == "clinician")
    return db.session.scalars(select(User.id).where(User.email == email)).one()


def _plans(settled: Settled) -> Iterator[FilePlan]:
    yield from _trial_files()
    yield from _patient_files(settled)
    yield from _log_files()
    ecg = waveforms.resting_ecg()
    session = record_id("ecg_session", ecg.path.name)
    yield FilePlan(
        devices.RIVERSIDE,
        session,
        "recording",
        f"Resting ECG {ecg.started_at:%Y-%m-%d}.dcm",
        ecg.path.read_bytes,
    )


def _trial_files() -> Iterator[FilePlan]:
    """Images and documents of the first participants; ``analysis_file`` stays free for visitors."""
    pictures = list(images.images())
    shown: tuple[list[SourceImage], ...] = (pictures[:3], pictures[3:], [])
    for patient, theirs in zip(actg175.trial_patients(), shown, strict=False):
        entity_id = record_id("trial_patient", patient.code)
        for image in theirs:
            yield FilePlan(devices.NORTHSIDE, entity_id, "images", image.name, image.read)
        yield FilePlan(
            devices.NORTHSIDE,
            entity_id,
            "documents",
            f"{patient.code} enrolment summary.pdf",
            partial(_enrolment_summary, patient),
        )
        yield FilePlan(
            devices.NORTHSIDE,
            entity_id,
            "documents",
            f"{patient.code} cell counts.csv",
            partial(_counts_table, patient),
        )


def _patient_files(settled: Settled) -> Iterator[FilePlan]:
    """An ultrasound image and a summary for the first invented patient of each clinic."""
    ultrasound = next(image for image in images.images() if image.modality == "US")
    for site in (devices.NORTHSIDE, devices.RIVERSIDE):
        entity = db.session.scalars(
            select(Entity)
            .where(
                Entity.template_id == settled.templates[ACME, "patient"],
                Entity.organization_id == settled.organizations[site],
            )
            .order_by(Entity.created_at, Entity.id)
            .limit(1)
        ).one()
        facts = values_of(entity)
        yield FilePlan(site, entity.id, "images", ultrasound.name, ultrasound.read)
        yield FilePlan(
            site,
            entity.id,
            "documents",
            f"Summary {facts['record_number']}.pdf",
            partial(_patient_summary, facts),
        )


def _log_files() -> Iterator[FilePlan]:
    sites = {device.device_id: device.site for device in devices.devices()}
    for log in devices.device_logs():
        if log.device_id in LOGGED and log.number > devices.LOGS_A_DEVICE - LOGS_WITH_FILE:
            yield FilePlan(
                sites[log.device_id],
                record_id("device_log", f"{log.device_id} {log.number}"),
                "txt_log_file",
                log.file_name,
                partial(documents.text_log, log.lines),
            )


def _enrolment_summary(patient: TrialPatient) -> bytes:
    return documents.one_page_pdf(
        f"Enrolment summary, {patient.code}",
        [
            "Demonstration document, made from the ACTG175 trial data.",
            "",
            f"Enrolled on: {patient.enrolled_on:%Y-%m-%d} (by convention)",
            f"Age at entry: {patient.age} years",
            f"Weight at entry: {patient.weight_kg:.1f} kg",
            f"Karnofsky score: {patient.karnofsky_score}",
            f"Symptoms: {patient.symptoms}",
            f"Therapy before: {patient.prior_therapy}",
            f"Treatment arm: {patient.treatment_arm}",
            f"Followed for: {patient.days_followed} days",
            f"Outcome: {patient.outcome}",
        ],
    )


def _counts_table(patient: TrialPatient) -> bytes:
    return documents.csv_table(
        ("participant", "visit", "taken_at", "cd4_per_mm3", "cd8_per_mm3"),
        [
            (patient.code, count.visit, f"{count.taken_at:%Y-%m-%dT%H:%M:%SZ}", count.cd4, count.cd8)
            for count in patient.counts
        ],
    )


def _patient_summary(facts: dict[str, str]) -> bytes:
    shown = facts["conditions"].splitlines()
    return documents.one_page_pdf(
        f"Summary of record {facts['record_number']}",
        [
            "Demonstration document about an invented person.",
            "",
            f"Name: {facts['given_name']} {facts['family_name']}",
            f"Born: {facts['born']}",
            f"Main diagnosis: {facts['diagnosis_code']} {facts['diagnosis']}",
            "",
            "Diseases (SNOMED CT):",
            *shown[: documents.LINES_A_PAGE - 7],
        ],
    )

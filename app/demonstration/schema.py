"""The templates of the demonstration: what its patients, devices, sessions and logs look like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.administration import AttributeSpec, MetricSpec
from app.demonstration.sources import actg175, devices
from app.demonstration.sources.provenance import PROVENANCE

MEGABYTE = 1_000_000
DOCUMENT_TYPES = ("application/pdf", "text/csv", "text/plain")


@dataclass(frozen=True, slots=True)
class TemplatePlan:
    """What :func:`~app.administration.create_template` is asked for."""

    data_type: str
    name: str
    label: str
    attributes: Sequence[AttributeSpec]
    metrics: Sequence[MetricSpec] = ()
    product_model: str | None = None
    description: str | None = None


def _label(name: str, label: str, **more: object) -> AttributeSpec:
    return AttributeSpec(name=name, label=label, kind="LABEL", **more)  # type: ignore[arg-type]


def _select(name: str, label: str, words: Iterable[str], **more: object) -> AttributeSpec:
    choices = tuple({"value": word, "label": word} for word in words)
    return AttributeSpec(name=name, label=label, kind="SINGLE_SELECT", choices=choices, **more)  # type: ignore[arg-type]


def _yes_no(name: str, label: str, **more: object) -> AttributeSpec:
    return AttributeSpec(name=name, label=label, kind="BOOLEAN", **more)  # type: ignore[arg-type]


def _whole(name: str, label: str, unit: str | None, low: float, high: float) -> AttributeSpec:
    return AttributeSpec(name=name, label=label, kind="INTEGER", unit=unit, low=low, high=high)


def _points_at(name: str, label: str, data_type: str, called_there: str, **more: object) -> AttributeSpec:
    return AttributeSpec(
        name=name,
        label=label,
        kind="REFERENCE",
        reference_data_type=data_type,
        reference_label=called_there,
        **more,  # type: ignore[arg-type]
    )


PATIENT_FILES = (
    AttributeSpec(
        name="analysis_file",
        label="Analysis file",
        kind="FILE",
        hint="One PDF, CSV or text file of at most 20 MB.",
        media_types=DOCUMENT_TYPES,
        max_bytes=20 * MEGABYTE,
    ),
    AttributeSpec(
        name="images",
        label="Images",
        kind="IMAGE",
        hint="DICOM, PNG, JPEG or TIFF, at most 200 MB each.",
        max_bytes=200 * MEGABYTE,
        max_files=50,
    ),
    AttributeSpec(
        name="documents",
        label="Documents",
        kind="FILE",
        hint="PDF, CSV or text, at most 50 MB each.",
        media_types=DOCUMENT_TYPES,
        max_bytes=50 * MEGABYTE,
        max_files=50,
    ),
)

TRIAL_PATIENT = TemplatePlan(
    "patient",
    "trial_patient",
    "Trial patient",
    (
        _label("participant", "Participant", mandatory=True, unique=True),
        _whole("age", "Age at entry", "years", 0, 130),
        AttributeSpec(name="weight", label="Weight at entry", kind="DECIMAL", unit="kg", low=1, high=500),
        _select("gender", "Gender", actg175.GENDER.values()),
        _select("race", "Race", actg175.RACE.values()),
        _label("diagnosis_code", "Diagnosis (ICD-10)"),
        _select("treatment_arm", "Treatment arm", actg175.ARMS.values(), mandatory=True),
        _whole("karnofsky_score", "Karnofsky score", None, 0, 100),
        _select("symptoms", "Symptoms at entry", actg175.SYMPTOMS.values()),
        _yes_no("haemophilia", "Haemophilia"),
        _yes_no("homosexual_activity", "Homosexual activity", phi=True),
        _yes_no("iv_drug_use", "History of intravenous drug use", phi=True),
        _select("prior_therapy", "Antiretroviral therapy before", actg175.EXPERIENCE.values()),
        _whole("prior_therapy_days", "Days of therapy before", "days", 0, 20_000),
        _yes_no("zidovudine_recently", "Zidovudine in the 30 days before"),
        _yes_no("other_prior_therapy", "Other antiretroviral therapy before"),
        _yes_no("off_treatment_early", "Off treatment before week 96"),
        AttributeSpec(name="enrolled_on", label="Enrolled on", kind="DATE"),
        _whole("days_followed", "Days followed", "days", 0, 20_000),
        _yes_no("event", "Endpoint reached", hint="CD4 decline of half, AIDS or death."),
        _points_at("recount_device", "Stored samples counted on", "device", "Trial patients with stored samples"),
        *PATIENT_FILES,
    ),
    (
        MetricSpec(
            name="cd4",
            label="CD4 cells",
            unit="cells/mm³",
            normal_low=500,
            normal_high=1500,
            description="CD4-positive T lymphocytes counted in blood at a visit.",
        ),
        MetricSpec(
            name="cd8",
            label="CD8 cells",
            unit="cells/mm³",
            normal_low=150,
            normal_high=1000,
            description="CD8-positive T lymphocytes counted in blood at a visit.",
        ),
    ),
    description=PROVENANCE[0].sentence,
)

PATIENT = TemplatePlan(
    "patient",
    "patient",
    "Patient",
    (
        _label("given_name", "Given name", mandatory=True, phi=True),
        _label("family_name", "Family name", mandatory=True, phi=True),
        _label("record_number", "Record number", mandatory=True, unique=True, phi=True),
        _select("gender", "Gender", ("Female", "Male", "Other", "Unknown")),
        AttributeSpec(name="born", label="Date of birth", kind="DATE", phi=True),
        _label("street", "Street", phi=True),
        _label("city", "City", phi=True),
        _label("state", "State", phi=True),
        AttributeSpec(name="telephone", label="Telephone", kind="PHONE", phi=True),
        AttributeSpec(name="email", label="E-mail", kind="EMAIL", phi=True),
        _label("diagnosis_code", "Main diagnosis (ICD-10)"),
        _label("diagnosis", "Main diagnosis"),
        AttributeSpec(name="conditions", label="Diseases (SNOMED CT)", kind="PARAGRAPH"),
        _points_at("monitor", "Bedside monitor", "device", "Patients"),
        *PATIENT_FILES,
    ),
    (
        MetricSpec(name="heart_rate", label="Heart rate", unit="/min", normal_low=60, normal_high=100),
        MetricSpec(name="systolic_pressure", label="Systolic pressure", unit="mmHg", normal_low=90, normal_high=140),
        MetricSpec(name="diastolic_pressure", label="Diastolic pressure", unit="mmHg", normal_low=60, normal_high=90),
        MetricSpec(name="respiratory_rate", label="Respiratory rate", unit="/min", normal_low=12, normal_high=20),
        MetricSpec(name="oxygen_saturation", label="Oxygen saturation", unit="%", normal_low=95, normal_high=100),
        MetricSpec(name="body_temperature", label="Body temperature", unit="°C", normal_low=36.1, normal_high=37.5),
        MetricSpec(name="body_weight", label="Body weight", unit="kg"),
        MetricSpec(name="body_height", label="Body height", unit="cm"),
        MetricSpec(name="body_mass_index", label="Body mass index", unit="kg/m²", normal_low=18.5, normal_high=25),
    ),
    description=PROVENANCE[1].sentence,
)

DEVICE_ATTRIBUTES = (
    _label("name", "Name", mandatory=True),
    _select("status", "Status", ("In service", "Under maintenance", "Withdrawn"), mandatory=True),
    _label("manufacturer", "Manufacturer"),
    _label("model", "Model"),
    _label("serial_number", "Serial number", unique=True),
    _label("udi", "Unique device identifier"),
    _label("firmware", "Firmware"),
    _label("network_address", "Network address"),
    AttributeSpec(name="last_service", label="Last service", kind="DATE"),
    AttributeSpec(name="next_service", label="Next service due", kind="DATE"),
    AttributeSpec(name="service_history", label="Service history", kind="PARAGRAPH"),
    AttributeSpec(
        name="service_reports",
        label="Service reports",
        kind="FILE",
        hint="PDF, CSV or text, at most 50 MB each.",
        media_types=DOCUMENT_TYPES,
        max_bytes=50 * MEGABYTE,
        max_files=50,
    ),
)
SELF_TEST = (
    MetricSpec(
        name="battery", label="Battery capacity", unit="%", normal_low=60, normal_high=100,
        description="What is left of the battery's capacity, as the device's own test says each morning.",
    ),
    MetricSpec(
        name="temperature", label="Temperature inside", unit="°C", normal_low=15, normal_high=40,
        description="Inside the case, as the device's own test says each morning.",
    ),
)  # fmt: skip
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
ECG_RECORDER = TemplatePlan(
    "device",
    devices.ECG_RECORDER,
    "ECG recorder",
    DEVICE_ATTRIBUTES,
    (*SELF_TEST, *(MetricSpec(name=f"ecg_{lead}", label=f"ECG, lead {lead}", unit="mV") for lead in LEADS)),
    product_model="ELI 250",
    description=PROVENANCE[2].sentence,
)
VITAL_SIGNS_MONITOR = TemplatePlan(
    "device",
    devices.VITAL_SIGNS_MONITOR,
    "Vital-signs monitor",
    DEVICE_ATTRIBUTES,
    SELF_TEST,
    description=PROVENANCE[4].sentence,
)
BLOOD_ANALYSER = TemplatePlan(
    "device",
    devices.BLOOD_ANALYSER,
    "Blood analyser",
    DEVICE_ATTRIBUTES,
    SELF_TEST,
    description=PROVENANCE[4].sentence,
)

ECG_SESSION = TemplatePlan(
    "usage-session",
    "ecg_session",
    "ECG recording",
    (
        _label("title", "Title", mandatory=True),
        _points_at("device", "Recorded with", "device", "Recordings", mandatory=True),
        _points_at("patient", "Patient", "patient", "ECG recordings", mandatory=True),
        AttributeSpec(name="started_at", label="Started", kind="DATE_TIME"),
        AttributeSpec(name="duration", label="Duration", kind="DECIMAL", unit="s", low=0, high=86_400),
        _whole("sampling_rate", "Sampling rate", "Hz", 1, 100_000),
        AttributeSpec(
            name="recording",
            label="Recording",
            kind="FILE",
            hint="One DICOM waveform or PDF, at most 200 MB.",
            media_types=("application/dicom", "application/pdf"),
            max_bytes=200 * MEGABYTE,
        ),
    ),
    description=PROVENANCE[2].sentence,
)

DEVICE_LOG = TemplatePlan(
    "generic-entity",
    "device_log",
    "Device log",
    (
        _label("title", "Title", mandatory=True),
        _points_at("device", "Device", "device", "Device logs", mandatory=True),
        _whole("number", "Number", None, 1, 1_000_000),
        _select("severity", "Severity", ("Information", "Warning", "Fault"), mandatory=True),
        _select("status", "Status", ("Open", "Acknowledged", "Closed"), mandatory=True),
        _label("event_code", "Event code"),
        AttributeSpec(name="recorded_at", label="Recorded", kind="DATE_TIME"),
        _whole("occurrences", "Occurrences", None, 1, 1_000_000),
        AttributeSpec(name="message", label="Message", kind="PARAGRAPH"),
        AttributeSpec(name="excerpt", label="Log excerpt", kind="PARAGRAPH"),
        AttributeSpec(
            name="txt_log_file",
            label="Log file",
            kind="FILE",
            hint="One text file of at most 50 MB.",
            media_types=("text/plain",),
            max_bytes=50 * MEGABYTE,
        ),
    ),
    description=PROVENANCE[4].sentence,
)

ACME_TEMPLATES = (
    TRIAL_PATIENT,
    PATIENT,
    ECG_RECORDER,
    VITAL_SIGNS_MONITOR,
    BLOOD_ANALYSER,
    ECG_SESSION,
    DEVICE_LOG,
)
BOREALIS_TEMPLATES = (PATIENT, VITAL_SIGNS_MONITOR, DEVICE_LOG)

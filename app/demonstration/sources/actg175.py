"""The ACTG175 trial cohort: 2,139 people with HIV, treated with one of four regimens in 1991–1995.

The file carries no calendar dates. :data:`DATE_CONVENTION` says which ones are given to the visits, and the
portal shows that sentence; everything else is the trial's own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.demonstration.sources.installed import SourceMissing, package_file

FIRST_ENROLMENT = date(1991, 12, 2)
LAST_ENROLMENT = date(1992, 10, 30)
WEEK_20, WEEK_96 = timedelta(weeks=20), timedelta(weeks=96)

DATE_CONVENTION = (
    "The trial's file has no calendar dates: enrolment is spread evenly, in the order of patient numbers, "
    "over the trial's own enrolment period (December 1991 to October 1992), and the CD4 and CD8 counts stand "
    "exactly at enrolment, week 20 and week 96 (the protocol allowed ±5 weeks)."
)

ARMS = {
    "0": "Zidovudine",
    "1": "Zidovudine and didanosine",
    "2": "Zidovudine and zalcitabine",
    "3": "Didanosine",
}
EXPERIENCE = {
    "1": "Antiretroviral-naive",
    "2": "1 to 52 weeks of prior therapy",
    "3": "More than 52 weeks of prior therapy",
}
RACE = {"0": "White", "1": "Non-white"}
GENDER = {"0": "Female", "1": "Male"}
SYMPTOMS = {"0": "Asymptomatic", "1": "Symptomatic"}
YES_NO = {"0": False, "1": True}


@dataclass(frozen=True, slots=True)
class CellCount:
    """CD4 and CD8 cells per mm³ at one visit; None where the trial has no value."""

    taken_at: datetime
    visit: str
    cd4: int | None
    cd8: int | None


@dataclass(frozen=True, slots=True)
class TrialPatient:
    """One participant, the file's codes in words; ``prior_therapy_days`` counts days before the trial."""

    patient_number: int
    age: int
    weight_kg: float
    gender: str
    race: str
    haemophilia: bool
    homosexual_activity: bool
    iv_drug_use: bool
    karnofsky_score: int
    symptoms: str
    treatment_arm: str
    prior_therapy: str
    prior_therapy_days: int
    zidovudine_in_last_30_days: bool
    other_prior_therapy: bool
    off_treatment_before_week_96: bool
    enrolled_on: date
    days_followed: int
    event: bool
    counts: tuple[CellCount, ...]

    @property
    def code(self) -> str:
        """The name that people use for this participant, unique in the cohort."""
        return f"ACTG-{self.patient_number}"

    @property
    def outcome(self) -> str:
        """What ended the follow-up, in words."""
        return "CD4 decline of half, AIDS or death" if self.event else "Event-free at last contact"


def trial_patients() -> Iterator[TrialPatient]:
    """All participants in the order of their patient numbers.

    :raises SourceMissing: ``lifelines`` is not installed, or its file no longer has the expected columns
    """
    with package_file("lifelines", "datasets", "ACTG175.csv").open(newline="", encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: int(row["pidnum"]))
    enrolment_days = (LAST_ENROLMENT - FIRST_ENROLMENT).days
    for rank, row in enumerate(rows):
        enrolled_on = FIRST_ENROLMENT + timedelta(days=rank * enrolment_days // max(len(rows) - 1, 1))
        try:
            yield _patient(row, enrolled_on)
        except (KeyError, ValueError) as error:
            raise SourceMissing(f"ACTG175.csv is not the file this was written for: {error}") from error


def _patient(row: Mapping[str, str], enrolled_on: date) -> TrialPatient:
    return TrialPatient(
        patient_number=int(row["pidnum"]),
        age=int(row["age"]),
        weight_kg=float(row["wtkg"]),
        gender=GENDER[row["gender"]],
        race=RACE[row["race"]],
        haemophilia=YES_NO[row["hemo"]],
        homosexual_activity=YES_NO[row["homo"]],
        iv_drug_use=YES_NO[row["drugs"]],
        karnofsky_score=int(row["karnof"]),
        symptoms=SYMPTOMS[row["symptom"]],
        treatment_arm=ARMS[row["arms"]],
        prior_therapy=EXPERIENCE[row["strat"]],
        prior_therapy_days=int(row["preanti"]),
        zidovudine_in_last_30_days=YES_NO[row["z30"]],
        other_prior_therapy=YES_NO[row["oprior"]],
        off_treatment_before_week_96=YES_NO[row["offtrt"]],
        enrolled_on=enrolled_on,
        days_followed=int(row["days"]),
        event=YES_NO[row["cens"]],
        counts=tuple(_counts(row, enrolled_on)),
    )


def _counts(row: Mapping[str, str], enrolled_on: date) -> Iterator[CellCount]:
    """The visits with at least one count; the hour follows from the patient number, so they spread."""
    minutes = int(row["pidnum"]) % (8 * 60)
    baseline = datetime.combine(enrolled_on, time(8), UTC) + timedelta(minutes=minutes)
    visits = (
        ("Baseline", timedelta(0), row["cd40"], row["cd80"]),
        ("Week 20", WEEK_20, row["cd420"], row["cd820"]),
        ("Week 96", WEEK_96, row["cd496"], "NA"),
    )
    for visit, after, cd4, cd8 in visits:
        count = CellCount(baseline + after, visit, _whole(cd4), _whole(cd8))
        if count.cd4 is not None or count.cd8 is not None:
            yield count


def _whole(text: str) -> int | None:
    return None if text == "NA" else int(text)

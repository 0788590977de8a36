"""The patients: the same people in every run, with documents as the catalogue stores them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.administration import AttributeSpec
from app.catalog.captions import caption_for
from app.catalog.values import Schema, stored_form, texts_of

SEED = 20_240_229
FIRST_SEEN = datetime(2023, 1, 1, tzinfo=UTC)
LAST_SEEN = datetime(2025, 1, 1, tzinfo=UTC)
EXPORTED_SHARE = 0.7
SEXES = ({"value": "F", "label": "Female"}, {"value": "M", "label": "Male"})
ARMS = tuple({"value": one, "label": one.title()} for one in ("control", "low_dose", "high_dose", "open"))
_NOTE = (
    "admitted after a fall at home; stable since, sleeps well, eats little, asks for the physiotherapist daily and "
    "walks with help; wound clean and dry, dressing changed; pressure and glucose within the agreed bounds, medication "
    "unchanged; family was told of the plan, next visit agreed with the district nurse, follow-up by telephone"
)
WORDS = _NOTE.split()
GIVEN = ("Ana", "Bert", "Chloé", "Dimitri", "Elif", "Femke", "Goran", "Hanna", "Ishaan", "Jörg", "Kaito", "Lucía")
FAMILY = ("Ruiz", "Ångström", "Nakamura", "O'Brien", "van der Berg", "Łuczak", "Şahin", "Dubois", "Mbeki", "Novák")
ATTRIBUTES = (
    AttributeSpec(name="study_number", label="Study number", kind="LABEL", mandatory=True),
    AttributeSpec(name="first_name", label="First name", kind="LABEL", mandatory=True, phi=True),
    AttributeSpec(name="last_name", label="Last name", kind="LABEL", mandatory=True, phi=True),
    AttributeSpec(name="national_id", label="National ID", kind="LABEL", phi=True),
    AttributeSpec(name="born", label="Date of birth", kind="DATE", phi=True),
    AttributeSpec(name="email", label="E-mail", kind="EMAIL", phi=True),
    AttributeSpec(name="sex", label="Sex", kind="SINGLE_SELECT", choices=SEXES),
    AttributeSpec(name="arm", label="Arm", kind="SINGLE_SELECT", choices=ARMS),
    AttributeSpec(name="age", label="Age at entry", kind="INTEGER", unit="years"),
    AttributeSpec(name="weight", label="Weight", kind="DECIMAL", unit="kg"),
    AttributeSpec(name="height", label="Height", kind="DECIMAL", unit="cm"),
    AttributeSpec(name="smoker", label="Smoker", kind="BOOLEAN"),
    AttributeSpec(name="enrolled", label="Enrolled", kind="DATE_TIME"),
    AttributeSpec(name="notes", label="Notes", kind="PARAGRAPH"),
)


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient as the table holds one, but for what is the same for all."""

    id: UUID
    caption: str
    attributes: str
    phi_attributes: str
    document_bytes: int
    created_at: datetime


def patients(schema: Schema, count: int) -> Iterator[Patient]:
    """So many patients, the oldest first."""
    chance = random.Random(SEED)
    for number in range(count):
        values = _values(chance, number)
        stored = stored_form(schema, values)
        texts = texts_of(schema, stored)
        known = UUID(int=chance.getrandbits(128), version=4)
        yield Patient(
            known,
            caption_for(schema, stored, str(known)),
            texts.attributes,
            texts.phi_attributes,
            texts.document_bytes,
            created_at(number, count),
        )


def created_at(number: int, count: int) -> datetime:
    """When the patient of that number was entered, in whole milliseconds."""
    return FIRST_SEEN + timedelta(milliseconds=(LAST_SEEN - FIRST_SEEN) // timedelta(milliseconds=1) * number // count)


def exported_from(count: int) -> datetime:
    """The instant from which the exported share of the patients was entered."""
    return created_at(count - round(count * EXPORTED_SHARE), count)


def _values(chance: random.Random, number: int) -> dict[str, Any]:
    given, family = chance.choice(GIVEN), chance.choice(FAMILY)
    begin = chance.randrange(len(WORDS))
    enrolled = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(500_000))
    return {
        "study_number": f"CR-{number:07}",
        "first_name": given,
        "last_name": family,
        "national_id": f"{chance.randrange(10**10):010}",
        "born": f"{1930 + chance.randrange(80)}-{1 + chance.randrange(12):02}-{1 + chance.randrange(28):02}",
        "email": f"p{number}@example.org",
        "sex": chance.choice("FM"),
        "arm": chance.choice(ARMS)["value"],
        "age": chance.randrange(18, 98),
        "weight": chance.randrange(4000, 14000) / 100,
        "height": chance.randrange(1400, 2050) / 10,
        "smoker": chance.random() < 0.3,
        "enrolled": enrolled,
        "notes": " ".join((WORDS * 3)[begin : begin + 66 + chance.randrange(18)]),
    }

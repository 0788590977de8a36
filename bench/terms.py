"""The terminology: sources whose concepts and mappings are the same in every run, as the application writes them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.terminology.documents import ConceptSays, Facts, Home, MappingSays, instant_text, place_here, words
from app.terminology.keeping import Row, concept_row, mapping_row

SEED = 20_250_131
FIRST, SECOND = datetime(2025, 1, 31, 8, tzinfo=UTC), datetime(2025, 7, 31, 8, tzinfo=UTC)
"""When the sources were loaded, and when some of their concepts were changed."""
BY = "coder"
MAPPED_EVERY = 5
KINDS = ("Diagnosis", "Diagnosis", "Diagnosis", "Procedure", "Finding")
LOCALES = ("es", "fr", "de", "pt-BR")
_WORDS = (
    "acute", "chronic", "recurrent", "primary", "secondary", "closed", "open", "displaced", "superficial", "deep",
    "fracture", "injury", "infection", "ulcer", "stenosis", "neuropathy", "effusion", "lesion", "oedema", "fibrosis",
    "of", "left", "right", "upper", "lower", "femur", "lung", "kidney", "tendon", "orbit", "cornea", "meniscus",
    "with", "without", "delayed", "healing", "haemorrhage", "obstruction", "rupture", "initial", "later", "encounter",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """A source of so many concepts, of which ``edits`` were changed after the first of its two releases."""

    concepts: int
    edits: int

    @property
    def mappings(self) -> int:
        return self.concepts // MAPPED_EVERY

    @property
    def added(self) -> int:
        """So many of the edits made a concept that was not there before."""
        return sum(1 for number in self.edited() if self.outcome(number) == "added")

    @property
    def retired(self) -> int:
        return sum(1 for number in self.edited() if self.outcome(number) == "retired")

    def edited(self) -> range:
        every = self.concepts // self.edits
        return range(every, every * self.edits + 1, every)

    def outcome(self, number: int) -> str:
        """What an edit made of the concept of that number."""
        return {8: "added", 9: "retired"}.get(self.edited().index(number) % 10, "changed")


@dataclass(frozen=True, slots=True)
class Source:
    """A repository to be filled."""

    home: Home
    repository_id: int
    size: Size

    def untouched(self) -> Iterator[Row]:
        """Concepts that are as they were loaded."""
        edited = self.size.edited()
        numbers = (number for number in range(1, self.size.concepts + 1) if number not in edited)
        return (self._concept(number, 1) for number in numbers)

    def edited(self) -> Iterator[Row]:
        """Concepts that were changed, as they are now."""
        for number in self.size.edited():
            outcome = self.size.outcome(number)
            yield self._concept(number, 1 if outcome == "added" else 2, at=SECOND, retired=outcome == "retired")

    def before(self) -> Iterator[Row]:
        """Concepts that were changed, as they were loaded."""
        return (self._concept(number, 1) for number in self.size.edited() if self.size.outcome(number) != "added")

    def mappings(self) -> Iterator[Row]:
        """One for each five concepts, from the first of them to the second."""
        for number in range(1, self.size.mappings + 1):
            ends = [number * MAPPED_EVERY - MAPPED_EVERY + one for one in (1, 2)]
            start, target = (place_here(self.home.address, code_of(one), _name(one, 1)) for one in ends)
            says = MappingSays(str(self.size.concepts + number), "NARROWER-THAN", start, target)
            yield mapping_row(self.home, self.repository_id, says, self._facts(self.size.concepts + number, 1, FIRST))

    def _concept(self, number: int, version: int, *, at: datetime = FIRST, retired: bool = False) -> Row:
        says = says_of(number, version, retired=retired)
        return concept_row(self.home, self.repository_id, says, self._facts(number, version, at))

    def _facts(self, number: int, version: int, at: datetime) -> Facts:
        first = FIRST if version > 1 else at
        return Facts(number, version, instant_text(first), BY, instant_text(at), BY)


def code_of(number: int) -> str:
    return f"{chr(ord('A') + number % 26)}{number // 1000:04}.{number % 1000:03}"


def says_of(number: int, version: int, *, retired: bool = False) -> ConceptSays:
    """Two names and a description; a second version has another name."""
    chance = random.Random(SEED + number)
    other = chance.choice(LOCALES)
    names: list[dict[str, Any]] = [
        {"name": _name(number, version), "locale": "en", "locale_preferred": True, "name_type": "FULLY_SPECIFIED"},
        {"name": f"{_name(number, version)} ({other})", "locale": other},
    ]
    told = " ".join(chance.choices(_WORDS, k=18))
    return ConceptSays(
        code=code_of(number),
        concept_class=KINDS[number % len(KINDS)],
        datatype="N/A",
        names=words(names, number, "name"),
        descriptions=words([{"description": f"{told.capitalize()}.", "locale": "en"}], number, "description"),
        retired=retired,
    )


def _name(number: int, version: int) -> str:
    chance = random.Random(SEED - number)
    told = " ".join(chance.choices(_WORDS, k=6)).capitalize()
    return told if version == 1 else f"{told}, not elsewhere classified"

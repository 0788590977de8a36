"""Fragments gathered into parts: runs of work worth claiming, whichever files they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from app.exports.kinds import PlannedFile

VALUES_OF_A_RECORD = 50
"""So many measured values weigh as much as a record does."""
FRAGMENTS_OF_A_PART = 160
"""A part is of so many fragments at most, even when there is next to nothing in them: each is a statement."""
MOST_PARTS = 64
"""A large export is cut into about so many parts: enough for any number of workers to share and to lose one of."""
FEWEST_PARTS = 12
"""An export of middling size is cut into about so many, so that the last ones keep all workers busy to the end."""
SMALLEST_PART = 11_000
"""But none of them is made of fewer records than that: claiming it would cost more than it is worth."""
LARGEST_PART = 20
"""But no part weighs more than so many usual ones: it would take too long to do again."""


@dataclass(slots=True)
class Part:
    """``runs`` is ``[[file's ordinal, number of the first fragment in it, [task, …]], …]``."""

    runs: list[list[Any]] = field(default_factory=list)
    rows: int = 0
    weight: int = 0

    def add(self, file: int, number: int, task: dict[str, Any], rows: int, weight: int) -> None:
        if not self.runs or self.runs[-1][0] != file:
            self.runs.append([file, number, []])
        self.runs[-1][2].append(task)
        self.rows += rows
        self.weight += weight


def gathered(files: list[PlannedFile], part_rows: int) -> Iterator[Part]:
    """The fragments of all files in order, gathered into parts.

    :param part_rows: how many records a usual part holds
    """
    least = part_rows // FRAGMENTS_OF_A_PART
    total = sum(least + _weight(file, fragment.rows) for file in files for fragment in file.fragments)
    usual = min(part_rows, max(SMALLEST_PART, total // FEWEST_PARTS))
    most = min(max(usual, total // MOST_PARTS), part_rows * LARGEST_PART)
    part = Part()
    for ordinal, file in enumerate(files):
        for number, fragment in enumerate(file.fragments):
            weight = least + _weight(file, fragment.rows)
            if part.runs and part.weight + weight > most:
                yield part
                part = Part()
            part.add(ordinal, number, fragment.task, fragment.rows, weight)
    if part.runs:
        yield part


def _weight(file: PlannedFile, rows: int) -> int:
    return rows // VALUES_OF_A_RECORD if file.counts_values else rows

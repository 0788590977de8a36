"""A builder's source whose rows a test names; it keeps to the words of :class:`app.rows.source.Source`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from app.builder.fragments import Made
from app.rows.blocks import Grid
from app.rows.record_lines import Lines
from app.rows.source import Range, Values, grids_of, sorted_values

Row = tuple[int, int, int, float]
"""Series, milliseconds, metric, value."""


@dataclass
class Held:
    """``rows`` are all measurements there are; ``pages`` answer statements, whatever those say.

    A line of a page is JSON objects with tabs between them; a record is what they hold together.
    """

    rows: Iterable[Row] = ()
    pages: Mapping[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def values(self, wanted: Range) -> Values:
        found = [
            row
            for row in self.rows
            if row[0] in wanted.series and row[2] in wanted.metrics and wanted.start <= row[1] < wanted.end
        ]
        series, times, metrics, values = zip(*found, strict=True) if found else ((), (), (), ())
        return sorted_values(np.array(series), np.array(times), np.array(metrics), np.array(values))

    def grids(self, wanted: Range) -> list[Grid]:
        return grids_of(self.values(wanted))

    def records(self, statement: str, words: Mapping[str, Any]) -> Lines:
        self.asked.append(statement)
        lines = list(map(_whole, self.pages[statement].splitlines()))
        return Lines(len(lines), b"".join(lines))

    def cells(self, statement: str) -> bytes:
        self.asked.append(statement)
        return self.pages[statement]

    def close(self) -> None:
        """Nothing is open."""


def _whole(line: bytes) -> bytes:
    """The JSON objects of a line, with tabs between them, as one."""
    objects = [orjson.loads(cell) for cell in line.split(b"\t")]
    return orjson.dumps({name: value for one in objects for name, value in one.items()}) + b"\n"


def written(made: Made) -> bytes:
    """All bytes of a fragment."""
    return b"".join(bytes(piece) for piece in made.pieces)


def recipe(**given: Any) -> dict[str, Any]:
    return given

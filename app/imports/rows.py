"""A block of lines as values: parsed and checked column by column, never row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.arrow import pa, pc
from app.imports import instants, numbers
from app.imports.devices import FORBIDDEN, MISSING, UNKNOWN, Devices, Measured, plain, spellings
from app.imports.lines import Block
from app.imports.mapping import Reading
from app.imports.parsing import table_of
from app.imports.refusing import Refused

Integers = NDArray[np.int64]
T = TypeVar("T")
_DEVICE_CODES = {UNKNOWN: "DEVICE", FORBIDDEN: "DEVICE_RIGHTS", MISSING: "NO_DEVICE"}


@dataclass(slots=True)
class Parsed:
    """A block's values. ``metrics`` are ids, ``names`` places in the metrics' names, ``devices`` places of devices.

    ``columns``: in which column each value stood. ``texts``: the cells of the lines ``of_lines``, by column. ``rows``
    counts lines with anything in them.
    """

    devices: Integers
    metrics: Integers
    names: Integers
    times: Integers
    values: NDArray[np.float64]
    lines: Integers
    columns: Integers
    texts: dict[int, pa.StringArray]
    of_lines: Integers
    rows: int = 0
    empty: int = 0
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a block with anything in them, and what is refused of it.

    ``cells`` by column, ``numbers`` of the lines in the file, ``names`` of all columns.
    """

    cells: dict[int, pa.StringArray]
    numbers: Integers
    names: Sequence[str]
    refused: list[Refused]

    def __len__(self) -> int:
        return len(self.numbers)

    def refuse(self, code: str, which: NDArray[np.bool_], column: int) -> None:
        """Refuse the cells of a column on some lines."""
        if which.any():
            texts = self.cells[column].filter(pa.array(which))
            self.refused.append(Refused(code, self.numbers[which], self.names[column], texts))


class Reader:
    """Reads the blocks of one file as its mapping says."""

    def __init__(self, reading: Reading, devices: Devices, metrics: list[Measured], device: int | None) -> None:
        """
        :param metrics: those that the file may hold, in the order that ``devices`` was given their names
        :param device: the place of the one device; None: a column names them
        """
        self._reading, self._devices, self._device = reading, devices, device
        self._metrics = metrics
        self._places = {one.name: place for place, one in enumerate(metrics)}
        self._spellings = spellings(metrics)
        several = device is None
        self._used = [place for place in reading.columns.used(several=several) if place is not None]

    def parse(self, block: Block) -> Parsed:
        """The values of a block, and what is refused of it; contradictions are found later."""
        skipped = int(np.searchsorted(block.numbers, self._reading.writing.heading, side="right"))
        text = block.text
        for _ in range(skipped):
            text = text[text.index(b"\n") + 1 :]
        lines = block.numbers[skipped:]
        refused = [
            Refused(code, numbers_[numbers_ > self._reading.writing.heading]) for code, numbers_ in block.broken.items()
        ]
        writing, width = self._reading.writing, len(self._reading.names)
        table, lines, wrong = table_of(text, lines, writing.delimiter, width, self._used)
        refused += [Refused(code, numbers_) for code, numbers_ in wrong.items()]
        broken = sum(len(one.lines) for one in refused)
        cells = {place: _trimmed(table.column(at)) for at, place in enumerate(self._used)}
        hollow = np.ones(len(lines), dtype=np.bool_)
        for column in cells.values():
            hollow &= numbers.mask_of(pc.equal(column, ""))
        keep = pa.array(~hollow)
        cells = {place: column.filter(keep) for place, column in cells.items()}
        parsed = self._values(_Lines(cells, lines[~hollow], self._reading.names, refused))
        parsed.rows += broken
        return parsed

    def _values(self, lines: _Lines) -> Parsed:
        chosen = self._reading.columns
        time_column = _known(chosen.time)
        times = instants.times_of(lines.cells[time_column], _known(chosen.time_kind), chosen.zone)
        good = times.states == instants.OK
        for state in range(1, len(instants.CODES)):
            lines.refuse(instants.CODES[state], times.states == state, time_column)
        devices = self._devices_of(lines, good)
        good = good & (devices >= 0)
        make = self._wide if chosen.layout == "wide" else self._long
        parsed = make(lines, times.ms, devices, good)
        parsed.rows, parsed.refused = len(lines), lines.refused
        return parsed

    def _devices_of(self, lines: _Lines, good: NDArray[np.bool_]) -> Integers:
        if self._device is not None:
            return np.full(len(lines), self._device, dtype=np.int64)
        column = _known(self._reading.columns.device)
        coded = lines.cells[column].dictionary_encode()
        places = self._devices.places_of(coded.dictionary.to_pylist())
        found = places[coded.indices.to_numpy()] if len(lines) else np.zeros(0, dtype=np.int64)
        for place, code in _DEVICE_CODES.items():
            lines.refuse(code, good & (found == place), column)
        return found

    def _wide(self, lines: _Lines, ms: Integers, devices: Integers, good: NDArray[np.bool_]) -> Parsed:
        parts, empty = [], 0
        ids_by_device = self._devices.metric_ids
        for column, name in self._reading.columns.metrics.items():
            place = self._places[name]
            values, states = self._read(lines.cells[column], self._metrics[place].is_boolean)
            _refuse_unread(lines, column, good, states)
            empty += int(np.count_nonzero(good & (states == numbers.EMPTY)))
            known = good & (states == numbers.OK)
            ids = np.zeros(len(lines), dtype=np.int64)
            ids[known] = ids_by_device[devices[known], place]
            lines.refuse("METRIC", known & (ids == 0), column)
            which = np.flatnonzero(known & (ids > 0))
            parts.append((which, ids[which], np.full(len(which), place), values[which], np.full(len(which), column)))
        which, ids, names, values, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Parsed(
            devices[which], ids, names, ms[which], values, lines.numbers[which], columns, lines.cells, lines.numbers,
            empty=empty,
        )  # fmt: skip

    def _long(self, lines: _Lines, ms: Integers, devices: Integers, good: NDArray[np.bool_]) -> Parsed:
        cells = lines.cells
        metric_column, value_column = _known(self._reading.columns.metric), _known(self._reading.columns.value)
        names = self._named(cells[metric_column])
        lines.refuse("NO_METRIC", good & (names == MISSING), metric_column)
        lines.refuse("METRIC", good & (names == UNKNOWN), metric_column)
        good = good & (names >= 0)
        ids = np.zeros(len(lines), dtype=np.int64)
        ids[good] = self._devices.metric_ids[devices[good], names[good]]
        lines.refuse("METRIC", good & (ids == 0), metric_column)
        good = good & (ids > 0)
        booleans = np.array([one.is_boolean for one in self._metrics], dtype=np.bool_)
        is_boolean = good & booleans[np.maximum(names, 0)]
        values, states = self._read(cells[value_column], is_boolean=False)
        if is_boolean.any():
            other, said = self._read(cells[value_column], is_boolean=True)
            values, states = np.where(is_boolean, other, values), np.where(is_boolean, said, states)
        _refuse_unread(lines, value_column, good, states)
        which = np.flatnonzero(good & (states == numbers.OK))
        columns = np.full(len(which), value_column)
        empty = int(np.count_nonzero(good & (states == numbers.EMPTY)))
        return Parsed(
            devices[which], ids[which], names[which], ms[which], values[which], lines.numbers[which], columns, cells,
            lines.numbers, empty=empty,
        )  # fmt: skip

    def _named(self, column: pa.StringArray) -> Integers:
        coded = column.dictionary_encode()
        places = [
            MISSING if not text else self._places.get(self._spelt(text, plain(text)), UNKNOWN)
            for text in coded.dictionary.to_pylist()
        ]
        return np.array(places, dtype=np.int64)[coded.indices.to_numpy()] if len(column) else np.zeros(0, np.int64)

    def _spelt(self, text: str, spelt: str) -> str:
        return self._spellings.get(text) or self._spellings.get(spelt) or ""

    def _read(self, column: pa.StringArray, is_boolean: bool) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        if is_boolean:
            return numbers.booleans_of(column)
        return numbers.values_of(column, self._reading.columns.decimal)

    def contradictions(self, parsed: Parsed, which: Integers) -> list[Refused]:
        """The refusals of values that contradict a line before."""
        found = []
        for column in np.unique(parsed.columns[which]).tolist():
            own = which[parsed.columns[which] == column]
            found.append(Refused("CONTRADICTION", parsed.lines[own], self._reading.names[column],
                                 pc.cast(pa.array(parsed.values[own]), pa.string())))  # fmt: skip
        return found


def _refuse_unread(lines: _Lines, column: int, good: NDArray[np.bool_], states: NDArray[np.uint8]) -> None:
    """Refuse the values that could not be read; an empty cell is none."""
    for state in range(numbers.EMPTY + 1, len(numbers.CODES)):
        lines.refuse(numbers.CODES[state], good & (states == state), column)


def _known(value: T | None) -> T:
    if value is None:
        raise RuntimeError("a mapping that was not looked at")
    return value


def _trimmed(column: pa.ChunkedArray) -> pa.StringArray:
    whole = column.combine_chunks()
    return pc.utf8_trim_whitespace(whole)

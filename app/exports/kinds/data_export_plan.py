"""Where a device's data is cut: into fragments of a CSV, or into whole Parquet files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from app.exports.kinds.base import PlannedFile, PlannedFragment
from app.exports.kinds.data_export_columns import Columns
from app.exports.kinds.data_export_counts import (
    Cell,
    Held,
    cells_of,
    doubled,
    finer,
    held_by_series,
    shared_days,
)
from app.exports.kinds.data_export_names import FileNames, stem_of
from app.exports.kinds.data_export_scope import Scope, Thing, things
from app.measurements.times import HOUR_MS

MEDIA_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
VALUES_OF_A_ROW = 50
"""A value weighs about a fiftieth of a record, so a fragment of 5,000 records is one of 250,000 values."""
FRAGMENTS_OF_A_FILE = 20
"""A Parquet file is made in one piece, so it holds at most so many fragments' values: 5,000,000."""


@dataclass(frozen=True)
class Counted:
    """A device and what its file will hold.

    :param held: for each of its series that holds anything, what
    :param repeated: values that another of its series holds too, by hour; they are written once
    """

    thing: Thing
    held: Mapping[int, Held]
    repeated: Sequence[tuple[int, int]]

    @cached_property
    def values(self) -> int:
        return sum(one.count for one in self.held.values()) - self.dropped

    @cached_property
    def dropped(self) -> int:
        return sum(more for _, more in self.repeated)


@dataclass(frozen=True, slots=True)
class Cut:
    """How large pieces are: at most ``most`` values, unless one day holds up to ``whole_day``, or less time up
    to ``whole_hour``.
    """

    most: int
    whole_day: int
    whole_hour: int

    @classmethod
    def fragments(cls, fragment_rows: int) -> Cut:
        most = fragment_rows * VALUES_OF_A_ROW
        return cls(most, 2 * most, 4 * most)


@dataclass(frozen=True, slots=True)
class Piece:
    """``[start, end)`` and how many values there are in it."""

    start: int
    end: int
    values: int


class _Budget:
    """Among how many values repeated ones may still be looked for; ``None`` is as many as there are."""

    def __init__(self, values: int | None) -> None:
        self._left = values

    @property
    def is_spent(self) -> bool:
        return self._left is not None and self._left <= 0

    def take(self, values: int) -> bool:
        """Whether so many are left, which are then taken."""
        if self._left is None:
            return True
        if values > self._left:
            return False
        self._left -= values
        return True


def counted_things(
    connection: Connection, scope: Scope, columns: Columns, *, most_shared: int | None = None
) -> Iterator[Counted]:
    """The devices of the scope in order, each with what its file would hold.

    :param most_shared: do not look for repeated values among more values than that, of all devices together; a device
        of which more are left counts them twice
    """
    budget = _Budget(most_shared)
    for page in things(connection, scope):
        held, repeated = _counts(connection, scope, columns, page, budget)
        for thing in page:
            own = {one: held[one] for one in thing.series if one in held}
            yield Counted(thing, own, repeated.get(thing.id, ()))


def planned_files(connection: Connection, scope: Scope, columns: Columns, fragment_rows: int) -> Iterator[PlannedFile]:
    """The files of a data export; see :meth:`app.exports.kinds.base.Kind.files`.

    The last one's layout says how many devices have none because they hold no value.
    """
    params = scope.params
    names = FileNames(params.format)
    last: PlannedFile | None = None
    empty = 0
    for counted in counted_things(connection, scope, columns):
        if params.without_empty_devices and not counted.values:
            empty += 1
            continue
        for file in _files_of(connection, scope, columns, counted, names, Cut.fragments(fragment_rows)):
            if last is not None:
                yield last
            last = file
    if last is not None:
        last.layout.update({"empty_devices": empty} if empty else {})
        yield last


def _files_of(
    connection: Connection, scope: Scope, columns: Columns, counted: Counted, names: FileNames, cut: Cut
) -> Iterator[PlannedFile]:
    params = scope.params
    parquet = params.format == "parquet"
    pieces = _pieces(connection, scope, columns, counted, cut)
    stem = stem_of(params.file_name, counted.thing.words, hashed=params.hash_file_name)
    groups = in_files(pieces, cut.most * FRAGMENTS_OF_A_FILE) if parquet else [pieces]
    for name, group in zip(names.claim(stem, len(groups)), groups, strict=True):
        yield PlannedFile(
            name=name,
            subject=str(counted.thing.id),
            media_type=MEDIA_TYPES[params.format],
            layout=_layout(counted, first=group[0] is pieces[0]),
            fragments=[_fragment(group)] if parquet else [_fragment([one]) for one in group],
            stored=parquet,
            counts_values=True,
        )


def in_files(pieces: list[Piece], most: int) -> list[list[Piece]]:
    """The pieces of each file, in order; no file holds more than ``most`` values unless a single piece does."""
    groups: list[list[Piece]] = [[]]
    values = 0
    for piece in pieces:
        if groups[-1] and values + piece.values > most:
            groups.append([])
            values = 0
        groups[-1].append(piece)
        values += piece.values
    return groups


def _fragment(pieces: list[Piece]) -> PlannedFragment:
    """One fragment of several pieces, which its builder reads one after the other."""
    return PlannedFragment(sum(one.values for one in pieces), {"slices": [[one.start, one.end] for one in pieces]})


def cut_into_pieces(cells: Iterable[Cell], period: tuple[int, int], most: int) -> list[Piece]:
    """Pieces that touch and cover the period, each of at most ``most`` values unless a single cell holds more."""
    pieces: list[Piece] = []
    start, values = period[0], 0
    for cell in cells:
        if values and values + cell.count > most:
            pieces.append(Piece(start, cell.start, values))
            start, values = cell.start, 0
        values += cell.count
    pieces.append(Piece(start, period[1], values))
    return pieces


def _layout(counted: Counted, *, first: bool) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "title": counted.thing.title,
        "template": counted.thing.template_id,
        "series": sorted(counted.held),
    }
    if counted.dropped and first:
        layout["dropped"] = counted.dropped
    return layout


def _counts(
    connection: Connection, scope: Scope, columns: Columns, page: list[Thing], budget: _Budget
) -> tuple[dict[int, Held], dict[Any, list[tuple[int, int]]]]:
    held: dict[int, Held] = {}
    repeated: dict[Any, list[tuple[int, int]]] = {}
    by_template: defaultdict[str, list[Thing]] = defaultdict(list)
    for thing in page:
        by_template[thing.template_id].append(thing)
    for template_id, group in by_template.items():
        metrics = [column.metric.id for column in columns.of(template_id)]
        series = [one for thing in group for one in thing.series]
        if metrics and series:
            held |= held_by_series(connection, series, metrics, scope.period)
            repeated |= _repeated(connection, scope, metrics, group, held, budget)
    return held, repeated


def _repeated(
    connection: Connection,
    scope: Scope,
    metrics: list[int],
    group: list[Thing],
    held: Mapping[int, Held],
    budget: _Budget,
) -> dict[Any, list[tuple[int, int]]]:
    suspects = {thing.id: own for thing in group if (own := _overlapping(thing, held))}
    if not suspects or budget.is_spent:
        return {}
    shared = shared_days(connection, suspects, metrics, scope.period)
    return {
        device_id: doubled(connection, own, metrics, shared[device_id][0], scope.period)
        # In the devices' order, not in the database's: the same question has the same answer.
        for device_id, own in suspects.items()
        if device_id in shared and budget.take(shared[device_id][1])
    }


def _overlapping(thing: Thing, held: Mapping[int, Held]) -> list[int]:
    """The device's series when the days of any two of them meet; else none."""
    own = sorted((held[one].first, held[one].last, one) for one in thing.series if one in held)
    latest = None
    for first, last, _ in own:
        if latest is not None and first < latest:
            return [one for _, _, one in own]
        latest = last if latest is None else max(latest, last)
    return []


def _pieces(connection: Connection, scope: Scope, columns: Columns, counted: Counted, cut: Cut) -> list[Piece]:
    if counted.values <= cut.most:
        return [Piece(*scope.period, counted.values)]
    metrics = [column.metric.id for column in columns.of(counted.thing.template_id)]
    series = sorted(counted.held)
    cells = small_cells(connection, series, metrics, cells_of(connection, series, metrics, scope.period), cut)
    return cut_into_pieces(_once(cells, counted.repeated), scope.period, cut.most)


def small_cells(
    connection: Connection, series: list[int], metrics: list[int], cells: Iterable[Cell], cut: Cut
) -> Iterator[Cell]:
    """The cells, those that hold too much in smaller ones."""
    for cell in cells:
        too_many = cut.whole_day if cell.end - cell.start > HOUR_MS else cut.whole_hour
        parts = list(finer(connection, series, metrics, cell)) if cell.count > too_many else [cell]
        if len(parts) == 1 and parts[0] == cell:
            yield cell
        else:
            yield from small_cells(connection, series, metrics, parts, cut)


def _once(cells: Iterable[Cell], repeated: Sequence[tuple[int, int]]) -> Iterator[Cell]:
    """The cells without what is repeated in them."""
    place = 0
    for cell in cells:
        dropped = 0
        while place < len(repeated) and repeated[place][0] < cell.end:
            dropped += repeated[place][1] if repeated[place][0] >= cell.start else 0
            place += 1
        yield cell if cell.distinct else Cell(cell.start, cell.end, cell.count - dropped, distinct=True)

"""What a data export would hold if it were made now: counted from roll-ups, and its first rows as they would be."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.exports.kinds.data_export_cells import written_instant, written_number
from app.exports.kinds.data_export_columns import TIMESTAMP, Columns, MetricColumn
from app.exports.kinds.data_export_names import FileNames, is_made_safe, stem_of
from app.exports.kinds.data_export_params import DataExportParams
from app.exports.kinds.data_export_plan import FRAGMENTS_OF_A_FILE, Counted, Cut, counted_things
from app.exports.kinds.data_export_scope import Scope
from app.exports.pace import current_pace
from app.measurements.times import epoch_ms
from app.models import Measurement
from app.models.types import from_milliseconds

SHOWN_NAMES = 8
SHOWN_ROWS = 5
SAMPLE_ROWS = 40
SAMPLE_PLACES = 4
MOST_SHARED = 200_000
"""Among so many values of all devices together it is looked for those that two series hold; the rest are told apart
when the export is planned."""


@dataclass(frozen=True, slots=True)
class DataPreview:
    """What an export would be if it were made now.

    :param values: counted; ``bytes`` (before compression) are judged from real rows
    :param device_count: all of the scope; ``empty_devices`` of them hold no value, and a header alone or no file
    :param file_names: the first 8 of ``file_count``
    :param header: of the first device that holds a value, and its first 5 ``rows``, as they would be written
    :param sample_file: the name of that device's file; ``None`` when no device holds a value
    :param renamed: names are not what was typed, because of signs that are not safe in a file's name
    """

    values: int
    bytes: int
    device_count: int
    empty_devices: int
    file_count: int
    file_names: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sample_file: str | None
    renamed: bool


class _Tally:
    """What is kept of the devices while they go by."""

    def __init__(self, scope: Scope, columns: Columns) -> None:
        self.values = self.devices = self.empty = self.files = self.header_bytes = 0
        self.renamed = False
        self.names: list[str] = []
        self.sample_file: str | None = None
        self.first: Counted | None = None
        self.largest: Counted | None = None
        self._params = scope.params
        self._book = FileNames(scope.params.format)
        whole = Cut.fragments(current_pace().fragment_rows).most * FRAGMENTS_OF_A_FILE
        self._most = whole if scope.params.format == "parquet" else 0
        self._headers = {
            template_id: len(_line([TIMESTAMP, *_headers(own)])) for template_id, own in columns.by_template.items()
        }

    def add(self, counted: Counted) -> None:
        self.devices += 1
        self.values += counted.values
        self.empty += not counted.values
        if self._params.without_empty_devices and not counted.values:
            return
        self.files += self._pieces(counted)
        self.header_bytes += self._headers.get(counted.thing.template_id, len(_line([TIMESTAMP])))
        if len(self.names) < SHOWN_NAMES or self.first is None:
            # Names depend on those before them, so all are taken until the last one that is shown.
            self._name(counted)
        if counted.values and (self.largest is None or counted.values > self.largest.values):
            self.largest = counted

    def _name(self, counted: Counted) -> None:
        mask, words = self._params.file_name, counted.thing.words
        self.renamed = self.renamed or is_made_safe(mask, words)
        taken = self._book.claim(stem_of(mask, words, hashed=self._params.hash_file_name), self._pieces(counted))
        self.names = (self.names + taken)[:SHOWN_NAMES]
        if counted.values and self.first is None:
            self.first, self.sample_file = counted, taken[0]

    def _pieces(self, counted: Counted) -> int:
        return max(1, -(-counted.values // self._most)) if self._most else 1


def survey(connection: Connection, scope: Scope, columns: Columns) -> DataPreview:
    """Count, name and look at the first rows; reads nothing but the current state."""
    tally = _Tally(scope, columns)
    for counted in counted_things(connection, scope, columns, most_shared=MOST_SHARED):
        tally.add(counted)
    sample = _Sample([], [], 0.0)
    if tally.first is not None and tally.largest is not None:
        sample = _sample(connection, scope, columns, tally.first, tally.largest)
    return DataPreview(
        values=tally.values,
        bytes=round(tally.header_bytes + sample.bytes_of_a_value * tally.values),
        device_count=tally.devices,
        empty_devices=tally.empty,
        file_count=tally.files,
        file_names=tuple(tally.names),
        header=tuple(sample.header),
        rows=tuple(tuple(row) for row in sample.rows[:SHOWN_ROWS]),
        sample_file=tally.sample_file,
        renamed=tally.renamed,
    )


def first_rows(
    connection: Connection,
    counted: Counted,
    metrics: Sequence[MetricColumn],
    scope: Scope,
    most: int,
    *,
    after: int | None = None,
) -> tuple[list[list[str]], int]:
    """The first rows of a device's file as they would be written, and how many values are in them.

    :param after: begin with this instant, not with the period
    """
    start, end = scope.period
    start = start if after is None else max(start, after)
    found: dict[int, dict[int, tuple[int, float]]] = {}
    own = sorted((held.first, series_id) for series_id, held in counted.held.items())
    for first, series_id in own:
        times = sorted(found)
        if len(times) >= most and times[most - 1] < first:
            break
        for time, metric_id, value in _values(connection, series_id, (max(start, first), end), metrics, most):
            known = found.setdefault(time, {}).get(metric_id)
            if known is None or series_id < known[0]:
                found[time][metric_id] = (series_id, value)
    rows, count = [], 0
    for time in sorted(found)[:most]:
        cells = found[time]
        count += len(cells)
        texts = (written_number(cells[one.metric.id][1]) if one.metric.id in cells else "" for one in metrics)
        rows.append([_instant(time, scope.params), *texts])
    return rows, count


def _values(
    connection: Connection, series_id: int, period: tuple[int, int], metrics: Sequence[MetricColumn], most: int
) -> Iterable[tuple[int, int, float]]:
    held = Measurement
    wanted = (
        select(epoch_ms(held.time), held.metric_id, held.value)
        .where(
            held.series_id == series_id,
            held.time >= from_milliseconds(period[0]),
            held.time < from_milliseconds(period[1]),
            held.metric_id.in_([one.metric.id for one in metrics]),
        )
        .order_by(held.time, held.metric_id)
        .limit(most * len(metrics))
    )
    return ((time, metric_id, value) for time, metric_id, value in connection.execute(wanted))


@dataclass(frozen=True, slots=True)
class _Sample:
    header: list[str]
    rows: list[list[str]]
    bytes_of_a_value: float


def _sample(connection: Connection, scope: Scope, columns: Columns, first: Counted, largest: Counted) -> _Sample:
    """The first device's header and rows; how many bytes go with a value is judged by the largest device too, at
    several places of its time.
    """
    metrics = columns.of(first.thing.template_id)
    rows, values = first_rows(connection, first, metrics, scope, SAMPLE_ROWS)
    total = _weight(rows, values, scope.params)
    own = columns.of(largest.thing.template_id)
    for after in _places(largest):
        more, more_values = first_rows(connection, largest, own, scope, SAMPLE_ROWS, after=after)
        total, values = total + _weight(more, more_values, scope.params), values + more_values
    return _Sample([TIMESTAMP, *_headers(metrics)], rows, total / values if values else 0.0)


def _places(counted: Counted) -> list[int]:
    first = min(held.first for held in counted.held.values())
    last = max(held.last for held in counted.held.values())
    return [first + (last - first) * step // SAMPLE_PLACES for step in range(SAMPLE_PLACES)]


def _weight(rows: list[list[str]], values: int, params: DataExportParams) -> int:
    """Bytes of rows as text; in Parquet an instant and a value have eight each."""
    return sum(len(_line(row)) for row in rows) if params.format == "csv" else 8 * (len(rows) + values)


def _headers(metrics: Sequence[MetricColumn]) -> list[str]:
    return [one.header for one in metrics]


def _instant(time: int, params: DataExportParams) -> str:
    return written_instant(time) if params.timestamp_format == "ISO_8601" else str(time)


def _line(cells: Iterable[str]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerow(list(cells))
    return written.getvalue().encode()

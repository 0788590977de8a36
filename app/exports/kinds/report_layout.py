"""Cutting a data type's records into files of at most so many bytes, and files into parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.exports.encoders import Row
from app.exports.kinds.base import Order, PlannedFile, PlannedPart
from app.exports.kinds.report_rows import Shape, encoder_for, selection_for, to_position
from app.exports.params import ReportParams
from app.rows import Record

MEDIA_TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


class FilePlanner:
    """Takes the records of one data type in order and decides where its files and parts end.

    A file's size counts what is downloaded: brackets, headers and separators too. A record that is larger than the
    limit stands alone in a file of its own, and the file's description says so.
    """

    def __init__(self, order: Order, params: ReportParams, data_type: str) -> None:
        self.shape = Shape(order, params, data_type)
        self._params, self._data_type = params, data_type
        self._selection = selection_for(order, params, data_type)
        self._stride = order.part_rows
        self._encoder = encoder_for(self.shape)
        self._limit = params.max_file_bytes
        self._files: list[list[PlannedPart]] = [[]]
        self._oversized: set[int] = set()
        self._bytes, self._file_rows = len(self._encoder.head()), 0
        self._after: list[Any] | None = None
        self._until: list[Any] | None = None
        self._rows = 0

    def add(self, record: Record, row: Row) -> None:
        """The next record in order, and the row that will be written for it."""
        place = to_position(record.position(self._selection))
        if self._limit is not None:
            self._make_room(row, self._limit)
        if self._rows == self._stride:
            self._end_part()
        self._until, self._rows = place, self._rows + 1
        self._file_rows += 1

    def finish(self) -> Iterator[PlannedFile]:
        """The files, in order; one file for no records at all."""
        self._end_part(last=True)
        numbered = len(self._files) > 1
        for number, parts in enumerate(self._files, start=1):
            parts[0].task["first"] = True
            parts[-1].task["final"] = True
            layout: dict[str, Any] = {"data_type": self._data_type}
            if number - 1 in self._oversized:
                layout["oversized"] = True
            suffix = f"-{number}" if numbered else ""
            name = f"{self._data_type}{suffix}.{self._params.format}"
            yield PlannedFile(name, self._data_type, MEDIA_TYPES[self._params.format], layout, parts)

    def _make_room(self, row: Row, limit: int) -> None:
        size = len(self._encoder.record(row, first=self._file_rows == 0))
        tail = len(self._encoder.tail(empty=False))
        if self._file_rows and self._bytes + size + tail > limit:
            self._end_part()
            self._files.append([])
            self._begin_file()
            size = len(self._encoder.record(row, first=True))
        if self._bytes + size + tail > limit:
            self._oversized.add(len(self._files) - 1)
        self._bytes += size

    def _begin_file(self) -> None:
        self._bytes, self._file_rows = len(self._encoder.head()), 0

    def _end_part(self, *, last: bool = False) -> None:
        if self._rows or (last and not self._files[-1]):
            self._files[-1].append(PlannedPart({"after": self._after, "until": self._until}, self._rows))
        if self._rows:
            self._after, self._until, self._rows = self._until, None, 0

"""Cutting a data type's records into files of at most so many bytes, and files into fragments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from app.exports.kinds.base import Order, PlannedFile, PlannedFragment
from app.exports.params import FORMATS, Asked
from app.models.types import from_milliseconds, to_milliseconds
from app.rows.documents import Words, most_bytes
from app.rows.entities import Position, Selection, lengths, stride

FRAGMENT_BYTES = 12 << 20
"""A fragment is made in memory: large documents make it of fewer records."""
PARQUET_FRAGMENTS = 20
"""A Parquet file is made in one piece, so it holds at most so many fragments' records."""
BRACKETS = 5
"""``[``, a line end, ``]``, two line ends: what a JSON array has besides its records."""
SEPARATOR = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Records behind ``after`` up to ``until``, and the bytes of their documents."""

    after: list[Any] | None
    until: list[Any]
    rows: int
    bytes: int

    def task(self) -> dict[str, Any]:
        return {"after": self.after, "until": self.until}


@dataclass(slots=True)
class Cut:
    """A file to be: its pages, and whether one record in it is larger than files may be."""

    pages: list[Page] = field(default_factory=list)
    oversized: bool = False


def planned_records(
    order: Order, snapshot: Connection, asked: Asked, selection: Selection, words: Words, extra: dict[UUID, int],
    head: int, around: int,
) -> Iterator[PlannedFile]:  # fmt: skip
    """The files of one data type; one without records when there are none.

    :param extra: for each template, bytes that the names of references come to at most
    :param head: bytes before the first record
    :param around: bytes that a record takes at most besides its JSON
    """
    params = asked.params
    pages = _pages(snapshot, selection, order.fragment_rows)
    if params.max_file_bytes is None:
        cuts = [Cut(list(pages))]
    else:
        size = _Sizes(snapshot, selection, words, extra, around)
        cuts = list(_split(pages, size, params.max_file_bytes - head))
    if params.format == "parquet":
        cuts = [Cut(some, cut.oversized) for cut in cuts for some in _in_groups(cut.pages)]
    for number, cut in enumerate(cuts, start=1):
        suffix = f"-{number}" if len(cuts) > 1 else ""
        yield _planned(asked, f"{asked.stem}{suffix}.{params.format}", cut)


def to_position(place: Position) -> list[Any]:
    """A place as plain JSON values; :func:`from_position` reads it back."""
    return [to_milliseconds(place.time), str(place.id)]


def from_position(plain: list[Any]) -> Position:
    return Position(from_milliseconds(plain[0]), UUID(plain[1]))


def layout_of(asked: Asked) -> dict[str, Any]:
    """What a file's layout says of what was asked for."""
    return {"data_type": asked.data_type} | ({} if asked.number is None else {"query": asked.number})


def _planned(asked: Asked, name: str, cut: Cut) -> PlannedFile:
    params, layout = asked.params, layout_of(asked)
    if cut.oversized:
        layout["oversized"] = True
    if params.format == "parquet":
        pages = [page.task() for page in cut.pages]
        fragments = [PlannedFragment(sum(page.rows for page in cut.pages), {"pages": pages})]
    else:
        fragments = [PlannedFragment(page.rows, {"pages": [page.task()]}) for page in cut.pages]
    fragments = fragments or [PlannedFragment(0, {"pages": []})]
    media_type = FORMATS[params.format]
    return PlannedFile(name, asked.data_type, media_type, layout, fragments, stored=params.format == "parquet")


def _in_groups(pages: list[Page]) -> Iterator[list[Page]]:
    for begin in range(0, max(len(pages), 1), PARQUET_FRAGMENTS):
        yield pages[begin : begin + PARQUET_FRAGMENTS]


def _pages(snapshot: Connection, selection: Selection, rows: int) -> Iterator[Page]:
    """Pages of so many records, or of fewer when their documents are large."""
    place: Position | None = None
    while True:
        wanted = rows
        until, found, size = stride(snapshot, selection, place, wanted)
        while size > FRAGMENT_BYTES and found > 1:
            wanted = max(1, found * FRAGMENT_BYTES // (2 * size))
            until, found, size = stride(snapshot, selection, place, wanted)
        if until is None:
            return
        yield Page(None if place is None else to_position(place), to_position(until), found, size)
        if found < wanted:
            return
        place = until


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How long each record of a page is at most, as written; a file may become a little shorter, never longer."""

    snapshot: Connection
    selection: Selection
    words: Words
    extra: dict[UUID, int]
    around: int

    def of(self, page: Page) -> np.ndarray[Any, np.dtype[np.int64]]:
        after = None if page.after is None else from_position(page.after)
        what = most_bytes(self.selection, self.words, self.extra)
        found = lengths(self.snapshot, self.selection, after, from_position(page.until), what)
        return np.array(found, dtype=np.int64) + SEPARATOR + self.around

    def place_after(self, page: Page, rows: int) -> list[Any]:
        """The place of the ``rows``-th record of a page."""
        after = None if page.after is None else from_position(page.after)
        until, _, _ = stride(self.snapshot, self.selection, after, rows)
        return page.until if until is None else to_position(until)


def _split(pages: Iterator[Page], sizes: _Sizes, limit: int) -> Iterator[Cut]:
    """Files of at most ``limit`` bytes; a record that is larger stands alone."""
    limit -= BRACKETS
    cut, used = Cut(), 0
    for page in pages:
        own = sizes.of(page)
        while len(own):
            total = np.cumsum(own)
            fits = int(np.searchsorted(total, limit - used, side="right"))
            if fits == 0 and used == 0:
                fits, cut.oversized = 1, True
            if fits == 0:
                yield cut
                cut, used = Cut(), 0
                continue
            piece = page if fits == len(own) else _first_of(page, sizes, fits)
            cut.pages.append(piece)
            used += int(total[fits - 1])
            page = replace(page, after=piece.until, rows=page.rows - piece.rows)
            own = own[fits:]
    yield cut


def _first_of(page: Page, sizes: _Sizes, rows: int) -> Page:
    return replace(page, until=sizes.place_after(page, rows), rows=rows)

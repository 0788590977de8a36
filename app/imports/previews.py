"""A look at the beginning of a file: what its columns could be, and how its first rows would be stored."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from app.actor import Actor
from app.errors import Invalid
from app.extensions import db
from app.imports.devices import Measured
from app.imports.guessing import Guess, guess, zoneless_in
from app.imports.lines import blocks_of
from app.imports.mapping import Columns, Reading, Writing, require_whole
from app.imports.opening import metrics_for, open_bytes, reader_for
from app.imports.refusing import WORDS
from app.imports.sniffing import SAMPLE, Found, look_at, whole_lines
from app.models import MeasurementImport
from app.models.types import from_milliseconds

_BYTES = 128 * 1024
MOST_VALUES = 12
MOST_REFUSED = 5


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it would be stored. ``device``: its own id, where a column names it."""

    line: int
    time: datetime
    metric: Measured
    value: float
    device: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The first values of a file, and the first things that would be refused: line, column, text, words."""

    values: tuple[Value, ...]
    refused: tuple[tuple[int, str, str, str], ...]


def look(imported: MeasurementImport, writing: Writing | None = None) -> Found:
    """The beginning of an import's file.

    :param writing: how it is written as somebody chose it; None: as it looks
    :raises Gone: the file was swept
    :raises Invalid: it cannot be read so
    """
    if writing is not None and (faults := writing.faults()):
        raise Invalid(fields=faults)
    size = imported.byte_count
    with open_bytes(imported.file_id) as stream:
        head = stream.read(SAMPLE)
    return look_at(head, size, writing)


def suggest(actor: Actor, imported: MeasurementImport, found: Found) -> Guess:
    """What the columns probably are.

    :raises Refusal: as :func:`~app.imports.opening.metrics_for`
    """
    return guess(found, metrics_for(actor, imported), several=imported.several)


def require_readable(imported: MeasurementImport, writing: Writing, columns: Columns) -> Found:
    """Refuse a choice with which the file cannot be read; else its beginning.

    :raises Invalid: ``fields`` says what is wrong
    :raises Refusal: as :func:`look`
    """
    db.session.refresh(imported)
    several = imported.several
    found = look(imported, writing)
    zoneless = zoneless_in(found, columns.time, columns.time_kind)
    require_whole(columns, len(found.names), several=several, zoneless=zoneless)
    return found


def preview(actor: Actor, imported: MeasurementImport, writing: Writing, columns: Columns) -> Preview:
    """The first rows as they would be stored.

    :raises Refusal: as :func:`require_readable`
    """
    found = require_readable(imported, writing, columns)
    size = imported.byte_count
    with open_bytes(imported.file_id) as stream:
        head = stream.read(_BYTES)
    reader, _, metrics = reader_for(actor, imported, Reading(found.writing, found.names, columns))
    block = next(blocks_of(io.BytesIO(whole_lines(head, size, found.writing.encoding)), found.writing.encoding))
    parsed = reader.parse(block)
    db.session.rollback()
    order = np.lexsort((parsed.columns, parsed.lines))[:MOST_VALUES]
    named = parsed.texts[columns.device] if columns.device is not None and imported.several else None
    values = tuple(
        Value(
            line=int(parsed.lines[at]),
            time=from_milliseconds(int(parsed.times[at])),
            metric=metrics[int(parsed.names[at])],
            value=float(parsed.values[at]),
            device=None if named is None else named[int(np.searchsorted(parsed.of_lines, parsed.lines[at]))].as_py(),
        )
        for at in order.tolist()
    )
    refused = sorted(
        (int(line), one.column, one.texts[at].as_py() if one.texts is not None else "", WORDS[one.code])
        for one in parsed.refused
        for at, line in enumerate(one.lines[:MOST_REFUSED].tolist())
    )
    return Preview(values, tuple(refused[:MOST_REFUSED]))

"""The record taken away: what a query finds as CSV or NDJSON, read and sent piece by piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, literal, select, tuple_

from app.access import Permission, require
from app.access.patience import patiently
from app.actor import Actor
from app.builder.formulas import guarded
from app.errors import Invalid
from app.extensions import db
from app.models import AuditEvent, begin_writing
from app.models.types import Instant
from app.record.noting import note
from app.record.reading import (
    EventQuery,
    RecordLine,
    filtered,
    fingerprint,
    newest_first,
    visible_events,
    with_names,
)

FORMATS = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
ROWS_AT_ONCE = 500
COLUMNS = (
    "event", "at", "person", "person_id", "by", "by_id", "address", "request", "action", "object", "object_id",
    "about_id", "rows", "bytes", "outcome", "details", "place_in_chain", "hash",
)  # fmt: skip


def leave_record(actor: Actor, query: EventQuery, format_name: str) -> Iterator[bytes]:
    """The events that the query finds, newest first, as pieces of a file. That they were taken is kept first.

    Read a page at a time, so that a slow reader holds no transaction open. What is written meanwhile is not in it.

    :param format_name: a key of :data:`FORMATS`
    :raises Forbidden: the actor administers nothing
    :raises Invalid: no such format, or counting them takes too long
    """
    require(actor, Permission.MANAGE)
    if format_name not in FORMATS:
        raise Invalid(fields={"format": "The record can be had as CSV or NDJSON."})
    found = filtered(visible_events(actor), query)
    with patiently():
        counted = found.with_only_columns(AuditEvent.id).subquery()
        count = db.session.scalar(select(func.count()).select_from(counted)) or 0
    begin_writing()
    details = {"format": format_name, "filter": query.fingerprint()}
    taking = note(actor, "record.export", details=details, row_count=count)
    db.session.flush()
    last = (taking.at, taking.id)
    db.session.commit()
    pages = _pages(actor, query, last)
    return _csv(pages) if format_name == "csv" else _ndjson(pages)


def note_reading(
    actor: Actor,
    question: str,
    asked: object,
    rows: int,
    *,
    object_type: str | None = None,
    object_id: UUID | None = None,
) -> None:
    """Keep that the actor read in the record itself. The session is fresh afterwards: read from its rows before.

    :param question: which page of the record: ``events``, ``event``, ``seen``, ``taken`` or ``downloads``
    :param asked: what was asked for; only a keyed digest of it is kept
    """
    begin_writing()
    details = {"question": question, "filter": fingerprint(asked)}
    note(actor, "record.view", object_type, object_id, details=details, row_count=rows)
    db.session.commit()


def _pages(actor: Actor, query: EventQuery, before: tuple[Any, int]) -> Iterator[list[RecordLine]]:
    while True:
        place = tuple_(literal(before[0], Instant), literal(before[1]))
        found = filtered(visible_events(actor), query).where(tuple_(AuditEvent.at, AuditEvent.id) < place)
        rows = list(db.session.scalars(newest_first(found).limit(ROWS_AT_ONCE)))
        yield list(with_names(actor, rows))
        if len(rows) < ROWS_AT_ONCE:
            db.session.rollback()
            return
        before = (rows[-1].at, rows[-1].id)
        db.session.rollback()


def _csv(pages: Iterable[list[RecordLine]]) -> Iterator[bytes]:
    yield _lines([COLUMNS])
    for page in pages:
        if page:
            yield _lines([_cell(value) for value in _values(line).values()] for line in page)


def _ndjson(pages: Iterable[list[RecordLine]]) -> Iterator[bytes]:
    for page in pages:
        if page:
            yield b"".join(orjson.dumps(_values(line), option=orjson.OPT_APPEND_NEWLINE) for line in page)


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    # People choose their names themselves, and this is opened in spreadsheets.
    return "" if value is None else guarded(str(value))


def _values(line: RecordLine) -> dict[str, Any]:
    event = line.event
    at = event.at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    said = (
        event.id, at, line.person, event.user_id, event.via, event.via_id, event.address, event.request_id,
        event.action, event.object_type, event.object_id, event.subject_id, event.row_count, event.byte_count,
        event.outcome, event.details, event.sequence, event.hash,
    )  # fmt: skip
    plain = (str(one) if isinstance(one, UUID) else one for one in said)
    return dict(zip(COLUMNS, plain, strict=True))

"""The record of who did what: events written in the transaction of the deed itself, chained, kept and answered from.

An event is added by :func:`note`. A while later :func:`seal_record` gives it its place in the chain of hashes, which
:func:`verify_record` follows; ``docs/decisions/0014-the-record-is-sealed-in-batches.md`` says why it is done so.
"""

from app.record.chain import keep_record_until, remove_old, seal_record
from app.record.leaving import FORMATS, leave_record, note_reading
from app.record.noting import has_seen, is_noted, note
from app.record.questions import Deed, Taken, taken_by, tells_of, who_has_downloaded, who_has_seen
from app.record.reading import (
    EventPage,
    EventQuery,
    RecordLine,
    get_event,
    list_events,
    may_read,
    named_people,
    people_called,
    token_name,
    visible_events,
)
from app.record.verifying import Fault, Verdict, verify_record

__all__ = [
    "FORMATS",
    "Deed",
    "EventPage",
    "EventQuery",
    "Fault",
    "RecordLine",
    "Taken",
    "Verdict",
    "get_event",
    "has_seen",
    "is_noted",
    "keep_record_until",
    "leave_record",
    "list_events",
    "may_read",
    "named_people",
    "note",
    "note_reading",
    "people_called",
    "remove_old",
    "seal_record",
    "taken_by",
    "tells_of",
    "token_name",
    "verify_record",
    "visible_events",
    "who_has_downloaded",
    "who_has_seen",
]

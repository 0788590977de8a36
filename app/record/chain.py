"""The chain: each event's hash is made of what the event says and of the hash before it.

Events are written by many at once and wait for nobody; one sealer gives them their places afterwards, in batches. So
nothing that was parallel is made to queue. What is not sealed yet is kept by the database's own triggers alone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from threading import Event
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, select, update

from app import clock
from app.extensions import db
from app.models import AuditChain, AuditEvent, begin_writing
from app.models.types import to_milliseconds
from app.record.noting import note
from app.rounds import NowAndThen, go_round

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 1_000
YEARS = 6
REMOVE_EVERY_SECONDS = 3_600.0
_FACTS = (
    "id", "tenant_id", "at", "user_id", "via", "via_id", "address", "request_id", "action", "object_type", "object_id",
    "subject_id", "details", "row_count", "byte_count", "outcome",
)  # fmt: skip

EVENTS: Any = AuditEvent.__table__
CHAIN: Any = AuditChain.__table__


def hash_of(before: str, sequence: int, facts: Mapping[str, Any]) -> str:
    """The hash of an event at a place of the chain.

    :param before: the hash of the event before it
    :param facts: its columns by name; what is no fact of the event is passed over
    """
    said = {name: facts[name] for name in _FACTS}
    said["at"] = to_milliseconds(said["at"])
    text = orjson.dumps([before, sequence, said], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(text).hexdigest()


def seal_record() -> int:
    """Give every event that waits its place in the chain; answers how many. Two sealers at once take turns."""
    sealed = 0
    while count := _seal_batch():
        sealed += count
        if count < ROWS_AT_ONCE:
            break
    return sealed


def _seal_batch() -> int:
    waiting = select(EVENTS).where(EVENTS.c.sequence.is_(None)).order_by(EVENTS.c.id).limit(ROWS_AT_ONCE)
    if db.session.execute(waiting.limit(1)).first() is None:
        db.session.rollback()
        return 0
    begin_writing()
    # The chain's row is locked first: whoever seals at the same time waits here, and then finds less to do.
    head = db.session.execute(
        update(CHAIN).values(sequence=CHAIN.c.sequence).returning(CHAIN.c.sequence, CHAIN.c.hash)
    ).one()
    sequence, before = head
    places = []
    for row in db.session.execute(waiting).mappings():
        sequence += 1
        before = hash_of(before, sequence, dict(row))
        places.append({"one": row["id"], "place": sequence, "digest": before})
    if places:
        placed = update(EVENTS).where(EVENTS.c.id == bindparam("one"))
        db.session.connection().execute(placed.values(sequence=bindparam("place"), hash=bindparam("digest")), places)
        db.session.execute(update(CHAIN).values(sequence=sequence, hash=before))
    db.session.commit()
    if places:
        # Logs are kept elsewhere: whoever rewrites the table must rewrite them, too.
        log.info("the record is sealed up to event %s: %s", sequence, before)
    return len(places)


def remove_old(years: int = YEARS, now: datetime | None = None) -> int:
    """Remove the events that are older than so many years, from the chain's beginning on; answers how many.

    The chain keeps the hash of the last one removed, so that what follows is still verified. Each removal is itself
    an event.
    """
    before, gone = _years_before(now or clock.now(), years), 0
    while count := _remove_batch(before):
        gone += count
    return gone


def _remove_batch(before: datetime) -> int:
    from_here = select(CHAIN.c.removed_through).scalar_subquery()
    oldest = (
        select(EVENTS.c.sequence, EVENTS.c.hash, EVENTS.c.at)
        .where(EVENTS.c.sequence > from_here)
        .order_by(EVENTS.c.sequence)
        .limit(ROWS_AT_ONCE)
    )
    first = db.session.execute(oldest.limit(1)).first()
    if first is None or first.at >= before:
        db.session.rollback()
        return 0
    begin_writing()
    db.session.execute(update(CHAIN).values(removed_through=CHAIN.c.removed_through))
    old: list[Any] = []
    for row in db.session.execute(oldest):
        if row.at >= before:
            break
        old.append(row)
    if not old:
        db.session.rollback()
        return 0
    through, last = old[-1].sequence, old[-1].hash
    # The trigger lets go what the chain says is removed, and nothing else.
    db.session.execute(update(CHAIN).values(removed_through=through, removed_hash=last))
    db.session.execute(delete(EVENTS).where(EVENTS.c.sequence <= through))
    note(None, "record.remove", details={"through": through, "hash": last}, row_count=len(old), via="job")
    db.session.commit()
    return len(old)


def _years_before(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year - years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year - years, day=28)


def keep_record_until(stop: Event, *, every: float, years: int = YEARS) -> None:
    """Seal what was written, again and again, and remove what is old enough; until told to stop.

    :param every: seconds between two looks
    """
    removal = NowAndThen(REMOVE_EVERY_SECONDS)

    def look() -> float:
        seal_record()
        if removal.is_due():
            remove_old(years)
        return every

    go_round(stop, "the record", look, after_fault=every)

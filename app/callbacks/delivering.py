"""Delivery: what the outbox holds is posted, again and again if need be, by the reconciler's own thread.

Requests run beside one another and touch no database; what comes of them is written down afterwards, one by one. A
message is taken by raising its count of tries, so that two who deliver never make the same try.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from uuid import UUID

import orjson
from sqlalchemy import select

from app import clock, outbox, record
from app.callbacks.posting import Answer, post
from app.callbacks.settings import bound
from app.callbacks.signatures import signed_headers
from app.extensions import db
from app.models import CallbackTry, Export, OutboxMessage, Tenant, begin_writing
from app.rounds import go_round

KIND = "export.settled"
AT_ONCE = 8
SPARE_SECONDS = 20.0
"""Beyond a request's own time, before somebody else may try: for writing down what came of it."""
GONE = "The report is no longer there."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours for one try. ``attempt`` counts from 1 and is the fence."""

    id: UUID
    attempt: int
    tenant_id: UUID
    export_id: UUID
    owner_id: UUID
    url: str
    only: frozenset[str]


def announce(export_id: UUID, state: str) -> None:
    """Have a callback follow the writing transaction, if whoever asked for the export wants one.

    :param state: the final state that the export comes to in this transaction
    """
    found = db.session.execute(select(Export.tenant_id, Export.callback_url).where(Export.id == export_id)).one()
    if found.callback_url is not None:
        outbox.post(found.tenant_id, KIND, {"export_id": str(export_id), "state": state}, object_id=export_id)


def deliver_until(stop: Event, *, every: float) -> None:
    """Deliver what is due until told to stop.

    :param every: seconds between two looks when nothing is due
    """
    go_round(stop, "callbacks", lambda: 0.0 if deliver_due() else every, after_fault=every)


def deliver_due() -> int:
    """Try each message that is due, a few at once. Returns how many were tried."""
    claimed = [found for message in outbox.due(KIND, AT_ONCE) if (found := _claim(*message)) is not None]
    bodies = [_body_for(one) for one in claimed]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(_send, claimed, bodies))
    for one, answer in zip(claimed, answers, strict=True):
        _write_down(one, answer)
    return len(claimed)


def _claim(message_id: UUID, seen: int) -> Claimed | None:
    if not outbox.take(message_id, seen, seconds=bound.settings.seconds * 2 + SPARE_SECONDS):
        return None
    found = db.session.execute(
        select(OutboxMessage.tenant_id, Export.id, Export.owner_id, Export.callback_url, Tenant.callback_hosts)
        .join(Export, Export.id == OutboxMessage.object_id)
        .join(Tenant, Tenant.id == OutboxMessage.tenant_id)
        .where(OutboxMessage.id == message_id, Export.deleted_at.is_(None))
    ).one_or_none()
    if found is None:
        outbox.settle(message_id, seen + 1, GONE)
    db.session.commit()
    if found is None:
        return None
    url, only = found.callback_url or "", frozenset(found.callback_hosts.split())
    return Claimed(message_id, seen + 1, found.tenant_id, found.id, found.owner_id, url, only)


def _body_for(claimed: Claimed) -> bytes | None:
    try:
        return bound.body_for(claimed.export_id)
    except Exception:
        # One report that cannot be told must not keep the others from being told.
        log.exception("the body of a callback could not be made")
        return None
    finally:
        db.session.rollback()


def _send(claimed: Claimed, body: bytes | None) -> Answer:
    if body is None:
        return Answer(None, "The report could not be put into words.")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Chartroom-Callback/1",
        **signed_headers(claimed.owner_id, claimed.id, clock.now(), body),
    }
    settings = bound.settings
    return post(claimed.url, body, headers, listed=settings.listed, seconds=settings.seconds, only=claimed.only)


def _write_down(claimed: Claimed, answer: Answer) -> None:
    begin_writing()
    settings = bound.settings
    message = select(OutboxMessage.id).where(OutboxMessage.id == claimed.id)
    if db.session.scalar(message.with_for_update()) is None:
        # Its export was forgotten meanwhile, and nobody is left to read what came of it.
        db.session.rollback()
        return
    db.session.add(
        CallbackTry(
            message_id=claimed.id,
            status=answer.status,
            words=answer.words[:200],
            milliseconds=answer.milliseconds,
        )
    )
    is_last = answer.is_final or claimed.attempt >= settings.attempts
    outcome = outbox.settle(
        claimed.id,
        claimed.attempt,
        None if answer.is_taken else answer.words,
        again_in=None if is_last else settings.wait_after(claimed.attempt),
    )
    if outcome is not None:
        record.note(
            None, "callback.deliver", "export", claimed.export_id, tenant_id=claimed.tenant_id, outcome=outcome,
            details={"message": str(claimed.id), "tries": claimed.attempt}, via="job",
        )  # fmt: skip
    db.session.commit()


def state_told(payload: str) -> str:
    """The final state that a message tells of."""
    return str(orjson.loads(payload)["state"])

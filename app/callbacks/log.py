"""The log of deliveries: what an actor may see of them, sending one again, and ending the tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, literal, select, tuple_, update

from app import clock, record
from app.access import visible_exports
from app.actor import Actor
from app.callbacks.delivering import KIND, state_told
from app.errors import NotFound
from app.extensions import db
from app.models import CallbackTry, Export, OutboxMessage, begin_writing
from app.models.types import Id, Instant, database_now

ENDED = "The tries were ended by hand."
TRIES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Try:
    """One request: when, and what came of it."""

    at: datetime
    status: int | None
    words: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One telling of an export's end.

    ``state`` is ``waiting``, ``delivered`` or ``given-up``; ``event`` the final state that is told of; ``next_at`` the
    time of the next try by the database's clock, if there is to be one. ``tries`` are the newest ones, newest first.
    """

    id: UUID
    export_id: UUID
    export_name: str
    owner_name: str
    is_own: bool
    address: str
    event: str
    state: str
    created_at: datetime
    next_at: datetime | None
    ended_at: datetime | None
    try_count: int
    tries: tuple[Try, ...]


def list_deliveries(
    actor: Actor, *, before: tuple[datetime, UUID] | None = None, limit: int = 25
) -> Sequence[Delivery]:
    """What was and will be told of the exports that the actor may see, newest first.

    :param before: ``(created_at, id)`` of the last one already shown
    """
    wanted = _visible(actor)
    if before is not None:
        last = tuple_(literal(before[0], Instant), literal(before[1], Id))
        wanted = wanted.where(tuple_(OutboxMessage.created_at, OutboxMessage.id) < last)
    wanted = wanted.order_by(OutboxMessage.created_at.desc(), OutboxMessage.id.desc()).limit(limit)
    return _deliveries(actor, wanted)


def get_delivery(actor: Actor, delivery_id: UUID) -> Delivery:
    """One of them.

    :raises NotFound: there is none, or it tells of somebody else's export
    """
    found = _deliveries(actor, _visible(actor).where(OutboxMessage.id == delivery_id))
    if not found:
        raise NotFound("There is no such callback.")
    return found[0]


def send_again(actor: Actor, delivery_id: UUID) -> None:
    """Have it tried again at once, with as many tries as a new one; its id stays, so a receiver knows it again.

    :raises NotFound: see :func:`get_delivery`
    """
    _change(actor, delivery_id, "callback.again", attempts=0, due_at=database_now(), delivered_at=None,
            given_up_at=None, last_error=None)  # fmt: skip


def end_delivery(actor: Actor, delivery_id: UUID) -> None:
    """Try it no more. One that was delivered or given up stays as it is.

    :raises NotFound: see :func:`get_delivery`
    """
    if get_delivery(actor, delivery_id).state == "waiting":
        _change(actor, delivery_id, "callback.end", given_up_at=clock.now(), last_error=ENDED)


def _change(actor: Actor, delivery_id: UUID, action: str, **values: object) -> None:
    get_delivery(actor, delivery_id)
    begin_writing()
    found = get_delivery(actor, delivery_id)
    db.session.execute(
        update(OutboxMessage).where(OutboxMessage.id == delivery_id).values(**values),
        execution_options={"synchronize_session": False},
    )
    record.note(actor, action, "export", found.export_id, details={"message": str(delivery_id)})
    db.session.commit()


def _visible(actor: Actor) -> Select[OutboxMessage, Export]:
    seen = visible_exports(actor).with_only_columns(Export.id)
    return (
        select(OutboxMessage, Export)
        .join(Export, Export.id == OutboxMessage.object_id)
        .where(OutboxMessage.kind == KIND, Export.id.in_(seen))
    )


def _deliveries(actor: Actor, wanted: Select[OutboxMessage, Export]) -> list[Delivery]:
    rows = db.session.execute(wanted, execution_options={"populate_existing": True}).all()
    ids = [message.id for message, _ in rows]
    counts = _counts(ids)
    tries = {one: _tries(one) for one in ids} if len(ids) == 1 else _last_tries(ids)
    return [
        _delivery(actor, message, export, counts.get(message.id, 0), tries.get(message.id, ()))
        for message, export in rows
    ]


def _delivery(actor: Actor, message: OutboxMessage, export: Export, count: int, tries: tuple[Try, ...]) -> Delivery:
    ended_at = message.delivered_at or message.given_up_at
    state = "delivered" if message.delivered_at else "given-up" if message.given_up_at else "waiting"
    return Delivery(
        id=message.id,
        export_id=export.id,
        export_name=export.name,
        owner_name=export.owner.name,
        is_own=export.owner_id == actor.user_id,
        address=export.callback_url or "",
        event=state_told(message.payload),
        state=state,
        created_at=message.created_at,
        next_at=message.due_at if ended_at is None else None,
        ended_at=ended_at,
        try_count=count,
        tries=tries,
    )


def _counts(ids: list[UUID]) -> dict[UUID, int]:
    counted = (
        select(CallbackTry.message_id, func.count())
        .where(CallbackTry.message_id.in_(ids))
        .group_by(CallbackTry.message_id)
    )
    return {row[0]: row[1] for row in db.session.execute(counted)}


def _tries(message_id: UUID) -> tuple[Try, ...]:
    wanted = select(CallbackTry).where(CallbackTry.message_id == message_id).order_by(CallbackTry.at.desc())
    return tuple(_try(one) for one in db.session.scalars(wanted.limit(TRIES_SHOWN)))


def _last_tries(ids: list[UUID]) -> dict[UUID, tuple[Try, ...]]:
    newest = (
        select(CallbackTry.message_id, func.max(CallbackTry.at).label("at"))
        .where(CallbackTry.message_id.in_(ids))
        .group_by(CallbackTry.message_id)
        .subquery()
    )
    wanted = select(CallbackTry).join(
        newest, (newest.c.message_id == CallbackTry.message_id) & (newest.c.at == CallbackTry.at)
    )
    return {one.message_id: (_try(one),) for one in db.session.scalars(wanted)}


def _try(row: CallbackTry) -> Try:
    return Try(row.at, row.status, row.words, row.milliseconds)

"""Reading the record: which events an administrator may see, a page of them by filters, one in detail."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, Text, and_, cast, false, literal, or_, select, true, tuple_

from app.access import Permission, allows, require
from app.access.patience import patiently
from app.access.visibility import organizations_with, within
from app.actor import Actor
from app.errors import NotFound
from app.extensions import db
from app.models import ApiToken, AuditEvent, Entity, Membership, User
from app.models.types import Instant, from_milliseconds, to_milliseconds
from app.signing import signing

By = Literal["people", "programs", "system", "strangers"]
_WAYS: dict[By, tuple[str, ...]] = {
    "people": ("session",),
    "programs": ("token",),
    "system": ("job", "shell"),
    "strangers": ("stranger",),
}
PAGE_SIZE = 50
MOST_PEOPLE = 200


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events; what is not given does not narrow.

    :param actions: any of them; one that ends in a dot stands for all that begin with it
    :param people: who did it, any of them; an empty tuple finds nothing
    :param about: an id: of the object, or of the record that it was about
    :param start: not before this; ``end``: before this
    :param address: the network address, or how it begins
    """

    actions: tuple[str, ...] = ()
    people: tuple[UUID, ...] | None = None
    about: str | None = None
    by: By | None = None
    outcome: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    address: str | None = None

    def fingerprint(self) -> str:
        """The same for the same query, and telling nobody what was asked: what the record keeps of a search."""
        return fingerprint(asdict(self))


@dataclass(frozen=True, slots=True)
class RecordLine:
    """An event and the name of whoever did it; None when nobody in particular did."""

    event: AuditEvent
    person: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first; ``next`` leads on to older ones."""

    lines: tuple[RecordLine, ...]
    next: str | None


def fingerprint(asked: object) -> str:
    """A keyed digest of what was asked for: equal questions have equal ones, and nobody can try words against it."""
    return signing.sign("audit filter", orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS).decode())[:22]


def may_read(actor: Actor) -> bool:
    """Whether the actor may see the record at all."""
    return allows(actor, Permission.MANAGE)


def visible_events(actor: Actor) -> Select[AuditEvent]:
    """The tenant's events; for an administrator of some organizations, those of their people and of their records."""
    managed = organizations_with(actor, Permission.MANAGE)
    seen: ColumnElement[bool] = true()
    if managed is not None:
        people = select(Membership.user_id).where(within(Membership.organization_id.expression, managed))
        records = select(Entity.id).where(within(Entity.organization_id.expression, managed))
        seen = or_(AuditEvent.user_id.in_(people), AuditEvent.subject_id.in_(records)) if managed else false()
    return select(AuditEvent).where(AuditEvent.tenant_id == actor.tenant_id, seen)


def list_events(actor: Actor, query: EventQuery, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> EventPage:
    """A page of the events that the actor may see and that the query finds, newest first.

    :param cursor: an earlier page's ``next``; a broken one means the first page
    :raises Forbidden: the actor administers nothing
    :raises Invalid: it takes too long
    """
    require(actor, Permission.MANAGE)
    found = filtered(visible_events(actor), query)
    if (place := _place(cursor)) is not None:
        found = found.where(tuple_(AuditEvent.at, AuditEvent.id) < place)
    with patiently():
        rows = list(db.session.scalars(newest_first(found).limit(limit + 1)))
        lines = tuple(with_names(actor, rows[:limit]))
    return EventPage(lines, _cursor(rows[limit - 1]) if len(rows) > limit else None)


def get_event(actor: Actor, event_id: int) -> RecordLine:
    """One event.

    :raises NotFound: there is none, or the actor may not know
    """
    require(actor, Permission.MANAGE)
    event = None
    if 0 < event_id < 2**62:
        event = db.session.scalar(visible_events(actor).where(AuditEvent.id == event_id))
    if event is None:
        raise NotFound("There is no such event.")
    return next(with_names(actor, [event]))


def people_called(actor: Actor, text: str) -> tuple[UUID, ...]:
    """The ids of the tenant's people whose name or e-mail address holds the text; nobody who was removed.

    :raises Forbidden: the actor administers nothing
    """
    require(actor, Permission.MANAGE)
    held = or_(User.name.icontains(text, autoescape=True), User.email.icontains(text, autoescape=True))
    found = select(User.id).where(User.tenant_id == actor.tenant_id, held)
    return tuple(db.session.scalars(found.limit(MOST_PEOPLE)))


def named_people(actor: Actor, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Names of the tenant's people by id."""
    wanted = {one for one in ids if one is not None}
    found = select(User.id, User.name).where(User.tenant_id == actor.tenant_id, User.id.in_(wanted))
    return {row.id: row.name for row in db.session.execute(found)} if wanted else {}


def token_name(actor: Actor, token_id: UUID) -> str | None:
    """What a token of the tenant is called."""
    found = (
        select(ApiToken.name)
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.id == token_id, User.tenant_id == actor.tenant_id)
    )
    return db.session.scalar(found)


def with_names(actor: Actor, events: list[AuditEvent]) -> Iterator[RecordLine]:
    names = named_people(actor, (event.user_id for event in events))
    for event in events:
        yield RecordLine(event, name_of(event.user_id, names))


def name_of(user_id: UUID | None, names: Mapping[UUID, str]) -> str | None:
    """What a person is called, by :func:`named_people`; ``None`` for nobody in particular."""
    return None if user_id is None else names.get(user_id, "Somebody who has left")


def newest_first(events: Select[Any]) -> Select[Any]:
    return events.order_by(AuditEvent.at.desc(), AuditEvent.id.desc())


def filtered(events: Select[AuditEvent], query: EventQuery) -> Select[AuditEvent]:
    """The events that the query finds."""
    event = AuditEvent
    conditions: list[ColumnElement[bool]] = []
    if query.actions:
        conditions.append(or_(*map(_of_action, query.actions)))
    if query.people is not None:
        conditions.append(event.user_id.in_(query.people) if query.people else false())
    if query.about is not None:
        conditions.append(_about(query.about))
    if query.by is not None:
        conditions.append(event.via.in_(_WAYS[query.by]))
    if query.outcome is not None:
        conditions.append(event.outcome == query.outcome)
    if query.start is not None:
        conditions.append(event.at >= query.start)
    if query.end is not None:
        conditions.append(event.at < query.end)
    if query.address is not None:
        conditions.append(event.address.startswith(query.address, autoescape=True))
    return events.where(*conditions)


def _of_action(action: str) -> ColumnElement[bool]:
    if action.endswith("."):
        return AuditEvent.action.startswith(action, autoescape=True)
    return AuditEvent.action == action


def _about(text: str) -> ColumnElement[bool]:
    return or_(AuditEvent.object_id == text, concerns(text))


def concerns(text: str) -> ColumnElement[bool]:
    """That an event was about a record: it alone, or one of a list that was shown."""
    try:
        known = UUID(text)
    except ValueError:
        return false()
    return or_(AuditEvent.subject_id == known, and_(AuditEvent.action == "entity.list", listed(known)))


def listed(record_id: UUID) -> ColumnElement[bool]:
    """That a list which was shown had the record on it: its details name each one that identifies somebody."""
    return cast(AuditEvent.details, Text).contains(str(record_id))


def _cursor(event: AuditEvent) -> str:
    return base64.urlsafe_b64encode(f"{to_milliseconds(event.at)}.{event.id}".encode()).rstrip(b"=").decode()


def _place(cursor: str | None) -> Any:
    if not cursor or len(cursor) > 60:
        return None
    try:
        at, event_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(".")
        return tuple_(literal(from_milliseconds(int(at)), Instant), literal(int(event_id)))
    except (ValueError, OverflowError):
        return None

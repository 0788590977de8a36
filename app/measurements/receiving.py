"""Take in what programs deliver: each message by itself, the good ones beside the bad ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import record
from app.access import Permission, require, visible_entities
from app.actor import Actor
from app.errors import Invalid, NotFound
from app.extensions import db
from app.measurements.batch import EARLIEST_MS, GREATEST, LATEST_MS
from app.measurements.intake import series_for, take_in
from app.models import Entity, Metric, Reference, take_revision, writing

MOST_MESSAGES = 10_000
MOST_VALUES = 100_000
WHOLE = ""
"""In a failure, instead of a metric's name: the whole message."""


@dataclass(frozen=True, slots=True)
class Message:
    """Values of one instant, by the names of their metrics. What measured is a device's own id."""

    time_ms: int
    data: Mapping[str, Any]
    device_key: str | None = None
    patient_id: UUID | None = None
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What was not kept of a message: a metric's name, or :data:`WHOLE`; a code and words."""

    attribute: str
    code: str
    words: str


@dataclass(slots=True)
class Received:
    """How many messages were kept (in whole or in part), and the failures by a message's place."""

    saved: int = 0
    failures: dict[int, list[Failure]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Subjects:
    device: Entity | None
    patient: Entity | None
    session: Entity | None

    @property
    def known(self) -> list[Entity]:
        """The patient first: whose values they are decides who may bring them."""
        return [one for one in (self.patient, self.session, self.device) if one is not None]


@dataclass(slots=True)
class _Columns:
    series: list[int] = field(default_factory=list)
    metrics: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    held: dict[tuple[int, int, int], float] = field(default_factory=dict)


def receive(actor: Actor, messages: Sequence[Message]) -> Received:
    """Keep the values of messages. What cannot be kept of one does not keep the others from being kept.

    A name is looked up among the metrics of the patient's template, then the device's, then the session's. A session
    says its device and its patient itself, if the message does not.

    :raises TooLarge, Invalid: too many messages or values at once
    :raises Forbidden: the actor may see whose values they are, but not change anything there
    """
    if len(messages) > MOST_MESSAGES or sum(len(one.data) for one in messages) > MOST_VALUES:
        raise Invalid(f"At most {MOST_MESSAGES} messages with {MOST_VALUES} values are taken at once.")
    with writing():
        revision = take_revision(actor.tenant_id)
        receiver = _Receiver(actor)
        received = receiver.sort_out(messages)
        columns = receiver.columns
        if columns.values:
            taken = take_in(actor.tenant_id, columns.series, columns.metrics, columns.times, columns.values, revision)
            details = {"added": taken.added, "corrected": taken.corrected, "revision": revision.number}
            record.note(actor, "measurements.receive", details=details, row_count=len(columns.values))
            db.session.commit()
        else:
            db.session.rollback()
    return received


class _Receiver:
    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self.columns = _Columns()
        self._known: dict[tuple[str | None, UUID | None, UUID | None], _Subjects | Failure] = {}
        self._metrics: dict[tuple[UUID, ...], dict[str, Metric]] = {}
        self._series: dict[tuple[UUID | None, ...], int] = {}

    def sort_out(self, messages: Sequence[Message]) -> Received:
        received = Received()
        for place, message in enumerate(messages):
            failures = self._keep(message)
            if failures:
                received.failures[place] = failures
            if not any(one.attribute == WHOLE for one in failures) and len(failures) < len(message.data):
                received.saved += 1
        return received

    def _keep(self, message: Message) -> list[Failure]:
        if not message.data:
            return [Failure(WHOLE, "NO_DATA", "The message holds no values.")]
        if not EARLIEST_MS <= message.time_ms < LATEST_MS:
            return [Failure(WHOLE, "BAD_TIMESTAMP", "The time lies outside the years 1900 to 2199.")]
        asked = (message.device_key, message.patient_id, message.session_id)
        if asked not in self._known:
            self._known[asked] = self._subjects(*asked)
        subjects = self._known[asked]
        if isinstance(subjects, Failure):
            return [subjects]
        metrics = self._metrics_of(subjects)
        kept = [self._value(subjects, metrics, message.time_ms, name, value) for name, value in message.data.items()]
        return [failure for failure in kept if failure is not None]

    def _subjects(
        self, device_key: str | None, patient_id: UUID | None, session_id: UUID | None
    ) -> _Subjects | Failure:
        try:
            session = self._find("usage-session", Entity.id == session_id) if session_id else None
            device = self._find("device", Entity.key == device_key) if device_key is not None else None
            patient = self._find("patient", Entity.id == patient_id) if patient_id else None
        except NotFound:
            words = "There is no such device, patient or session, or you may not see it."
            return Failure(WHOLE, "UNKNOWN_SUBJECT", words)
        if session is not None:
            device = device or self._of_session(session, "device")
            patient = patient or self._of_session(session, "patient")
        found = _Subjects(device, patient, session)
        if not found.known:
            return Failure(WHOLE, "NO_SUBJECT", "Name a device, a patient or a session.")
        require(self._actor, Permission.EDIT, found.known[0].organization_id)
        return found

    def _find(self, data_type: str, condition: Any) -> Entity:
        wanted = visible_entities(self._actor).where(Entity.data_type == data_type, condition)
        found = db.session.scalar(wanted)
        if found is None:
            raise NotFound
        return found

    def _of_session(self, session: Entity, data_type: str) -> Entity | None:
        seen = visible_entities(self._actor).join(Reference, Reference.target_id == Entity.id)
        return db.session.scalar(seen.where(Reference.entity_id == session.id, Entity.data_type == data_type).limit(1))

    def _metrics_of(self, subjects: _Subjects) -> dict[str, Metric]:
        ordered = [subjects.patient, subjects.device, subjects.session]
        templates = tuple(one.template_id for one in ordered if one is not None)
        if templates not in self._metrics:
            rows = db.session.scalars(select(Metric).where(Metric.template_id.in_(templates))).all()
            known: dict[str, Metric] = {}
            for template_id in templates:
                for metric in rows:
                    if metric.template_id == template_id:
                        known.setdefault(metric.called, metric)
            self._metrics[templates] = known
        return self._metrics[templates]

    def _value(
        self, subjects: _Subjects, metrics: Mapping[str, Metric], time_ms: int, name: str, value: Any
    ) -> Failure | None:
        metric = metrics.get(name)
        if metric is None:
            return Failure(name, "UNKNOWN_ATTRIBUTE", "Nothing of that name is measured here.")
        number = _number(metric, value)
        if isinstance(number, str):
            return Failure(name, "BAD_VALUE", number)
        key = (self._series_of(subjects), time_ms, metric.id)
        if self.columns.held.setdefault(key, number) != number:
            return Failure(name, "CONTRADICTION", "Another message says something else for the same time.")
        for column, part in zip((self.columns.series, self.columns.times, self.columns.metrics), key, strict=True):
            column.append(part)
        self.columns.values.append(number)
        return None

    def _series_of(self, subjects: _Subjects) -> int:
        ids = tuple(one.id if one else None for one in (subjects.device, subjects.patient, subjects.session))
        if ids not in self._series:
            device_id, patient_id, session_id = ids
            made = series_for(self._actor.tenant_id, device_id=device_id, patient_id=patient_id, session_id=session_id)
            self._series[ids] = made.id
        return self._series[ids]


def _number(metric: Metric, value: Any) -> float | str:
    """The value as it is kept, or what is wrong with it."""
    if metric.kind == "boolean":
        return float(value) if value in (0, 1) and not isinstance(value, str) else "It must be true or false."
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "It must be a number."
    if not math.isfinite(value) or abs(value) > GREATEST:
        return "It is too large to be a measurement."
    return float(value)

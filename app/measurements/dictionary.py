"""The data dictionary: every metric with what it means, and how much of it the actor may see, since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.access.patience import patiently
from app.access.permissions import Permission
from app.access.visibility import organizations_with
from app.actor import Actor
from app.errors import Unavailable
from app.extensions import db
from app.measurements.scope import seen_series
from app.measurements.times import DAY_MS, epoch_ms
from app.models import MeasurementRollup, Metric, Series, Template
from app.models.types import from_milliseconds

COUNT_FOR_SECONDS = 4.0
"""Counting takes no longer; the dictionary is whole without its counts, too."""
PHRASES = {"numeric": "a number", "boolean": "1 is yes, 0 is no"}


@dataclass(frozen=True, slots=True)
class Held:
    """How many values the actor may see, and the first and last day on which there are any."""

    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A metric in the words that the dictionary, archives and pages share.

    :param type: ``number``, or ``boolean`` written as 1 and 0
    :param held: None when there are no values
    """

    id: int
    name: str
    label: str
    unit: str
    type: str
    part: str
    description: str
    normal_low: float | None
    normal_high: float | None
    template: str
    template_label: str
    data_type: str
    held: Held | None

    @property
    def words(self) -> str:
        return metric_words(self.name, self.part, self.type == "boolean", self.description)


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The entries that a search found, of so many; ``is_counted`` is False when counting took too long."""

    entries: tuple[Entry, ...]
    of: int
    is_counted: bool


def metric_words(name: str, part: str, is_boolean: bool, description: str | None) -> str:
    """What there is to say of a metric in one line: the same in the dictionary and in every archive.

    ``Metric glucose; part left; 1 is yes, 0 is no; What was measured, as the template says.``
    """
    facts = [f"Metric {name}"]
    if part:
        facts.append(f"part {part}")
    if is_boolean:
        facts.append(PHRASES["boolean"])
    if description:
        facts.append(" ".join(description.split()))
    return "; ".join(facts)


def type_of(kind: str) -> str:
    """What a metric's values are, as archives say it."""
    return "boolean" if kind == "boolean" else "number"


def dictionary_of(actor: Actor, search: str = "") -> Dictionary:
    """Every metric of the actor's tenant, by template and label, with what the actor may see of each.

    Templates and their metrics are known to everybody in the tenant; how much was measured is counted within the
    organizations in which the actor may view.

    :param search: words that all occur in a metric's name, label, unit, part, description or template
    """
    rows = db.session.execute(
        select(Metric, Template)
        .join(Template, Template.id == Metric.template_id)
        .where(Metric.tenant_id == actor.tenant_id)
        .order_by(Template.label, Template.id, Metric.label, Metric.id)
    ).all()
    found = [(metric, template) for metric, template in rows if _holds(metric, template, search)]
    try:
        with patiently(COUNT_FOR_SECONDS, Unavailable()):
            held = _held(actor, [metric.id for metric, _ in found])
        is_counted = True
    except Unavailable:
        held, is_counted = {}, False
    entries = tuple(_entry(metric, template, held.get(metric.id)) for metric, template in found)
    return Dictionary(entries, len(rows), is_counted)


def _holds(metric: Metric, template: Template, search: str) -> bool:
    texts = (metric.name, metric.label, metric.unit, metric.part, metric.description, template.name, template.label)
    told = " ".join(text for text in texts if text).casefold()
    return all(word in told for word in search.casefold().split())


def _held(actor: Actor, metric_ids: Sequence[int]) -> dict[int, Held]:
    if not metric_ids:
        return {}
    day = MeasurementRollup
    counted: Any = (
        select(day.metric_id, func.sum(day.count), epoch_ms(func.min(day.start)), epoch_ms(func.max(day.start)))
        .where(day.grain == "day", day.metric_id.in_(metric_ids), *_within(actor))
        .group_by(day.metric_id)
    )
    return {
        metric: Held(int(count), from_milliseconds(first), from_milliseconds(last + DAY_MS - 1))
        for metric, count, first, last in db.session.execute(counted)
    }


def _within(actor: Actor) -> list[ColumnElement[bool]]:
    """Who sees the whole tenant counts all values of its metrics, which are nobody else's."""
    if organizations_with(actor, Permission.VIEW) is None:
        return []
    return [MeasurementRollup.series_id.in_(select(Series.id).where(seen_series(actor)))]


def _entry(metric: Metric, template: Template, held: Held | None) -> Entry:
    return Entry(
        id=metric.id,
        name=metric.name,
        label=metric.label,
        unit=metric.unit or "",
        type=type_of(metric.kind),
        part=metric.part,
        description=metric.description or "",
        normal_low=metric.normal_low,
        normal_high=metric.normal_high,
        template=template.name,
        template_label=template.label,
        data_type=template.data_type,
        held=held,
    )

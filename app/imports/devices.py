"""Whose values they are: devices by their own ids, whether the actor may write there, what each of them measures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from app.access import Permission, allows, visible_entities
from app.actor import Actor
from app.errors import Invalid
from app.extensions import db
from app.measurements import series_for
from app.models import Entity, Metric, Template

UNKNOWN, FORBIDDEN, MISSING = -1, -2, -3
"""Instead of a device's place."""
OUT_OF_REACH = "A device was removed, or is no longer yours to change. No more values of this file are stored."
MOST_DEVICES = 10_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric as a file may name it; metrics of several templates that share a name are one here."""

    name: str
    label: str
    unit: str | None
    is_boolean: bool


def plain(name: str) -> str:
    """What is left of a name when it is compared: letters and digits, small."""
    return re.sub(r"[^\w%µ]|_", "", name).lower()


def measured_by(template_ids: Iterable[UUID]) -> list[Measured]:
    """What the devices of these templates measure, in the order of their templates."""
    rows = db.session.scalars(select(Metric).where(Metric.template_id.in_(list(template_ids))).order_by(Metric.id))
    found: dict[str, Measured] = {}
    for metric in rows:
        found.setdefault(metric.called, Measured(metric.called, metric.label, metric.unit, metric.kind == "boolean"))
    return list(found.values())


def device_templates(actor: Actor) -> list[UUID]:
    """The templates of the tenant's devices."""
    own = select(Template.id).where(Template.tenant_id == actor.tenant_id, Template.data_type == "device")
    return list(db.session.scalars(own))


def spellings(metrics: Sequence[Measured]) -> dict[str, str]:
    """How a metric may be written, and its name: by its name, its label, either with its unit; what is doubtful not."""
    found: dict[str, set[str]] = {}
    for one in metrics:
        for word in (one.name, one.label, one.name.rpartition(".")[2]):
            for spelt in (word, f"{word} {one.unit or ''}", re.sub(r"[(\[].*?[)\]]", "", word)):
                found.setdefault(plain(spelt), set()).add(one.name)
    names = {one.name for one in metrics}
    return {spelt: next(iter(known)) for spelt, known in found.items() if len(known) == 1 and spelt} | {
        name: name for name in names
    }


class Devices:
    """The devices of one file, by their place in the order in which they were met."""

    def __init__(self, actor: Actor, names: Sequence[str]) -> None:
        """:param names: of the metrics that the file may hold"""
        self._actor = actor
        self._names = list(names)
        self._places: dict[str, int] = {}
        self._ids: list[UUID] = []
        self._metrics_of: dict[UUID, NDArray[np.int64]] = {}
        self._rows: list[NDArray[np.int64]] = []
        self._series: dict[int, int] = {}

    @property
    def metric_ids(self) -> NDArray[np.int64]:
        """Devices × names: the metric's id, or 0 where a device does not measure such a thing."""
        return np.stack(self._rows) if self._rows else np.zeros((0, len(self._names)), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ids)

    def places_of(self, keys: Sequence[str]) -> NDArray[np.int64]:
        """The place of each device by its own id; :data:`UNKNOWN`, :data:`FORBIDDEN` or :data:`MISSING`.

        :raises Invalid: more devices than one file may have
        """
        new = [key for key in keys if key and key not in self._places]
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            seen = visible_entities(self._actor).where(Entity.data_type == "device", Entity.key.in_(some))
            for device in db.session.scalars(seen):
                self._places[device.key or ""] = self.add(device)
            for key in some:
                self._places.setdefault(key, UNKNOWN)
        if len(self._ids) > MOST_DEVICES or len(self._places) > 50 * MOST_DEVICES:
            raise Invalid(f"This file names more than {MOST_DEVICES:,} devices. Send it in several files.")
        return np.array([self._places[key] if key else MISSING for key in keys], dtype=np.int64)

    def add(self, device: Entity) -> int:
        """The place of a device; :data:`FORBIDDEN` where the actor may not write."""
        if not allows(self._actor, Permission.EDIT, device.organization_id):
            return FORBIDDEN
        if device.template_id not in self._metrics_of:
            rows = db.session.scalars(select(Metric).where(Metric.template_id == device.template_id))
            by_name = {metric.called: metric.id for metric in rows}
            ids = [by_name.get(name, 0) for name in self._names]
            self._metrics_of[device.template_id] = np.array(ids, dtype=np.int64)
        self._ids.append(device.id)
        self._rows.append(self._metrics_of[device.template_id])
        return len(self._ids) - 1

    def require_still(self, actor: Actor, places: NDArray[np.int64]) -> None:
        """Ask once more, for the devices at these places, what :meth:`add` asked when each was met.

        :raises Invalid: one was removed or went out of the actor's reach since
        """
        known = [self._ids[place] for place in np.unique(places).tolist()]
        held: set[UUID] = set()
        for start in range(0, len(known), _AT_ONCE):
            seen = visible_entities(actor).where(Entity.id.in_(known[start : start + _AT_ONCE]))
            rows = db.session.execute(seen.with_only_columns(Entity.id, Entity.organization_id))
            held |= {row.id for row in rows if allows(actor, Permission.EDIT, row.organization_id)}
        if len(held) < len(known):
            raise Invalid(OUT_OF_REACH)

    def series_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The series of each value's device, made where it is new: inside the caller's writing transaction."""
        known, which = np.unique(places, return_inverse=True)
        for place in known.tolist():
            if place not in self._series:
                self._series[place] = series_for(self._actor.tenant_id, device_id=self._ids[place]).id
        return np.array([self._series[place] for place in known.tolist()], dtype=np.int64)[which]

    def forget_series(self) -> None:
        """After a transaction that was not committed: what it made is not there."""
        self._series.clear()

"""Devices with measurements on either database, and what a data export of them should hold, worked out slowly."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import or_, select

from app.access import Permission
from app.access.visibility import organizations_with
from app.exports.kinds.base import Order, PlannedFile
from app.exports.kinds.data_export import DataExportKind
from app.exports.kinds.data_export_params import DataExportParams
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import Entity, Measurement, Metric, Series, Tenant, begin_writing
from app.models.types import to_milliseconds
from tests.factories import World

ALWAYS = DataExportParams(datetime(1900, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC))
KIND = DataExportKind()
DAY = 86_400_000
HOUR = 3_600_000
FIRST_DAY = 19_000 * DAY


@dataclass
class Ward:
    """Devices of Northside; ``metrics`` are the ids of their template's metrics by name."""

    world: World
    metrics: dict[str, int]

    @classmethod
    def of(cls, world: World) -> Ward:
        own = select(Metric.name, Metric.id).where(Metric.template_id == world.templates["device"].id)
        return cls(world, dict(db.session.execute(own).all()))

    def series(self, device: Entity, patient: Entity | None = None) -> int:
        device_id, patient_id = device.id, patient.id if patient else None
        begin_writing()
        series_id = series_for(self.world.acme.id, device_id=device_id, patient_id=patient_id).id
        db.session.commit()
        return series_id

    def load(self, series_id: int, metric: str | int, times: Any, value: float = 1.5) -> None:
        metric_id = self.metrics[metric] if isinstance(metric, str) else metric
        times = sorted(set(times))
        load_measurements(self.world.acme.id, series_id, metric_id, times, [value] * len(times))

    def order(self, who: str, params: DataExportParams, fragment_rows: int = 10) -> Order:
        """The order as the engine would freeze it now."""
        actor = self.world.actor(who)
        text = params.to_json()
        frozen = orjson.loads(orjson.dumps(KIND.freeze(actor, text)))
        tenant = db.session.get_one(Tenant, actor.tenant_id, populate_existing=True)
        return Order(uuid4(), tenant.id, text, tenant.revision, tenant.changed_at, frozen, 40, fragment_rows)

    def planned(self, who: str, params: DataExportParams, fragment_rows: int = 10) -> list[PlannedFile]:
        order = self.order(who, params, fragment_rows)
        return list(KIND.files(order, db.session.connection()))

    def held(self, who: str, device_id: UUID) -> dict[tuple[int, int], float]:
        """Every value that a file of the device may hold for that person, by (milliseconds, metric)."""
        scope = organizations_with(self.world.actor(who), Permission.EXPORT_DATA)
        seen = select(Entity.id) if scope is None else select(Entity.id).where(Entity.organization_id.in_(scope))
        readable = select(Series.id).where(
            Series.device_id == device_id, or_(Series.patient_id.is_(None), Series.patient_id.in_(seen))
        )
        wanted = select(Measurement).where(Measurement.series_id.in_(readable)).order_by(Measurement.series_id.desc())
        rows = db.session.scalars(wanted).all()
        own = set(self.metrics.values())
        return {(to_milliseconds(row.time), row.metric_id): row.value for row in rows if row.metric_id in own}


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


def between(start: int, end: int, **more: Any) -> DataExportParams:
    """Every metric of every device in ``[start, end)``, in milliseconds."""
    return replace(ALWAYS, start=moment(start), end=moment(end), **more)


def busy_devices(ward: Ward) -> list[Entity]:
    """Devices with values of every sort: sparse, dense, before 1970, of several series at the same instants."""
    dice = random.Random(7)
    devices = [ward.world.device(key=key) for key in ("GLU-C", "GLU-A", "GLU-B", "GLU-d")]
    ours, theirs = ward.world.patient(), ward.world.patient(ward.world.riverside)
    alone, with_ours, with_theirs = (
        ward.series(devices[0]),
        ward.series(devices[0], ours),
        ward.series(devices[0], theirs),
    )
    scattered = [FIRST_DAY + dice.randrange(12 * DAY) for _ in range(500)]
    minute = [FIRST_DAY + 5 * DAY + 7 * HOUR + 60_000 + number * 50 for number in range(1_100)]
    ward.load(alone, "cd4", scattered + minute)
    ward.load(alone, "cd8", scattered[:200])
    hourly = [FIRST_DAY + 3 * DAY + one * HOUR for one in range(40)]
    ward.load(with_ours, "cd4", dice.sample(scattered, 150) + hourly, 2)
    ward.load(with_ours, "cd8", minute[:30], 3)
    ward.load(with_theirs, "cd4", [one + 1 for one in scattered[:100]], 4)
    early = ward.series(devices[1])
    ward.load(early, "cd4", [-5 * DAY + dice.randrange(10 * DAY) for _ in range(300)])
    later = ward.series(devices[2], ours)
    ward.load(later, "cd8", [FIRST_DAY + number * DAY for number in range(30)])
    return devices

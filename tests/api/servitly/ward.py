"""Things of two definitions, two customers and a location, with values of every sort."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select

from app import administration
from app.administration import AttributeSpec, MetricSpec
from app.catalog import records
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import Entity, Metric, Organization, Template, begin_writing, take_revision
from tests.factories import World

NOON = 1_709_294_400_000
HOUR, DAY = 3_600_000, 86_400_000
NUMBERS = [0.0, -0.0, 1.0, -17.0, 0.1, 1 / 3, 98.6, 2.0**53, 5e-324, -1e200, 1e15, 1e16, 1e-7, 123456789.125]
MODEL = "SC-1"


@dataclass
class Things:
    """Ids by name. ``metrics`` are named ``name`` or ``name/part``."""

    place: UUID
    metrics: dict[str, int] = field(default_factory=dict)
    devices: dict[str, UUID] = field(default_factory=dict)


def furnish(world: World) -> Things:
    """Make them. ``GLU-a``, ``GLU-b`` (at the place) and ``SCA-a`` are Northside's, ``GLU-c`` Riverside's."""
    scales = administration.create_template(
        world.acme.id, "device", "scale", "Scale", [AttributeSpec(name="serial_number", label="SN", kind="LABEL")],
        metrics=[
            MetricSpec(name="weight", label="Z weight", unit="kg"),
            MetricSpec(name="load", label="A load", unit="N", part="left"),
            MetricSpec(name="load", label="A load", unit="N", part="right"),
            MetricSpec(name="steady", label="Steady", kind="boolean"),
        ],
        product_model=MODEL,
    )  # fmt: skip
    made = Things(administration.create_location(world.northside.id, "Ward 3").id)
    scale_id = scales.id
    for metric in db.session.scalars(select(Metric).where(Metric.template_id.in_([scale_id, _glucometers(world)]))):
        made.metrics[f"{metric.name}/{metric.part}" if metric.part else metric.name] = metric.id
    for key, template, home, serial_number in (
        ("GLU-a", _glucometers(world), world.northside, "same"),
        ("GLU-b", _glucometers(world), world.northside, "SAME"),
        ("GLU-c", _glucometers(world), world.riverside, "only"),
        ("SCA-a", scale_id, world.northside, None),
        ("SCA-empty", scale_id, world.northside, "empty"),
    ):
        location = made.place if key == "GLU-b" else None
        made.devices[key] = _device(template, home, key, serial_number, location)
    _measure(world, made)
    return made


def _glucometers(world: World) -> UUID:
    return world.templates["device"].id


def _device(template_id: UUID, home: Organization, key: str, serial_number: str | None, location: UUID | None) -> UUID:
    home_id, tenant_id = home.id, home.tenant_id
    begin_writing()
    revision = take_revision(tenant_id)
    values = {} if serial_number is None else {"serial_number": serial_number}
    device: Entity = records.add_entity(
        db.session.get_one(Template, template_id), organization_id=home_id, values=values, revision=revision, key=key
    )
    device_id = device.id
    db.session.commit()
    if location is not None:
        begin_writing()
        revision = take_revision(tenant_id)
        records.write_version(
            db.session.get_one(Entity, device_id), revision=revision, changed_by=None, location_id=location
        )
        db.session.commit()
    return device_id


def _measure(world: World, made: Things) -> None:
    dice = random.Random(5)
    patient_id = world.patient().id
    plan = (
        ("GLU-a", None, ("cd4", "cd8")), ("GLU-a", patient_id, ("cd8",)), ("GLU-b", None, ("cd4",)),
        ("GLU-c", None, ("cd4", "cd8")), ("SCA-a", None, ("weight", "load/left", "load/right", "steady")),
    )  # fmt: skip
    for key, patient, names in plan:
        begin_writing()
        series_id = series_for(world.acme.id, device_id=made.devices[key], patient_id=patient).id
        db.session.commit()
        for name in names:
            times = sorted({NOON + dice.randrange(-40, 40) * (HOUR // 3) + dice.randrange(3) for _ in range(25)})
            some = [0.0, 1.0] if name == "steady" else [*NUMBERS, dice.uniform(-1e6, 1e6)]
            values = [dice.choice(some) for _ in times]
            load_measurements(world.acme.id, series_id, made.metrics[name], times, values)

"""Random worlds for property tests: patients, devices and measurements, and what is changed of them later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from sqlalchemy import delete, select

from app.catalog import records
from app.errors import Invalid
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import (
    Entity,
    EntityHistory,
    EntityValue,
    EntityWord,
    Export,
    ExportFile,
    ExportPart,
    Measurement,
    MeasurementHistory,
    MeasurementRollup,
    Metric,
    Reference,
    Series,
    Template,
    begin_writing,
    take_revision,
)
from tests.factories import BEGINNING, World

NOON = 1_709_294_400_000
HOUR, DAY = 3_600_000, 86_400_000
MADE = ("patient", "device", "generic-entity")

# Whatever people write, and whatever a writer of JSON or CSV may trip over.
texts = st.one_of(
    st.sampled_from(
        ["=1+1", "-1", "@x", "\t=1", 'she said "no"', "a,b", "two\nlines", "two\r\nlines", "back\\slash\\N", "}\t{",
         "{}", "患者 🫀", "\u2028", '"device":{"id":"00000000-0000-0000-0000-000000000001"}', "%s {x} :y", "'", "''"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8),
)  # fmt: skip
words = texts.filter(lambda text: text.strip() != "")
numbers = st.one_of(
    st.floats(-1e200, 1e200, allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, 1e200, -1e200, 0.1, 1 / 3, 2.0**53, 98.6, 1e15, 1e16, 1e-7]),
    st.integers(-1000, 1000).map(float),
)
instants = st.one_of(
    st.integers(0, 40).map(lambda number: NOON + number * 250),
    st.integers(-3, 3).map(lambda number: NOON + number * HOUR),
    st.integers(-3, 3).map(lambda number: NOON + number * DAY),
    st.sampled_from([-2_208_988_800_000, -1, 0, 7_258_118_399_999]),
)
patient_values = st.fixed_dictionaries(
    {"first_name": words, "last_name": words},
    optional={
        "age": st.integers(0, 130),
        "weight": st.floats(0, 500),
        "smoker": st.booleans(),
        "sex": st.sampled_from("FM"),
        "born": st.sampled_from(["1984-05-06", "1900-01-01"]),
        "notes": st.one_of(texts, st.integers(10_000, 60_000).map(lambda length: "é" * (length // 2))),
    },
)
values_of_series = st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 3), instants), numbers, max_size=30)


@dataclass(frozen=True)
class Sketch:
    """What a world is to be: plain values, so that a failing one can be read."""

    patients: list[tuple[bool, int, dict[str, Any], int | None]]
    devices: list[tuple[bool, str, dict[str, Any]]]
    logs: list[tuple[str, int]]
    edits: list[tuple[int, dict[str, Any]]]
    values: dict[tuple[int, int, int], float]
    corrections: dict[tuple[int, int, int], float]
    later: list[tuple[str, int, Any]]


sketches = st.builds(
    Sketch,
    patients=st.lists(
        st.tuples(st.booleans(), st.integers(0, 3), patient_values, st.one_of(st.none(), st.integers(0, 2))), max_size=9
    ),
    devices=st.lists(
        st.tuples(
            st.booleans(), words.filter(lambda text: len(text) < 60), st.fixed_dictionaries({"serial_number": words})
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda device: device[1],
    ),
    logs=st.lists(st.tuples(words, st.integers(0, 2)), max_size=2),
    edits=st.lists(st.tuples(st.integers(0, 8), patient_values), max_size=4),
    values=values_of_series,
    corrections=values_of_series,
    later=st.lists(
        st.one_of(
            st.tuples(st.just("edit"), st.integers(0, 8), patient_values),
            st.tuples(st.just("remove"), st.integers(0, 8), st.none()),
            st.tuples(st.just("add"), st.integers(0, 3), patient_values),
            st.tuples(st.just("measure"), st.integers(0, 3), values_of_series),
            st.tuples(st.just("caption"), st.integers(0, 2), words),
        ),
        max_size=6,
    ),
)


@dataclass
class Made:
    """A sketch as rows. Ids are decided by their order, so a world made twice is the same."""

    world: World
    patients: list[UUID] = field(default_factory=list)
    devices: list[UUID] = field(default_factory=list)
    series: list[int] = field(default_factory=list)
    metrics: list[int] = field(default_factory=list)

    def new_id(self) -> UUID:
        place = 1 + len(self.patients) + 0x100 * len(self.devices)
        # Scattered, so that the order of ids is not that of making.
        return UUID(int=place * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)


def make(world: World, sketch: Sketch) -> Made:
    """Make what the sketch says, in a database from which everything of that sort is taken out first."""
    clear()
    made = Made(world)
    begin_writing()
    revision = take_revision(world.acme.id)
    for riverside, key, values in sketch.devices:
        made.devices.append(_add(made, "device", riverside, values, revision, key=key).id)
    for riverside, hours, values, device in sketch.patients:
        given = dict(values)
        if device is not None and device < len(made.devices):
            given["device"] = {"id": str(made.devices[device])}
        made.patients.append(_add(made, "patient", riverside, given, revision, hours=hours).id)
    for number, (title, device) in enumerate(sketch.logs):
        target = {"id": str(made.devices[device % len(made.devices)])}
        _add(made, "device_log", False, {"title": title, "device": target}, revision, entity_id=UUID(int=number + 7))
    db.session.commit()
    for patient, values in sketch.edits:
        edit(made, patient, values)
    _make_series(made)
    for delivery in (sketch.values, sketch.corrections):
        measure(made, delivery)
    return made


def clear() -> None:
    """Take everything out that a sketch makes."""
    begin_writing()
    for model in (ExportPart, ExportFile, Export, Measurement, MeasurementHistory, MeasurementRollup, Series, Reference,
                  EntityValue, EntityWord):  # fmt: skip
        db.session.execute(delete(model))
    for kept in (Entity, EntityHistory):
        db.session.execute(delete(kept).where(kept.data_type.in_(MADE)).execution_options(synchronize_session=False))
    db.session.commit()
    db.session.expire_all()


def change(made: Made, what: tuple[str, int, Any]) -> None:
    """One change of the sketch's ``later``."""
    kind, number, given = what
    if kind == "edit":
        edit(made, number, given)
    elif kind == "remove":
        _remove(made, number)
    elif kind == "measure":
        measure(made, given)
    elif kind == "caption":
        _write(made.devices[number % len(made.devices)], {"serial_number": given, "firmware": given})
    else:
        begin_writing()
        revision = take_revision(made.world.acme.id)
        made.patients.append(_add(made, "patient", False, given, revision, hours=number).id)
        db.session.commit()


def edit(made: Made, number: int, values: dict[str, Any]) -> None:
    if made.patients:
        _write(made.patients[number % len(made.patients)], values)


def measure(made: Made, values: dict[tuple[int, int, int], float]) -> None:
    """Take values in: late ones, corrections of some, and some that say the same again."""
    # Without patients two of the sketch's series are one and the same: each key once.
    named = {(made.series[one], made.metrics[metric], time): value for (one, metric, time), value in values.items()}
    if named:
        series, metrics, times = zip(*named, strict=True)
        load_measurements(made.world.acme.id, series, metrics, times, list(named.values()))


def _write(entity_id: UUID, values: dict[str, Any]) -> None:
    begin_writing()
    entity = db.session.get(Entity, entity_id)
    if entity is None:
        db.session.rollback()
        return
    records.write_values(entity, values, revision=take_revision(entity.tenant_id), changed_by=None)
    db.session.commit()


def _remove(made: Made, number: int) -> None:
    everybody = [*made.patients, *made.devices]
    begin_writing()
    entity = db.session.get(Entity, everybody[number % len(everybody)])
    try:
        if entity is not None:
            records.delete_entity(entity, take_revision(entity.tenant_id), None)
        db.session.commit()
    except Invalid:
        db.session.rollback()


def _add(
    made: Made, template: str, riverside: bool, values: dict[str, Any], revision: Any, *, hours: int = 0, **more: Any
) -> Entity:
    world = made.world
    home = world.riverside if riverside else world.northside
    return records.add_entity(
        db.session.get_one(Template, world.templates[template].id),
        organization_id=home.id,
        values=values,
        revision=revision,
        # Few instants, so that many records are of the same one.
        created_at=BEGINNING + timedelta(hours=hours),
        updated_at=BEGINNING + timedelta(hours=hours),
        **({"entity_id": made.new_id()} | more),
    )


def _make_series(made: Made) -> None:
    patients: Sequence[UUID | None] = [*made.patients[:2], None][:2]
    begin_writing()
    subjects = [
        {"device_id": made.devices[0]},
        {"device_id": made.devices[0], "patient_id": patients[0]},
        {"device_id": made.devices[-1], "patient_id": patients[-1]},
        {"patient_id": patients[0]} if patients[0] else {"device_id": made.devices[-1]},
    ]
    made.series = [series_for(made.world.acme.id, **one).id for one in subjects]
    for template in ("device", "patient"):
        own = select(Metric.id).where(Metric.template_id == made.world.templates[template].id).order_by(Metric.id)
        made.metrics += db.session.scalars(own).all()
    db.session.commit()

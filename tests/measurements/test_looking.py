"""Measurements to look at: stretches against an oracle, walls around places, and how little is read to draw them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import event, select, text

from app import administration
from app.errors import Invalid, NotFound
from app.extensions import db
from app.measurements import Asked, dictionary_of, load_measurements, look_at, metric_words
from app.measurements import charting as limits
from app.measurements.buckets import shift_of, stretched, width_for
from app.models import Metric
from app.models.types import from_milliseconds
from tests.factories import World
from tests.measurements.conftest import Ward, make_ward

NOON = 1_709_294_400_000
MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR


def load(ward: Ward, metric: int, times: Any, values: Any, series_id: int | None = None) -> None:
    load_measurements(ward.tenant_id, series_id or ward.series_id, metric, times, values)


def oracle(times: Any, values: Any, width: int) -> list[tuple[int, float, float, float, int]]:
    """(beginning, least, mean, greatest, how many) of each stretch, made the slow way."""
    shift = shift_of(width)
    found: dict[int, list[float]] = {}
    for time, value in zip(times, values, strict=True):
        found.setdefault((int(time) - shift) // width * width + shift, []).append(float(value))
    return [(at, min(own), sum(own) / len(own), max(own), len(own)) for at, own in sorted(found.items())]


@pytest.mark.parametrize("width", [5 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY])
def test_stretches_are_what_their_values_say_on_both_sides_of_1970(ward: Ward, width: int) -> None:
    rng = np.random.default_rng(width)
    times = np.unique(np.concatenate([at + rng.integers(-5 * DAY, 5 * DAY, 300) for at in (0, NOON)]))
    values = np.round(rng.normal(500, 90, len(times)), 1)
    load(ward, ward.cd4, times, values)
    band = stretched([ward.series_id], [ward.cd4, ward.cd8], int(times[0]), int(times[-1]), width)[ward.cd4]
    parts = (band.times, band.lows, band.means, band.highs, band.counts)
    made = list(zip(*(part.tolist() for part in parts), strict=True))
    assert made == [pytest.approx(row) for row in oracle(times, values, width)]


def test_few_values_are_drawn_one_by_one_and_many_as_stretches(ward: Ward) -> None:
    alice = ward.world.actor("alice")
    load(ward, ward.cd4, NOON + np.arange(limits.MOST_SINGLE) * HOUR, np.arange(float(limits.MOST_SINGLE)))
    single = look_at(alice, ward.patient_id, Asked())
    assert (single.width_ms, len(single.curves[0].band)) == (None, limits.MOST_SINGLE)
    load(ward, ward.cd4, [NOON + limits.MOST_SINGLE * HOUR], [7.0])
    many = look_at(alice, ward.patient_id, Asked())
    assert many.width_ms == width_for(many.end_ms - many.start_ms, limits.MOST_STRETCHES)
    assert int(many.curves[0].band.counts.sum()) == limits.MOST_SINGLE + 1
    zoomed = look_at(alice, ward.patient_id, Asked(start_ms=NOON + HOUR, end_ms=NOON + 3 * HOUR))
    assert (zoomed.width_ms, zoomed.curves[0].band.means.tolist()) == (None, [1.0, 2.0, 3.0])
    assert (zoomed.start_ms, zoomed.end_ms) == (NOON + HOUR, NOON + 3 * HOUR)


def test_a_period_without_values_says_when_there_are_some(ward: Ward) -> None:
    load(ward, ward.cd4, [NOON, NOON + DAY], [1.0, 2.0])
    look = look_at(ward.world.actor("alice"), ward.patient_id, Asked(start_ms=NOON + 9 * DAY, end_ms=NOON + 10 * DAY))
    assert look.is_empty
    assert (look.first_ms, look.last_ms) == (NOON, NOON + DAY + HOUR)
    nothing = look_at(ward.world.actor("alice"), ward.world.patient().id, Asked())
    assert (nothing.offered, nothing.curves, nothing.first_ms) == ((), (), None)


def test_two_series_at_one_instant_are_one_point_from_the_least_to_the_greatest(ward: Ward) -> None:
    device = ward.world.device().id
    metric = metric_of(ward.world, "device")
    for value in (4.0, 8.0):
        load(ward, metric, [NOON], [value], ward.series_of(device_id=device, patient_id=ward.world.patient().id))
    band = look_at(ward.world.actor("alice"), device, Asked()).curves[0].band
    assert (band.times.tolist(), band.lows[0], band.means[0], band.highs[0]) == ([NOON], 4.0, 6.0, 8.0)


def metric_of(world: World, template: str) -> int:
    wanted = select(Metric.id).where(Metric.template_id == world.templates[template].id, Metric.name == "cd4")
    return db.session.scalars(wanted).one()


class Places:
    """A device of Northside and one of Riverside; the first was lent to a patient of Riverside, too."""

    def __init__(self, world: World) -> None:
        self.world, tenant = world, world.acme.id
        ward = make_ward(world)
        self.metric = metric_of(world, "device")
        self.ours, self.theirs = world.device().id, world.device(world.riverside).id
        guest = world.patient(world.riverside).id
        for number, subjects in enumerate(
            ({"device_id": self.ours}, {"device_id": self.ours, "patient_id": guest}, {"device_id": self.theirs})
        ):
            series = ward.series_of(**subjects)
            load_measurements(tenant, series, self.metric, [NOON + number], [float(number)])

    def seen(self, name: str, organization: UUID) -> set[float]:
        look = look_at(self.world.actor(name), organization, Asked((self.metric,)), data_type="organization")
        return {value for curve in look.curves for value in curve.band.means.tolist()}


def test_a_place_shows_what_its_devices_measured_on_those_whom_one_may_see(domain: World) -> None:
    places = Places(domain)
    assert places.seen("alice", domain.northside.id) == {0.0}
    # What our device measured on their patient is theirs to see, but not as their place's: it is not their device.
    assert places.seen("rita", domain.riverside.id) == {2.0}
    root = administration.root_organization(domain.acme.id).id
    assert places.seen("ann", root) == {0.0, 1.0, 2.0}
    assert places.seen("max", domain.northside.id) == {0.0, 1.0}
    for name, foreign in (("alice", domain.riverside.id), ("alice", root), ("boris", domain.northside.id)):
        with pytest.raises(NotFound):
            places.seen(name, foreign)


def test_a_chart_refuses_what_is_not_of_its_place(domain: World) -> None:
    places = Places(domain)
    alice = domain.actor("alice")
    for asked, field in (
        (Asked(metric_ids=(10**9,)), "metric"),
        (Asked(device_ids=(places.theirs,)), "device"),
        (Asked(location_id=places.ours), "location"),
        (Asked(start_ms=NOON, end_ms=NOON - 1), "to"),
    ):
        with pytest.raises(Invalid) as refusal:
            look_at(alice, domain.northside.id, asked)
        assert list(refusal.value.fields) == [field]


def test_more_devices_than_can_be_told_apart_are_put_together_until_some_are_chosen(domain: World) -> None:
    ward, metric = make_ward(domain), metric_of(domain, "device")
    devices = [domain.device(serial_number=f"TOG-{number}").id for number in range(limits.SEVERAL + 1)]
    for number, device in enumerate(devices):
        load(ward, metric, [NOON], [float(number)], ward.series_of(device_id=device))
    alice = domain.actor("alice")
    together = look_at(alice, domain.northside.id, Asked((metric,)))
    (curve,) = together.curves
    assert (together.is_together, curve.subject) == (True, None)
    assert (curve.band.lows[0], curve.band.means[0], curve.band.highs[0]) == (0.0, 3.0, 6.0)
    apart = look_at(alice, domain.northside.id, Asked((metric,), tuple(devices[:2])))
    assert [(one.subject, one.band.means[0]) for one in apart.curves] == [("TOG-0", 0.0), ("TOG-1", 1.0)]


def test_the_dictionary_counts_what_one_may_see(domain: World) -> None:
    places = Places(domain)

    def held(name: str) -> int:
        (entry,) = [one for one in dictionary_of(domain.actor(name)).entries if one.id == places.metric]
        return entry.held.count if entry.held else 0

    assert [held(name) for name in ("alice", "rita", "max")] == [1, 2, 3]
    foreign = dictionary_of(domain.actor("boris")).entries
    assert places.metric not in {one.id for one in foreign}
    assert [one.held for one in foreign] == [None] * len(foreign)


def test_the_dictionary_is_searched_by_every_word(domain: World) -> None:
    alice = domain.actor("alice")
    assert {one.name for one in dictionary_of(alice, "CD8 gluco").entries} == {"cd8"}
    assert dictionary_of(alice, "cd8 nothing").entries == ()
    assert dictionary_of(alice, "cd8 nothing").of == 4


def test_a_metric_is_told_in_one_line() -> None:
    assert metric_words("worn", "strap", True, "Whether\nit is worn.") == (
        "Metric worn; part strap; 1 is yes, 0 is no; Whether it is worn."
    )
    assert metric_words("cd4", "", False, None) == "Metric cd4"


@contextmanager
def noted() -> Iterator[list[tuple[str, Any]]]:
    """The statements that the block runs, with their parameters."""
    told: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        told.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def blocks_read(statements: list[tuple[str, Any]]) -> int:
    """How many blocks PostgreSQL touches to answer them, as its own plans say."""
    blocks = 0
    for statement, parameters in statements:
        if not statement.lstrip().startswith("SELECT") or "set_config" in statement:
            continue
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        told = db.session.connection().exec_driver_sql(explained, parameters).scalar()
        plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
        blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return blocks


def blocks_of_values() -> int:
    size = "SELECT sum(pg_table_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'measurement'::regclass"
    return int(db.session.scalar(text(size))) // 8192


def fill(series: int, metric: int, rows: int) -> None:
    """A value each ten seconds and its roll-ups, made by the database itself."""
    given = {"series": series, "metric": metric, "rows": rows, "start": from_milliseconds(NOON)}
    db.session.execute(text(
        "INSERT INTO measurement SELECT :series, CAST(:start AS timestamptz) + n * interval '10 seconds', :metric, "
        "100 + 20 * sin(n / 300.0), 1 FROM generate_series(0, :rows - 1) AS n"
    ), given)  # fmt: skip
    for grain in ("hour", "day"):
        db.session.execute(text(
            "INSERT INTO measurement_rollup SELECT series_id, metric_id, CAST(:grain AS varchar), "
            "date_trunc(CAST(:grain AS text), time, 'UTC'), count(*), min(value), max(value), sum(value) "
            "FROM measurement WHERE series_id = :series GROUP BY 1, 2, 4"
        ), given | {"grain": grain})  # fmt: skip
    db.session.commit()
    db.session.execute(text("ANALYZE measurement"))
    db.session.execute(text("ANALYZE measurement_rollup"))
    db.session.commit()


def reading_values(statements: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Those that read single values, not roll-ups."""
    return [one for one in statements if "measurement.value" in one[0]]


def assert_little_is_read(pair: tuple[Flask, World], rows: int) -> None:
    app, world = pair
    with app.app_context():
        ward = make_ward(world)
        metric, device = metric_of(world, "device"), world.device().id
        fill(ward.series_of(device_id=device), metric, rows)
        alice = world.actor("alice")
        with noted() as statements:
            look = look_at(alice, device, Asked())
        assert int(look.curves[0].band.counts.sum()) == rows
        assert reading_values(statements) == []
        assert 0 < blocks_read(statements) < 0.05 * blocks_of_values()
        with noted() as statements:
            zoomed = look_at(alice, device, Asked(start_ms=NOON, end_ms=NOON + 5 * HOUR))
        assert int(zoomed.curves[0].band.counts.sum()) == 5 * 360 + 1
        assert 0 < blocks_read(reading_values(statements)) < 0.05 * blocks_of_values()
        db.session.rollback()


def test_the_first_paint_reads_less_than_a_twentieth_of_the_values_blocks(
    postgresql_app: tuple[Flask, World],
) -> None:
    assert_little_is_read(postgresql_app, 300_000)


@pytest.mark.long
def test_the_first_paint_of_ten_million_values_reads_as_little(postgresql_app: tuple[Flask, World]) -> None:
    """CHARTROOM_VALUES=100000000 takes a quarter of an hour and some 15 GB."""
    assert_little_is_read(postgresql_app, int(os.environ.get("CHARTROOM_VALUES", "10000000")))

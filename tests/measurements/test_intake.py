"""Taking values in: what is refused, what is corrected, what is kept, and what the roll-ups say after it."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app import administration
from app.administration import MetricSpec
from app.errors import Invalid, NotFound
from app.extensions import db
from app.measurements import Taken, load_measurements, series_for, take_in
from app.models import Measurement, MeasurementHistory, MeasurementRollup, Tenant, begin_writing, take_revision
from tests.measurements.conftest import Ward
from tests.measurements.oracle import assert_rollups_match, current, state_at

NOON = 1_709_294_400_000
HOUR = 3_600_000
DAY = 24 * HOUR


def load(ward: Ward, metrics, times, values) -> Taken:
    return load_measurements(ward.tenant_id, ward.series_id, metrics, times, values)


def revision_of(ward: Ward) -> int:
    return db.session.scalars(select(Tenant.revision).where(Tenant.id == ward.tenant_id)).one()


def test_new_values_are_held_with_their_revision_and_rolled_up(ward: Ward) -> None:
    assert load(ward, [ward.cd4, ward.cd8], [NOON, NOON], [512.0, 840.5]) == Taken(added=2)
    assert current(ward.series_id) == {(ward.cd4, NOON): 512.0, (ward.cd8, NOON): 840.5}
    batches = db.session.scalars(select(Measurement.batch).where(Measurement.series_id == ward.series_id))
    assert set(batches) == {revision_of(ward)}
    assert_rollups_match(ward.series_id)


def test_the_same_value_again_changes_nothing(ward: Ward) -> None:
    load(ward, ward.cd4, [NOON, NOON + 1], [1.0, 2.0])
    first = revision_of(ward)
    assert load(ward, ward.cd4, [NOON, NOON + 1], [1.0, 2.0]) == Taken(unchanged=2)
    assert set(db.session.scalars(select(Measurement.batch).where(Measurement.series_id == ward.series_id))) == {first}


def test_a_corrected_value_moves_to_the_history_and_the_roll_ups_follow(ward: Ward) -> None:
    load(ward, ward.cd4, [NOON, NOON + HOUR], [900.0, 400.0])
    before = revision_of(ward)
    assert load(ward, ward.cd4, [NOON, NOON + HOUR, NOON + DAY], [90.0, 400.0, 7.0]) == Taken(1, 1, 1)
    old = db.session.scalars(select(MeasurementHistory).where(MeasurementHistory.series_id == ward.series_id)).one()
    assert (old.value, old.batch, old.superseded_by) == (900.0, before, revision_of(ward))
    assert state_at(ward.series_id, before) == {(ward.cd4, NOON): 900.0, (ward.cd4, NOON + HOUR): 400.0}
    assert_rollups_match(ward.series_id)


def test_a_value_corrected_within_one_revision_leaves_no_history_that_nobody_saw(ward: Ward) -> None:
    begin_writing()
    revision = take_revision(ward.tenant_id)
    take_in(ward.tenant_id, ward.series_id, ward.cd4, [NOON], [1.0], revision)
    assert take_in(ward.tenant_id, ward.series_id, ward.cd4, [NOON], [2.0], revision) == Taken(corrected=1)
    db.session.commit()
    assert current(ward.series_id) == {(ward.cd4, NOON): 2.0}
    of_series = select(func.count()).where(MeasurementHistory.series_id == ward.series_id)
    assert db.session.scalar(of_series.select_from(MeasurementHistory)) == 0
    assert_rollups_match(ward.series_id)


def test_several_series_are_taken_in_at_once(ward: Ward) -> None:
    other = ward.series_of(patient_id=ward.world.patient().id)
    taken = load_measurements(
        ward.tenant_id, [ward.series_id, other, other], ward.cd4, [NOON, NOON, NOON + DAY], [1.0, 2.0, 3.0]
    )
    assert taken == Taken(added=3)
    assert current(other) == {(ward.cd4, NOON): 2.0, (ward.cd4, NOON + DAY): 3.0}
    assert_rollups_match(ward.series_id)
    assert_rollups_match(other)


def test_values_before_1970_fall_into_the_hour_and_day_they_were_measured_in(ward: Ward) -> None:
    load(ward, ward.cd4, [-1, -HOUR, -DAY - 1, 0], [1.0, 2.0, 3.0, 4.0])
    load(ward, ward.cd4, [-2], [9.0])
    assert_rollups_match(ward.series_id)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, float("nan"), float("inf")], "2 values are not a finite number; the first is number 1"),
        ([float("-inf"), 1.0, 2.0], "1 value is not a finite number; the first is number 0"),
        ([1.0, 1e250, 2.0], "1 value is too large to be a measurement; the first is number 1"),
        ([1.0, "high", 2.0], "Values must be numbers"),
        ([1.0, 2.0], "of the same length"),
    ],
)
def test_a_value_that_is_no_measurement_refuses_the_whole_delivery(ward: Ward, values, words) -> None:
    with pytest.raises(Invalid, match=words):
        load(ward, ward.cd4, [NOON, NOON + 1, NOON + 2], values)
    assert current(ward.series_id) == {}


def test_a_delivery_that_contradicts_itself_is_refused_and_a_repetition_is_not(ward: Ward) -> None:
    times = [NOON + 5, NOON, NOON + 5, NOON + 5]
    with pytest.raises(Invalid, match=r"1 value is in contradiction .* the first is number 3"):
        load(ward, ward.cd4, times, [1.0, 2.0, 1.0, 3.0])
    assert load(ward, ward.cd4, times, [1.0, 2.0, 1.0, 1.0]) == Taken(added=2)


def test_times_that_no_clock_shows_are_refused(ward: Ward) -> None:
    with pytest.raises(Invalid, match="1 value is outside the years 1900 to 2199; the first is number 1"):
        load(ward, ward.cd4, [NOON, 10**15], [1.0, 2.0])
    with pytest.raises(Invalid, match="whole numbers"):
        load(ward, ward.cd4, [NOON + 0.5], [1.0])


def test_an_empty_delivery_is_taken_for_nothing(ward: Ward) -> None:
    assert load(ward, ward.cd4, [], []) == Taken()


def test_unknown_metrics_and_those_of_another_tenant_are_refused(ward: Ward) -> None:
    foreign = administration.create_template(
        ward.world.borealis.id, "device", f"t{uuid4().hex[:8]}", "T", [], [MetricSpec(name="m", label="M")]
    )
    for metric_id in (foreign.metrics[0].id, 10**9):
        with pytest.raises(Invalid, match="1 of the metrics are unknown"):
            load(ward, [ward.cd4, metric_id], [NOON, NOON], [1.0, 2.0])
    assert current(ward.series_id) == {}


def test_a_yes_or_no_metric_takes_only_0_and_1(ward: Ward) -> None:
    template = administration.create_template(
        ward.tenant_id, "device", f"t{uuid4().hex[:8]}", "T", [],
        [MetricSpec(name="worn", label="Worn", kind="boolean")],
    )  # fmt: skip
    metric_id = template.metrics[0].id
    with pytest.raises(Invalid, match="1 values of a yes-or-no metric"):
        load(ward, metric_id, [NOON, NOON + 1], [1.0, 0.5])
    assert load(ward, metric_id, [NOON, NOON + 1], [1.0, 0.0]) == Taken(added=2)


def test_a_series_of_another_tenant_does_not_exist(ward: Ward) -> None:
    with pytest.raises(NotFound):
        load_measurements(ward.world.borealis.id, ward.series_id, ward.cd4, [NOON], [1.0])
    assert current(ward.series_id) == {}


def test_one_subject_has_one_series_and_none_has_none(ward: Ward) -> None:
    assert ward.series_of(patient_id=ward.patient_id) == ward.series_id
    device = ward.world.device().id
    assert ward.series_of(patient_id=ward.patient_id, device_id=device) != ward.series_id
    begin_writing()
    with pytest.raises(Invalid):
        series_for(ward.tenant_id)
    with pytest.raises(NotFound):
        series_for(ward.world.borealis.id, patient_id=ward.patient_id)


def test_a_refused_delivery_leaves_the_revision_untaken(ward: Ward) -> None:
    before = revision_of(ward)
    with pytest.raises(Invalid):
        load(ward, ward.cd4, [NOON], [float("nan")])
    assert revision_of(ward) == before


def test_taking_in_keeps_nothing_until_the_caller_commits(ward: Ward) -> None:
    begin_writing()
    take_in(ward.tenant_id, ward.series_id, ward.cd4, [NOON], [1.0], take_revision(ward.tenant_id))
    db.session.rollback()
    assert current(ward.series_id) == {}
    assert load(ward, ward.cd4, [NOON], [2.0]) == Taken(added=1)


VALUES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6), st.just(-0.0))
TIMES = st.one_of(st.integers(-2, 5).map(lambda hour: hour * HOUR), st.integers(-2 * DAY, 2 * DAY), st.integers(0, 40))
BATCHES = st.lists(st.dictionaries(st.tuples(st.integers(0, 1), TIMES), VALUES, max_size=12), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES)
def test_any_run_of_deliveries_can_be_told_again_revision_by_revision(ward: Ward, batches) -> None:
    series_id = ward.series_of(patient_id=ward.world.patient().id)
    metrics = (ward.cd4, ward.cd8)
    expected: dict[tuple[int, int], float] = {}
    states = []
    for batch in batches:
        given = {(metrics[metric], time): value for (metric, time), value in batch.items()}
        keys = list(given)
        taken = load_measurements(
            ward.tenant_id, series_id, [key[0] for key in keys], [key[1] for key in keys], list(given.values())
        )
        differing = sum(key in expected and expected[key] != given[key] for key in keys)
        new = sum(key not in expected for key in keys)
        assert taken == Taken(new, differing, len(keys) - new - differing)
        expected = expected | {key: value for key, value in given.items() if expected.get(key) != value}
        states.append((revision_of(ward), expected))
    for revision, state in states:
        assert state_at(series_id, revision) == state
    assert current(series_id) == expected
    assert_rollups_match(series_id)


def test_a_hundred_thousand_values_go_in_whole_and_again_with_corrections(ward: Ward) -> None:
    times = NOON + np.arange(100_000, dtype=np.int64) * 60_000
    values = np.sin(np.arange(100_000))
    assert load(ward, ward.cd4, times, values) == Taken(added=100_000)
    corrected = values.copy()
    corrected[::1000] += 1
    assert load(ward, ward.cd4, times, corrected) == Taken(corrected=100, unchanged=99_900)
    rolled = db.session.execute(
        select(func.sum(MeasurementRollup.count), func.sum(MeasurementRollup.total), func.count()).where(
            MeasurementRollup.series_id == ward.series_id, MeasurementRollup.grain == "hour"
        )
    ).one()
    assert (rolled[0], rolled[2]) == (100_000, 1667)
    assert rolled[1] == pytest.approx(float(corrected.sum()))

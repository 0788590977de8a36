"""What pages read: summaries, charts at every size, and tables in pages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid, NotFound
from app.measurements import chart_of, load_measurements, subject_of, summary_of, values_table
from app.measurements.points import Points, thinned
from app.models.types import from_milliseconds
from tests.measurements.conftest import Ward

NOON = 1_709_294_400_000
HOUR = 3_600_000
DAY = 24 * HOUR


def load(ward: Ward, metrics, times, values, series_id: int | None = None) -> None:
    load_measurements(ward.tenant_id, series_id or ward.series_id, metrics, times, values)


def summaries(ward: Ward, name: str = "alice"):
    actor = ward.world.actor(name)
    return summary_of(actor, subject_of(actor, ward.patient_id))


def test_a_summary_says_how_much_from_when_to_when_and_the_newest_value(ward: Ward) -> None:
    times = [NOON + 5, NOON + 180 * DAY, NOON + 700 * DAY + 123]
    load(ward, [ward.cd4] * 3 + [ward.cd8] * 2, times + times[:2], [422.0, 477.0, 324.0, 566.0, 324.0])
    cd4, cd8 = summaries(ward)
    assert (cd4.metric.name, cd4.count, cd4.latest_value, cd4.low, cd4.high) == ("cd4", 3, 324.0, 324.0, 477.0)
    assert (cd4.first, cd4.last) == (from_milliseconds(times[0]), from_milliseconds(times[2]))
    assert [value for _, value in cd4.spark] == [422.0, 477.0, 324.0]
    assert not cd4.spark_is_end
    assert (cd8.count, cd8.latest_value) == (2, 324.0)


def test_nothing_measured_is_nothing_summed_up_and_nothing_drawn(ward: Ward) -> None:
    assert summaries(ward) == []
    chart = chart_of(ward.world.actor("alice"), ward.patient_id)
    assert (chart.lines, len(chart.times)) == ((), 0)
    page = values_table(ward.world.actor("alice"), ward.patient_id)
    assert (page.rows, page.previous, page.next, page.total) == ((), None, None, 0)


def test_a_waveform_is_summed_up_by_its_end_with_the_peaks_in(ward: Ward) -> None:
    values = np.sin(np.arange(10_000) / 50)
    values[9_990] = 7.0
    load(ward, ward.cd4, NOON + np.arange(10_000), values)
    (wave,) = summaries(ward)
    assert wave.spark_is_end
    assert wave.spark[0][0] >= NOON + 7_000
    assert max(value for _, value in wave.spark) == 7.0
    assert 100 < len(wave.spark) <= 400


def test_years_of_values_are_summed_up_by_few_points(ward: Ward) -> None:
    load(ward, ward.cd4, NOON + np.arange(2_000) * 12 * HOUR, np.arange(2_000.0))
    (long,) = summaries(ward)
    assert len(long.spark) == 120
    values = [value for _, value in long.spark]
    assert values == sorted(values)
    assert long.latest_value == 1999.0


def test_few_values_are_drawn_one_by_one_with_gaps_where_a_line_has_none(ward: Ward) -> None:
    load(ward, [ward.cd4, ward.cd4, ward.cd8], [NOON, NOON + 7, NOON], [1.0, 2.0, 3.0])
    chart = chart_of(ward.world.actor("alice"), ward.patient_id)
    assert chart.resolution == "raw"
    assert chart.times.tolist() == [NOON, NOON + 7]
    np.testing.assert_array_equal(chart.ys, [[1.0, 2.0], [3.0, np.nan]])
    assert [line.label for line in chart.lines] == ["CD4", "CD8"]


def test_both_ends_of_the_range_belong_to_it(ward: Ward) -> None:
    load(ward, ward.cd4, NOON + np.arange(5), np.arange(5.0))
    actor = ward.world.actor("alice")
    assert chart_of(actor, ward.patient_id, None, NOON + 1, NOON + 3).ys.tolist() == [[1.0, 2.0, 3.0]]
    page = values_table(actor, ward.patient_id, None, NOON + 1, NOON + 3, order="asc")
    assert [row.value for row in page.rows] == [1.0, 2.0, 3.0]


def test_a_second_of_peak_in_ten_minutes_survives_the_drawing(ward: Ward) -> None:
    values = np.zeros(60_000)
    values[31_415], values[31_417] = 9.0, -9.0
    load(ward, ward.cd4, NOON + np.arange(60_000) * 10, values)
    chart = chart_of(ward.world.actor("alice"), ward.patient_id, width=300)
    assert chart.resolution == "raw"
    assert len(chart.times) <= 2 * 300 + 2
    drawn = dict(zip(chart.times.tolist(), chart.ys[0].tolist(), strict=True))
    assert drawn[NOON + 314_150] == 9.0
    assert drawn[NOON + 314_170] == -9.0


def test_long_runs_are_drawn_by_the_hour_and_longer_ones_by_the_day(ward: Ward) -> None:
    load(ward, ward.cd4, NOON + np.arange(6_000) * HOUR // 2, np.arange(6_000.0))
    load(ward, ward.cd8, NOON + np.arange(6_000) * HOUR, np.arange(6_000.0))
    actor = ward.world.actor("alice")
    by_hour = chart_of(actor, ward.patient_id, [ward.cd4])
    assert by_hour.resolution == "hour"
    assert (by_hour.ys[0][1], by_hour.lows[0][1], by_hour.highs[0][1]) == (2.5, 2.0, 3.0)
    by_day = chart_of(actor, ward.patient_id, [ward.cd8])
    assert by_day.resolution == "day"
    assert (by_day.lows[0][1], by_day.highs[0][1], by_day.ys[0][1]) == (12.0, 35.0, 23.5)
    zoomed = chart_of(actor, ward.patient_id, [ward.cd8], NOON + DAY, NOON + 3 * DAY)
    assert (zoomed.resolution, len(zoomed.times)) == ("raw", 49)


def test_a_zoom_into_emptiness_keeps_the_lines(ward: Ward) -> None:
    load(ward, [ward.cd4, ward.cd8], [NOON, NOON], [1.0, 2.0])
    chart = chart_of(ward.world.actor("alice"), ward.patient_id, None, NOON + DAY, NOON + 2 * DAY)
    assert (len(chart.lines), chart.ys.shape) == (2, (2, 0))


def test_each_device_of_a_patient_has_its_own_line_with_its_name(ward: Ward) -> None:
    meters = [ward.world.device(), ward.world.device()]
    names = [meter.caption for meter in meters]
    for value, meter in enumerate([meter.id for meter in meters]):
        series_id = ward.series_of(patient_id=ward.patient_id, device_id=meter)
        load(ward, ward.cd4, [NOON + value], [float(value)], series_id)
    chart = chart_of(ward.world.actor("alice"), ward.patient_id)
    assert [line.label for line in chart.lines] == [f"CD4 ({name})" for name in names]
    (summary,) = summaries(ward)
    assert (summary.count, summary.sources, summary.latest_value) == (2, tuple(names), 1.0)


def test_a_shared_device_shows_only_the_patients_whom_one_may_see(ward: Ward) -> None:
    device_id = ward.world.device().id
    stranger = ward.world.patient(ward.world.riverside).id
    for value, patient in enumerate([ward.patient_id, stranger]):
        series_id = ward.series_of(patient_id=patient, device_id=device_id)
        load(ward, ward.cd4, [NOON + value], [float(value)], series_id)
    assert [row.value for row in values_table(ward.world.actor("alice"), device_id).rows] == [0.0]
    assert [row.value for row in values_table(ward.world.actor("ann"), device_id).rows] == [1.0, 0.0]


@pytest.mark.parametrize("stranger", ["rita", "boris"])
def test_another_organization_and_another_tenant_find_nothing(ward: Ward, stranger: str) -> None:
    load(ward, ward.cd4, [NOON], [1.0])
    actor = ward.world.actor(stranger)
    for read in (subject_of, chart_of, values_table):
        with pytest.raises(NotFound):
            read(actor, ward.patient_id)


def test_a_record_is_not_found_under_another_data_type(ward: Ward) -> None:
    with pytest.raises(NotFound):
        chart_of(ward.world.actor("alice"), ward.patient_id, data_type="device")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"metric_ids": [10**9]}, "metric"),
        ({"start_ms": NOON + 1, "end_ms": NOON}, "to"),
        ({"start_ms": -(10**15)}, "from"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_field(ward: Ward, asked, field) -> None:
    load(ward, ward.cd4, [NOON], [1.0])
    for read in (chart_of, values_table):
        with pytest.raises(Invalid) as refusal:
            read(ward.world.actor("alice"), ward.patient_id, **asked)
        assert list(refusal.value.fields) == [field]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_a_table_hold_every_value_once_forwards_and_back(ward: Ward, order: str) -> None:
    other = ward.series_of(patient_id=ward.patient_id, device_id=ward.world.device().id)
    for series_id in (ward.series_id, other):
        load(ward, [ward.cd4, ward.cd8] * 20, np.repeat(NOON + np.arange(20), 2), np.arange(40.0), series_id)
    actor = ward.world.actor("alice")
    pages = [values_table(actor, ward.patient_id, order=order, limit=7)]
    while pages[-1].next:
        pages.append(values_table(actor, ward.patient_id, order=order, limit=7, cursor=pages[-1].next))
    rows = [row for page in pages for row in page.rows]
    assert [len(page.rows) for page in pages] == [7] * 11 + [3]
    assert len({(row.time, row.metric.id, row.device) for row in rows}) == 80
    assert [row.time for row in rows] == sorted((row.time for row in rows), reverse=order == "desc")
    back = values_table(actor, ward.patient_id, order=order, limit=7, cursor=pages[5].previous)
    assert back.rows == pages[4].rows
    assert values_table(actor, ward.patient_id, order=order, limit=7, cursor=pages[1].previous).previous is None


@pytest.mark.parametrize(
    "cursor", ["x", "after.1.2", "after.a.b.c", f"before.{10**30}.1.1", f"after.1.{2**63}.1",
             "after.-99999999999999.1.1", "before.253402300800000.1.1", "after.%00.1.1", "after.1.1.1\0"],
)  # fmt: skip
def test_a_cursor_that_we_did_not_make_is_refused(ward: Ward, cursor: str) -> None:
    with pytest.raises(Invalid):
        values_table(ward.world.actor("alice"), ward.patient_id, cursor=cursor)


@pytest.mark.parametrize("milliseconds", [-62135596800000, 253402300799999])
def test_a_cursor_at_an_end_of_time_answers_a_page(ward: Ward, milliseconds: int) -> None:
    load(ward, [ward.cd4], np.array([NOON]), np.array([1.0]), ward.series_id)
    for side in ("after", "before"):
        found = values_table(ward.world.actor("alice"), ward.patient_id, cursor=f"{side}.{milliseconds}.1.1")
        assert len(found.rows) == ((side == "after") == (milliseconds > 0))


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.floats(-1e6, 1e6)), max_size=300, unique_by=lambda pair: pair[0]),
    st.integers(1, 20),
)
def test_thinning_keeps_the_ends_and_the_extremes_and_makes_nothing_up(pairs, buckets: int) -> None:
    pairs.sort()
    times = np.array([pair[0] for pair in pairs], dtype=np.int64)
    points = Points(times, np.array([pair[1] for pair in pairs], dtype=np.float64))
    kept = thinned(points, buckets)
    assert set(zip(kept.times.tolist(), kept.values.tolist(), strict=True)) <= set(pairs)
    assert len(kept) <= max(2 * buckets + 2, 0)
    assert kept.times.tolist() == sorted(set(kept.times.tolist()))
    if pairs:
        assert (kept.times[0], kept.times[-1]) == (times[0], times[-1])
        assert (kept.values.min(), kept.values.max()) == (points.values.min(), points.values.max())

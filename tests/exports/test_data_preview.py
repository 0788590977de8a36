"""What a person sees before asking for a data export: counts, names and first rows as they will be."""

from __future__ import annotations

import io
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from sqlalchemy import select

from app.errors import Forbidden, Invalid
from app.exports.data_preview import MetricLabel, metric_labels, offered_metrics, offered_scopes, preview_data_export
from app.exports.kinds.data_export_cells import written_instant, written_number
from app.extensions import db
from app.models import Entity, Location, Metric, Tenant, begin_writing
from tests.exports.timeseries import ALWAYS, DAY, FIRST_DAY, HOUR, Ward, between, busy_devices, moment


def slow_rows(ward: Ward, who: str, device: Entity, start: int, end: int) -> list[list[str]]:
    """A device's rows as text, made the plain way from whole numbers and halves."""
    rows: dict[int, dict[int, float]] = {}
    for (time, metric_id), value in ward.held(who, device.id).items():
        if start <= time < end:
            rows.setdefault(time, {})[metric_id] = value
    columns = [ward.metrics["cd4"], ward.metrics["cd8"]]
    return [
        [
            moment(time).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            *(f"{rows[time][one]:g}" if one in rows[time] else "" for one in columns),
        ]
        for time in sorted(rows)
    ]


@pytest.mark.parametrize("who", ["alice", "ann"])
@pytest.mark.parametrize("start", [FIRST_DAY, FIRST_DAY + 3 * DAY + 10 * HOUR + 1, FIRST_DAY + 5 * DAY + 7 * HOUR])
def test_a_preview_says_what_the_plan_will_promise_and_shows_the_first_rows(ward: Ward, who: str, start: int) -> None:
    devices = busy_devices(ward)
    end = FIRST_DAY + 9 * DAY + 30 * 60_000
    params = between(start, end)
    found = preview_data_export(ward.world.actor(who), params)
    planned = ward.planned(who, params)
    assert found.values == sum(one.rows for file in planned for one in file.fragments)
    assert found.device_count == len(planned) == 4
    assert found.file_names == tuple(file.name for file in planned)
    counts = [sum(one.rows for one in file.fragments) for file in planned]
    assert found.empty_devices == counts.count(0)
    sampled = planned[[count > 0 for count in counts].index(True)]
    assert found.sample_file == sampled.name
    device = next(one for one in devices if str(one.id) == sampled.subject)
    rows = slow_rows(ward, who, device, start, end)
    assert [list(row) for row in found.rows] == rows[:5]
    assert found.header == ("timestamp", "CD4", "CD8")
    everything = [slow_rows(ward, who, one, start, end) for one in devices]
    size = sum(len(",".join(row)) + 2 for own in everything for row in own)
    assert size * 0.6 < found.bytes < size * 1.6


def test_of_two_values_at_one_instant_the_older_series_is_shown(ward: Ward) -> None:
    device, patient = ward.world.device(), ward.world.patient()
    older, newer = ward.series(device), ward.series(device, patient)
    ward.load(newer, "cd4", [FIRST_DAY + one for one in range(4)], 2)
    ward.load(older, "cd4", [FIRST_DAY + 2, FIRST_DAY + 9], 1)
    found = preview_data_export(ward.world.actor("alice"), replace(ALWAYS, timestamp_format="EPOCH_MILLIS"))
    assert found.rows == tuple(
        (str(FIRST_DAY + at), value, "") for at, value in ((0, "2"), (1, "2"), (2, "1"), (3, "2"), (9, "1"))
    )
    assert found.values == 5


def test_units_chosen_metrics_and_names_are_shown_as_they_will_be(ward: Ward) -> None:
    for number in range(12):
        device = ward.world.device(key=f"GLU-{number:02}", serial_number="SAME")
    ward.load(ward.series(device), "cd8", [FIRST_DAY])
    params = replace(
        ALWAYS,
        metric_ids=(ward.metrics["cd8"],),
        include_unit=True,
        file_name="${thingDefinition.name}",
        format="parquet",
    )
    found = preview_data_export(ward.world.actor("alice"), params)
    assert found.header == ("timestamp", "CD8 [cells/µL]")
    assert found.file_names == ("glucometer.parquet", *(f"glucometer_{one}.parquet" for one in range(2, 9)))
    assert found.sample_file == "glucometer_12.parquet"
    assert (found.device_count, found.empty_devices, found.values, found.bytes > 0) == (12, 11, 1, True)


def test_a_preview_of_nothing_shows_nothing(ward: Ward) -> None:
    found = preview_data_export(ward.world.actor("alice"), ALWAYS)
    assert (found.values, found.bytes, found.device_count, found.empty_devices) == (0, 0, 0, 0)
    assert (found.file_names, found.header, found.rows, found.sample_file) == ((), (), (), None)
    ward.world.device(key="A")
    found = preview_data_export(ward.world.actor("alice"), ALWAYS)
    assert (found.device_count, found.empty_devices, found.sample_file, found.rows) == (1, 1, None, ())


def test_metrics_are_offered_with_how_much_of_them_there_is(ward: Ward) -> None:
    devices = busy_devices(ward)
    for who in ("alice", "ann"):
        (offered,) = offered_metrics(ward.world.actor(who))
        assert (offered.label, offered.device_count) == ("Glucometer", 4)
        assert [(one.name, one.label, one.unit) for one in offered.metrics] == [
            ("cd4", "CD4", "cells/µL"),
            ("cd8", "CD8", "cells/µL"),
        ]
        readable = {who: 100 if who == "ann" else 0}
        # Of this device the roll-ups count what two series hold twice: 150 + 30 instants are shared or not, as loaded.
        assert offered.metrics[0].count == 500 + 1_100 + 190 + 300 + readable[who]
    (one,) = offered_metrics(ward.world.actor("alice"), device_ids=[devices[2].id])
    assert (one.device_count, one.metrics[0].count, one.metrics[0].first) == (1, 0, None)
    assert (one.metrics[1].count, one.metrics[1].first, one.metrics[1].last) == (
        30,
        moment(FIRST_DAY),
        moment(FIRST_DAY + 29 * DAY),
    )
    assert offered_metrics(ward.world.actor("alice"), organization_id=ward.world.riverside.id) == []
    assert offered_metrics(ward.world.actor("rita")) == []
    assert len(offered_metrics(ward.world.actor("ann"), organization_id=ward.world.northside.id)) == 1


def test_metrics_are_called_by_their_labels_only_where_the_person_could_export_them(ward: Ward) -> None:
    cd4 = ward.metrics["cd4"]
    foreign = db.session.scalars(select(Metric.id).where(Metric.tenant_id != ward.world.acme.id)).all()
    asked = [cd4, cd4, 10**17, -1, 2**70, *foreign]
    assert metric_labels(ward.world.actor("alice"), asked) == {}
    ward.world.device()
    expected = {cd4: MetricLabel("CD4", "cells/µL", db.session.get_one(Metric, cd4).part, "Glucometer")}
    for who in ("alice", "ann"):
        assert metric_labels(ward.world.actor(who), asked) == expected
    assert metric_labels(ward.world.actor("rita"), asked) == {}
    assert metric_labels(ward.world.actor("alice"), []) == {}


def test_scopes_are_those_from_which_the_person_may_export(domain) -> None:
    begin_writing()
    for organization, name in ((domain.northside, "Ward 2"), (domain.northside, "Ward 1"), (domain.riverside, "Attic")):
        db.session.add(Location(tenant_id=domain.acme.id, organization_id=organization.id, name=name))
    db.session.commit()
    found = offered_scopes(domain.actor("alice"))
    assert found.organizations == ((domain.northside.id, "Northside Clinic"),)
    assert [(one[1], one[2]) for one in found.locations] == [
        ("Ward 1", domain.northside.id),
        ("Ward 2", domain.northside.id),
    ]
    of_all = offered_scopes(domain.actor("ann"))
    assert {"Northside Clinic", "Riverside General"} <= {one[1] for one in of_all.organizations}
    assert "Far Clinic" not in {one[1] for one in of_all.organizations}
    assert [one[1] for one in of_all.locations] == ["Attic", "Ward 1", "Ward 2"]


def test_nothing_is_shown_to_whoever_may_not_export(domain) -> None:
    with pytest.raises(Invalid):
        preview_data_export(domain.actor("alice"), replace(ALWAYS, file_name="${thing.__class__}"))
    begin_writing()
    db.session.get_one(Tenant, domain.acme.id).exports_enabled = False
    db.session.commit()
    alice = domain.actor("alice")
    with pytest.raises(Forbidden):
        preview_data_export(alice, ALWAYS)
    for ask in (offered_metrics, offered_scopes, lambda actor: metric_labels(actor, [1])):
        with pytest.raises(Forbidden):
            ask(alice)


def test_a_header_that_a_spreadsheet_would_run_is_shown_as_it_will_be_written(domain) -> None:
    ward = Ward.of(domain)
    ward.load(ward.series(domain.device()), "cd4", [FIRST_DAY])
    begin_writing()
    db.session.get_one(Metric, ward.metrics["cd4"]).label = '=HYPERLINK("x")'
    db.session.commit()
    for for_spreadsheets, header in ((True, '\'=HYPERLINK("x")'), (False, '=HYPERLINK("x")')):
        found = preview_data_export(domain.actor("alice"), replace(ALWAYS, for_spreadsheets=for_spreadsheets))
        assert header in found.header


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**60), 2**60).map(float),
            st.decimals(-(10**9), 10**9, places=3).map(float),
            st.decimals(-1, 1, places=9).map(float),
        ),
        min_size=1,
        max_size=100,
    )
)
def test_single_numbers_are_written_as_a_builder_writes_whole_columns(numbers: list[float]) -> None:
    written = io.BytesIO()
    arrow_csv.write_csv(pa.table({"x": numbers}), written, arrow_csv.WriteOptions(include_header=False))
    assert [written_number(one) for one in numbers] == written.getvalue().decode().split()


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_578_432_000_000, "2020-01-07T21:20:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-60_000_000_000_000, "0068-09-03T13:20:00.000Z"),
    ],
)
def test_instants_are_written_to_the_millisecond(milliseconds: int, text: str) -> None:
    assert written_instant(milliseconds) == text

"""Data exports as they are planned: which devices, which columns, and exactly so many values in each fragment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import administration
from app.archive import Member
from app.catalog import records
from app.errors import Forbidden, Invalid
from app.exports.kinds import data_export_scope
from app.exports.kinds.base import BuiltFile
from app.exports.kinds.data_export_columns import Columns, MetricWords, headers_of
from app.exports.kinds.data_export_counts import segments
from app.exports.kinds.data_export_params import DataExportParams
from app.extensions import db
from app.models import Entity, Location, Metric, Organization, Tenant, begin_writing, take_revision
from tests.exports.timeseries import ALWAYS, DAY, FIRST_DAY, HOUR, KIND, Ward, between, busy_devices

instants = st.one_of(
    st.integers(FIRST_DAY - DAY, FIRST_DAY + 13 * DAY),
    st.integers(-6 * DAY, 6 * DAY),
    st.integers(-6 * 24, 6 * 24).map(lambda hours: hours * HOUR),
    st.integers(0, 14).map(lambda days: FIRST_DAY + days * DAY),
    st.integers(0, 1_200).map(lambda steps: FIRST_DAY + 5 * DAY + 7 * HOUR + 60_000 + steps * 50),
)
periods = st.tuples(instants, instants).filter(lambda pair: pair[0] != pair[1]).map(sorted)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_fragment_promises_exactly_the_values_of_its_time(ward: Ward, form: str) -> None:
    devices = {str(one.id): one.id for one in busy_devices(ward)}
    held = {(who, one): ward.held(who, devices[one]) for who in ("alice", "ann") for one in devices}

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(periods, st.sampled_from([1, 2, 5, 1_000]), st.sampled_from(["alice", "ann"]))
    def holds(period: list[int], fragment_rows: int, who: str) -> None:
        start, end = period
        planned = ward.planned(who, between(start, end, format=form), fragment_rows)
        assert list(dict.fromkeys(file.subject for file in planned)) == [
            one for _, one in sorted((db.session.get_one(Entity, devices[one]).key, one) for one in devices)
        ]
        for subject in devices:
            fragments = [one for file in planned if file.subject == subject for one in file.fragments]
            edges = [(low, high) for one in fragments for low, high in one.task["slices"]]
            assert (edges[0][0], edges[-1][1]) == (start, end)
            assert [one[0] for one in edges[1:]] == [one[1] for one in edges[:-1]]
            assert all(low < high for low, high in edges)
            times = [time for time, _ in held[who, subject]]
            for one in fragments:
                assert one.rows == sum(low <= time < high for low, high in one.task["slices"] for time in times)
        for file in planned:
            assert file.stored == (form == "parquet")
            assert form == "csv" or len(file.fragments) == 1

    holds()


def test_a_dense_minute_is_cut_by_the_second(ward: Ward) -> None:
    device = busy_devices(ward)[0]
    file = next(one for one in ward.planned("alice", ALWAYS, 1) if one.subject == str(device.id))
    # 1,100 values within a minute: fragments of at most 50, or of a second that holds no more than 200.
    assert max(one.rows for one in file.fragments) <= 200
    assert sum(one.rows for one in file.fragments) == len(ward.held("alice", device.id))


def test_a_large_parquet_file_becomes_several_and_a_large_csv_stays_one(ward: Ward) -> None:
    device = busy_devices(ward)[0]
    only = replace(ALWAYS, device_ids=(device.id,), file_name="${thing.name}")
    (csv,) = ward.planned("alice", only, 1)
    assert len(csv.fragments) > 10
    assert csv.layout["dropped"] == 150
    pieces = ward.planned("alice", replace(only, format="parquet"), 1)
    assert [one.name for one in pieces] == [f"{csv.name[:-4]}-{number}.parquet" for number in range(1, len(pieces) + 1)]
    assert len(pieces) > 1
    assert sum(one.layout.get("dropped", 0) for one in pieces) == 150
    assert sum(one.fragments[0].rows for one in pieces) == sum(one.rows for one in csv.fragments)


def test_values_of_patients_whom_the_requester_may_not_export_are_not_in_it(ward: Ward) -> None:
    device = busy_devices(ward)[0]
    only = replace(ALWAYS, device_ids=(device.id,))
    (ours,), (everything,) = ward.planned("alice", only), ward.planned("ann", only)
    assert sum(one.rows for one in everything.fragments) - sum(one.rows for one in ours.fragments) == 100
    with pytest.raises(Invalid):
        KIND.check(ward.world.actor("rita"), only)


def test_metrics_of_another_template_in_a_devices_series_are_not_counted(ward: Ward) -> None:
    device, patient = ward.world.device(), ward.world.patient()
    series = ward.series(device, patient)
    of_patients = db.session.scalars(
        db.select(Metric.id).where(Metric.template_id == ward.world.templates["patient"].id)
    ).first()
    ward.load(series, of_patients, [FIRST_DAY])
    ward.load(series, "cd4", [FIRST_DAY])
    (file,) = ward.planned("alice", ALWAYS)
    assert [one.rows for one in file.fragments] == [1]


def test_a_device_without_values_has_a_file_with_its_header(ward: Ward) -> None:
    device = ward.world.device(serial_number="SN-7")
    order = ward.order("alice", replace(ALWAYS, include_unit=True))
    (file,) = KIND.files(order, db.session.connection())
    assert (file.name, file.media_type, file.subject) == ("SN-7.csv", "text/csv", str(device.id))
    assert [one.rows for one in file.fragments] == [0]
    recipe = KIND.recipe(order, file.layout, file.fragments[0].task, first=True, last=True)
    assert recipe["header"] == ["timestamp", "CD4 [cells/µL]", "CD8 [cells/µL]"]
    assert (recipe["series"], recipe["metrics"]) == ([], [ward.metrics["cd4"], ward.metrics["cd8"]])
    assert KIND.recipe(order, file.layout, file.fragments[0].task, first=False, last=True)["header"] is None


def test_pages_of_devices_are_one_list_in_the_order_of_their_keys(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_export_scope, "PAGE_DEVICES", 3)
    keys = ["b", "B", "a-1", "a_1", "Ä", "10", "9"]
    for key in keys:
        ward.world.device(key=key, serial_number="")
    ward.world.device(ward.world.riverside, key="c")
    planned = ward.planned("alice", ALWAYS)
    assert [one.name for one in planned] == ["10.csv", "9.csv", "B.csv", "a-1.csv", "a_1.csv", "b_2.csv", "Ä.csv"]


def test_scope_parameters_are_combined(ward: Ward) -> None:
    north = ward.world.device()
    south = ward.world.device(ward.world.riverside)
    begin_writing()
    place = Location(id=uuid4(), tenant_id=ward.world.acme.id, organization_id=ward.world.northside.id, name="Ward 3")
    db.session.add(place)
    db.session.flush()
    revision = take_revision(ward.world.acme.id)
    records.write_version(
        db.session.get_one(Entity, north.id), revision=revision, changed_by=None, location_id=place.id
    )
    db.session.commit()
    north_id, south_id, place_id = north.id, south.id, place.id

    def found(**more: object) -> list[str]:
        return [one.subject for one in ward.planned("ann", replace(ALWAYS, **more))]

    assert set(found()) == {str(north_id), str(south_id)}
    assert found(organization_id=ward.world.riverside.id) == [str(south_id)]
    assert found(location_id=place_id) == [str(north_id)]
    assert found(location_id=place_id, organization_id=ward.world.riverside.id) == []
    assert found(device_ids=(south_id,), organization_id=ward.world.riverside.id) == [str(south_id)]
    assert found(device_ids=(south_id,), organization_id=ward.world.northside.id) == []
    (named,) = ward.planned("ann", replace(ALWAYS, location_id=place_id, file_name="${location.name} ${customer.name}"))
    assert named.name == "Ward 3 Northside Clinic.csv"


def test_what_is_not_visible_is_refused_in_the_words_for_what_does_not_exist(domain) -> None:
    own, theirs = domain.device(), domain.device(domain.riverside)
    foreign = domain.device(domain.foreign)
    patient = domain.patient()
    foreign_metric = db.session.scalars(
        db.select(Metric.id).where(Metric.template_id == domain.foreign_templates["device"].id)
    ).first()
    patients_metric = db.session.scalars(
        db.select(Metric.id).where(Metric.template_id == domain.templates["patient"].id)
    ).first()
    alice = domain.actor("alice")
    KIND.check(alice, replace(ALWAYS, device_ids=(own.id,)))

    def words(**more: object) -> dict[str, str]:
        with pytest.raises(Invalid) as refused:
            KIND.check(alice, replace(ALWAYS, **more))
        return refused.value.fields

    for one in (theirs.id, foreign.id, patient.id, uuid4()):
        assert words(device_ids=(own.id, one)) == {"device_ids": "One of the devices does not exist."}
    for one in (domain.riverside.id, domain.foreign.id, uuid4()):
        assert words(organization_id=one) == {"organization_id": "There is no such organization."}
    for one in (foreign_metric, patients_metric, 10**15, 2**70, -1):
        said = {"metric_ids": "One of the metrics does not exist, or no device measures it."}
        assert words(metric_ids=(one,)) == said
    assert set(words(file_name="${thing.__class__}", organization_id=uuid4())) == {"file_name", "organization_id"}
    begin_writing()
    place = Location(tenant_id=domain.acme.id, organization_id=domain.riverside.id, name="Ward 9")
    db.session.add(place)
    db.session.commit()
    for one in (place.id, uuid4()):
        assert words(location_id=one) == {"location_id": "There is no such location."}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start": datetime(2024, 1, 1)}, "start"),  # noqa: DTZ001  # the fault that is meant
        ({"end": datetime(2024, 1, 1)}, "end"),  # noqa: DTZ001
        ({"end": ALWAYS.start}, "end"),
        ({"start": datetime(2999, 6, 1, tzinfo=UTC)}, "end"),
        ({"start": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}, "start"),
        ({"end": datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))}, "end"),
        ({"format": "xlsx"}, "format"),
        ({"timestamp_format": "RFC_822"}, "timestamp_format"),
        ({"headed_by": "id"}, "headed_by"),
        ({"device_ids": tuple(uuid4() for _ in range(1_001))}, "device_ids"),
        ({"metric_ids": tuple(range(1_001))}, "metric_ids"),
        ({"file_name": "${thing.__class__}"}, "file_name"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_field(domain, change: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        KIND.check(domain.actor("alice"), replace(ALWAYS, **change))
    assert list(refused.value.fields) == [field]


def test_parameters_read_back_as_they_were() -> None:
    params = DataExportParams(
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2024, 2, 1, 0, 0, 0, 1500, tzinfo=UTC),
        organization_id=uuid4(),
        device_ids=(uuid4(), uuid4()),
        metric_ids=(3, 4),
        include_unit=True,
    )
    again = DataExportParams.from_json(params.to_json())
    assert again == replace(params, end=datetime(2024, 2, 1, 0, 0, 0, 2000, tzinfo=UTC))
    assert DataExportParams.from_json(again.to_json()) == again


def test_only_those_who_may_export_freeze_and_take(domain) -> None:
    ward = Ward.of(domain)
    domain.device()
    of_north, of_all = (KIND.freeze(domain.actor(who), ALWAYS.to_json()) for who in ("alice", "ann"))
    assert of_north["organization_ids"] == [str(domain.northside.id)]
    assert {one[0] for one in of_north["metrics"]} == set(ward.metrics.values())
    KIND.may_take(domain.actor("adam"), of_north, "")
    KIND.may_take(domain.actor("ann"), of_north, "")
    for who, frozen in (("rita", of_north), ("alice", of_all)):
        with pytest.raises(Forbidden) as refused:
            KIND.may_take(domain.actor(who), frozen, "")
        assert refused.value.reason == "scope"
    begin_writing()
    db.session.get_one(Tenant, domain.acme.id).exports_enabled = False
    db.session.commit()
    with pytest.raises(Forbidden) as refused:
        KIND.freeze(domain.actor("alice"), ALWAYS.to_json())
    assert refused.value.reason == "exports_disabled"
    with pytest.raises(Forbidden):
        KIND.may_take(domain.actor("alice"), of_north, "")


def metric(number: int, label: str, part: str = "", unit: str | None = None, template: str = "t") -> MetricWords:
    return MetricWords(number, template, f"m{number}", label, unit, part, "numeric")


@pytest.mark.parametrize(
    ("metrics", "headers"),
    [
        ([metric(1, "Weight", unit="kg")], ["Weight [kg]"]),
        ([metric(1, "A", "left", "V"), metric(2, "A", "right", "V")], ["A (left) [V]", "A (right) [V]"]),
        ([metric(1, "A"), metric(2, "A", "right")], ["A (1)", "A (right)"]),
        ([metric(1, "A", "x"), metric(2, "A", "x")], ["A (1)", "A (2)"]),
        ([metric(1, "timestamp")], ["timestamp (1)"]),
        ([metric(1, "A", "x"), metric(2, "A", "y"), metric(3, "A (x)")], ["A (x) (1)", "A (y)", "A (x) (3)"]),
        ([metric(1, "=1+1"), metric(2, "-5", unit="V")], ["'=1+1", "'-5 [V]"]),
    ],
)
def test_each_column_has_a_header_of_its_own(metrics: list[MetricWords], headers: list[str]) -> None:
    params = replace(ALWAYS, include_unit=True, for_spreadsheets=True)
    assert headers_of(metrics, params) == headers


def test_columns_stand_by_label_then_id_and_only_in_files_of_their_template() -> None:
    columns = Columns([metric(3, "B"), metric(2, "A", "x"), metric(1, "A", "y"), metric(4, "C", template="u")], ALWAYS)
    assert [(one.metric.id, one.header) for one in columns.of("t")] == [(1, "A (y)"), (2, "A (x)"), (3, "B")]
    assert [one.header for one in columns.of("u")] == ["C"]
    assert columns.of("v") == []


@given(st.integers(-10 * DAY, 10 * DAY), st.integers(0, 5 * DAY))
def test_the_stretches_of_a_period_touch_and_cover_it(start: int, length: int) -> None:
    found = segments(start, start + length)
    places = [start, *(one.end for one in found)]
    assert [one.start for one in found] == places[:-1]
    assert places[-1] == start + length
    widths = {"day": DAY, "hour": HOUR}
    for one in found:
        assert one.start < one.end
        assert all(edge % widths.get(one.grain, 1) == 0 for edge in (one.start, one.end))
        assert one.grain != "exact" or one.end - one.start < HOUR
    assert sum(one.grain == "day" for one in found) <= 1


def test_an_archive_says_what_is_in_it_and_what_is_not(domain) -> None:
    ward = Ward.of(domain)
    device = busy_devices(ward)[0]
    params = replace(ALWAYS, device_ids=(device.id,), metric_ids=(ward.metrics["cd4"],), for_spreadsheets=True)
    order = ward.order("alice", params)
    (file,) = KIND.files(order, db.session.connection())
    values = sum(one.rows for one in file.fragments)
    member = Member(file.name, 0, 10, 20, 1, values, "0" * 64)
    described = KIND.describe(order, [BuiltFile(file.subject, file.media_type, file.layout, member)])
    assert described.snapshot_revision == order.revision
    (resource,) = described.resources
    assert (resource.values, resource.rows, resource.format) == (values, None, "csv")
    assert [(one.name, one.type, one.unit) for one in resource.columns] == [
        ("timestamp", "datetime", ""),
        ("CD4", "number", "cells/µL"),
    ]
    whats = " ".join(one.what for one in described.left_out)
    for word in ("other metrics", "other devices", "other templates", "other organizations", "patients"):
        assert word in whats
    assert any("150 values were left out" in note for note in described.notes)
    assert any("apostrophe" in note for note in described.notes)
    quiet = KIND.describe(order, [BuiltFile(file.subject, file.media_type, file.layout | {"dropped": 0}, member)])
    assert not any("left out because" in note for note in quiet.notes)


def test_a_device_that_was_removed_before_the_snapshot_has_no_file_and_one_removed_after_it_keeps_its_own(
    domain,
) -> None:
    ward = Ward.of(domain)
    kept, gone = domain.device(), domain.device()
    before = ward.planned("alice", ALWAYS)
    begin_writing()
    revision = take_revision(domain.acme.id)
    records.delete_entity(db.session.get_one(Entity, gone.id), revision, None)
    db.session.commit()
    assert {one.subject for one in before} == {str(kept.id), str(gone.id)}
    assert [one.subject for one in ward.planned("alice", ALWAYS)] == [str(kept.id)]


def test_the_root_organization_is_no_wall_for_an_analyst_of_the_tenant(domain) -> None:
    root = administration.root_organization(domain.acme.id)
    device = domain.device(db.session.get_one(Organization, root.id))
    assert [one.subject for one in Ward.of(domain).planned("ann", ALWAYS)] == [str(device.id)]
    assert Ward.of(domain).planned("alice", ALWAYS) == []

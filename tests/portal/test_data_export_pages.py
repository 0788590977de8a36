"""Exports of measurements as a person meets them: the form and its buttons, its refusals, the words of pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app import administration, exports
from app.exports import DataExportParams, ReportParams, limits
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import Export, Metric, begin_writing
from app.models.user import Membership
from app.portal.data_export_form import TOKENS
from app.portal.data_export_words import held_words, rough_count
from tests.conftest import csrf_token
from tests.factories import World
from tests.portal.test_export_pages import chosen, text_of, value_of

SignedIn = Callable[[str], FlaskClient]
NEW = "/exports/measurements/new"
PREVIEW = "/exports/measurements/preview"
MARCH = datetime(2024, 3, 1, tzinfo=UTC)
COMPLETE = {
    "start": "2024-03-01T00:00",
    "end": "2024-04-01T00:00",
    "format": "csv",
    "timestamp_format": "ISO_8601",
    "file_name": "${thing.serialNumber}",
}
PARAMS = DataExportParams(MARCH, MARCH + timedelta(days=31))


@dataclass
class Ward:
    """Two glucometers of Northside that measured in March 2024, and one that did not."""

    first: UUID
    second: UUID
    idle: UUID
    metrics: dict[str, int]


def measure(world: World, metric_ids: list[int], count: int, **of: UUID) -> None:
    """So many values of each metric, ten minutes apart."""
    begin_writing()
    series_id = series_for(world.acme.id, **of).id
    db.session.commit()
    times = [int((MARCH + timedelta(minutes=10 * number)).timestamp() * 1000) for number in range(count)]
    for metric_id in metric_ids:
        load_measurements(world.acme.id, series_id, metric_id, times, [float(number) for number in range(count)])


@pytest.fixture
def ward(app: Flask, world: World) -> Ward:
    with app.app_context():
        found = db.session.execute(
            select(Metric.name, Metric.id).where(Metric.template_id == world.templates["device"].id)
        )
        metrics = {row.name: row.id for row in found}
        ids = [world.device(key=f"GLU-{name}", serial_number=f"SN-{name}").id for name in ("one", "two", "idle")]
        measure(world, [metrics["cd4"], metrics["cd8"]], 50, device_id=ids[0])
        measure(world, [metrics["cd4"]], 20, device_id=ids[1])
        return Ward(*ids, metrics)


def send(browser: FlaskClient, to: str = "/exports/measurements/", hx: bool = False, **changes: Any) -> TestResponse:
    """Send the form as the page that is open would; a field given as None is not sent."""
    page = browser.get(NEW).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    fields = COMPLETE | {"request_key": value_of(page, "request_key"), "csrf_token": token[1]} | changes
    return browser.post(
        to,
        data={name: value for name, value in fields.items() if value is not None},
        headers={"HX-Request": "true"} if hx else {},
    )


def hidden(page: str, name: str) -> list[str]:
    return re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)


def count(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Export)) or 0


def params_of(app: Flask, location: str) -> DataExportParams:
    with app.app_context():
        export = db.session.get_one(Export, UUID(location.rsplit("/", 1)[1]))
        assert export.kind == "data_export"
        return DataExportParams.from_json(export.params)


def ask(app: Flask, world: World, params: DataExportParams = PARAMS, **values: Any) -> UUID:
    """An export of alice's in the state that the values describe."""
    with app.app_context():
        export = exports.request_export(world.actor("alice"), "data_export", params, request_key=str(uuid4()))
        begin_writing()
        export = db.session.get_one(Export, export.id)
        for name, value in values.items():
            setattr(export, name, value)
        db.session.commit()
        return export.id


# The form


def test_the_form_offers_each_template_s_metrics_with_units_and_how_much_there_is(
    ward: Ward, signed_in: SignedIn
) -> None:
    page = signed_in("alice").get(NEW)
    assert page.status_code == 200
    words = text_of(page)
    assert "Glucometer 3 devices" in words
    assert "CD4 cells/µL 70 values, 1 Mar 2024" in words
    assert "CD8 cells/µL 50 values, 1 Mar 2024" in words
    assert "There is a problem" not in words
    # Few metrics need no filter.
    assert "Find a metric" not in words
    assert "Patient" not in words[words.index("Which measurements") : words.index("Which period")]


def test_an_open_form_stands_on_everything_there_is_and_shows_at_once_what_that_means(
    ward: Ward, signed_in: SignedIn
) -> None:
    page = signed_in("alice").get(NEW).text
    assert (value_of(page, "start"), value_of(page, "end")) == ("2024-03-01T00:00", "2024-03-02T00:00")
    words = text_of(page)
    assert "120 values of 2 devices, about" in words.replace(" ,", ",")
    assert "1 more device measured nothing in this period and is left out." in words
    assert "First rows of SN-one.csv" in words
    assert "2024-03-01T00:10:00.000Z 1" in words
    assert "2 files SN-one.csv SN-two.csv" in words
    kept = text_of(send(signed_in("alice"), PREVIEW, hx=True))
    assert "1 more device measured nothing in this period: its file holds the header alone." in kept
    assert "3 files SN-idle.csv SN-one.csv SN-two.csv" in kept


def test_nothing_ticked_is_never_taken_for_everything_without_saying_so(
    app: Flask, ward: Ward, signed_in: SignedIn
) -> None:
    browser, cd4 = signed_in("alice"), str(ward.metrics["cd4"])
    assert chosen(browser.get(NEW).text, "which_metrics") == ["every"]
    assert "Every metric of these devices." in text_of(send(browser, PREVIEW, hx=True, which_metrics="every"))
    none = send(browser, which_metrics="ticked")
    assert none.status_code == 422
    assert "No metric is ticked. Tick those that you want, or choose every metric." in text_of(none)
    assert chosen(none.text, "which_metrics") == ["ticked"]
    both = send(browser, which_metrics="every", metric_ids=[cd4])
    assert both.status_code == 422
    assert "Some metrics are ticked, but every metric is chosen." in text_of(both)
    assert chosen(both.text, "metric_ids") == [cd4]
    assert count(app) == 0
    assert params_of(app, send(browser, which_metrics="ticked", metric_ids=[cd4]).location).metric_ids == (int(cd4),)
    assert params_of(app, send(browser, which_metrics="every").location).metric_ids == ()


def test_devices_without_values_are_left_out_unless_somebody_wants_them(
    app: Flask, ward: Ward, signed_in: SignedIn
) -> None:
    browser = signed_in("alice")
    assert chosen(browser.get(NEW).text, "without_empty_devices") == ["1"]
    answer = send(browser, without_empty_devices="1")
    assert params_of(app, answer.location).without_empty_devices
    with app.app_context():
        exports.work_until_idle("test")
    shown = text_of(browser.get(answer.location))
    assert "No request is shown for time series." in shown
    assert "Devices without values Left out" in shown
    assert "SN-idle" not in shown
    assert not params_of(app, send(browser).location).without_empty_devices


def test_an_export_that_would_have_no_file_is_refused_and_one_of_headers_is_called_hollow(
    app: Flask, ward: Ward, signed_in: SignedIn
) -> None:
    browser, early = signed_in("alice"), {"start": "2020-01-01T00:00", "end": "2020-02-01T00:00"}
    refused = send(browser, without_empty_devices="1", **early)
    assert refused.status_code == 422
    assert "No device of these holds a value in this period, so no file would be left." in text_of(refused)
    assert count(app) == 0
    hollow = send(browser, **early)
    with app.app_context():
        exports.work_until_idle("test")
    page = browser.get(hollow.location)
    assert "This export holds nothing." in text_of(page)
    assert "The export is ready, but it holds nothing." in text_of(page)
    assert "0 values" in text_of(page)


def test_a_name_that_is_made_safe_is_told_under_its_field(ward: Ward, signed_in: SignedIn) -> None:
    browser, words = signed_in("alice"), "Signs that are not safe in every file’s name"
    assert words not in text_of(browser.get(NEW))
    for mask in ("ward 3/${thing.id}", "a:b", "..${thing.id}", "con", "x" * 300, "name."):
        part = send(browser, PREVIEW, hx=True, file_name=mask)
        assert words in text_of(part), mask
        assert 'id="file-names-renamed" role="status" hx-swap-oob="true"' in part.text
    assert words not in text_of(send(browser, PREVIEW, hx=True, file_name="ward-${thing.name} ü"))


def test_of_many_files_the_first_are_listed_and_the_rest_stand_folded(
    app: Flask, ward: Ward, signed_in: SignedIn, world: World
) -> None:
    with app.app_context():
        for number in range(25):
            world.device(key=f"Z-{number:02}", serial_number=f"ZZ-{number:02}")
    made = ask(app, world)
    with app.app_context():
        exports.work_until_idle("test")
    page = signed_in("alice").get(f"/exports/{made}").text
    open_, folded = page.split('<details class="more-files">')
    assert open_.count(".csv</a>") == 20
    assert folded.split("</details>")[0].count(".csv</a>") == 8
    assert "Show the other 8 files" in text_of(page)


def test_an_address_fills_the_form_in(ward: Ward, signed_in: SignedIn, world: World) -> None:
    asked = {
        "device": [str(ward.second), str(ward.first)], "metric": str(ward.metrics["cd8"]), "start": "2024-03-01T00:30",
        "format": "parquet", "include_unit": "1", "timestamp_format": "EPOCH_MILLIS", "hash_file_name": "1",
        "for_spreadsheets": "0", "file_name": "${thing.name}", "organization": str(world.northside.id),
    }  # fmt: skip
    page = signed_in("alice").get(NEW, query_string=asked).text
    assert hidden(page, "device_ids") == [str(ward.second), str(ward.first)]
    assert chosen(page, "metric_ids") == [str(ward.metrics["cd8"])]
    # The end that was not said is the end of what there is.
    assert (value_of(page, "start"), value_of(page, "end")) == ("2024-03-01T00:30", "2024-03-02T00:00")
    assert (chosen(page, "format"), chosen(page, "timestamp_format")) == (["parquet"], ["EPOCH_MILLIS"])
    assert chosen(page, "include_unit") == chosen(page, "hash_file_name") == ["1"]
    assert chosen(page, "for_spreadsheets") == []
    assert 'name="file_name" value="${thing.name}"' in page
    assert f'<option value="{world.northside.id}" selected>' in page


@pytest.mark.parametrize("unknown", ["{foreign}", "{other}", "{nobody}", "nonsense"])
def test_devices_of_others_in_the_form_s_address_are_not_found(
    app: Flask, world: World, signed_in: SignedIn, unknown: str
) -> None:
    with app.app_context():
        foreign, other = world.device(world.foreign).id, world.device(world.riverside).id
    device = unknown.format(foreign=foreign, other=other, nobody=uuid4())
    browser = signed_in("alice")
    assert browser.get(f"{NEW}?device={device}").status_code == 404
    assert browser.get(f"{NEW}?again={device}").status_code == 404


def test_where_there_is_no_device_the_form_says_what_is_missing(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        administration.set_exports_enabled(world.borealis.id, True)
    words = text_of(signed_in("boris").get(NEW))
    assert "There are no devices yet." in words
    assert "No devices. The archive would hold no files" in words


def test_a_place_without_the_chosen_device_says_that_nothing_is_there(
    ward: Ward, signed_in: SignedIn, world: World
) -> None:
    asked = {"device": str(ward.first), "organization": str(world.riverside.id)}
    words = text_of(signed_in("ann").get(NEW, query_string=asked))
    assert "No device is there." in words
    assert "No devices. The archive would hold no files" in words


def test_devices_whose_template_names_no_metric_say_so(app: Flask, world: World, signed_in: SignedIn) -> None:
    with app.app_context():
        bare = administration.create_template(world.acme.id, "device", "bare", "Bare box", [])
        world.templates["bare"] = bare
        device = world.entity("bare", None, {}, key="BARE-1").id
        del world.templates["bare"]
    words = text_of(signed_in("alice").get(f"{NEW}?device={device}"))
    assert "These devices have no metrics." in words


# Buttons that change the form, with script or without


@pytest.mark.parametrize(
    ("preset", "start", "end"),
    [
        ("24-hours", "2024-05-09T10:20", "2024-05-10T10:21"),
        ("7-days", "2024-05-03T10:20", "2024-05-10T10:21"),
        ("30-days", "2024-04-10T10:20", "2024-05-10T10:21"),
        ("year", "2024-01-01T00:00", "2024-05-10T10:21"),
        ("everything", "2024-03-01T00:00", "2024-03-02T00:00"),
        ("nonsense", "2024-03-01T00:00", "2024-04-01T00:00"),
    ],
)
def test_a_preset_fills_in_the_period_and_keeps_what_was_typed(
    ward: Ward, signed_in: SignedIn, turn: Callable[[datetime], None], preset: str, start: str, end: str
) -> None:
    browser = signed_in("alice")
    turn(datetime(2024, 5, 10, 10, 20, 30, tzinfo=UTC))
    answer = send(browser, PREVIEW, preset=preset, include_unit="1", file_name="mine")
    assert answer.status_code == 200
    page = answer.text
    assert (value_of(page, "start"), value_of(page, "end")) == (start, end)
    assert chosen(page, "include_unit") == ["1"]
    assert 'name="file_name" value="mine"' in page
    assert "There is a problem" not in page


def test_a_device_is_found_added_and_removed_by_buttons_of_the_form(ward: Ward, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    found = send(browser, PREVIEW, find="1", device_search="SN-tw")
    assert f'name="add_device" value="{ward.second}"' in found.text
    assert str(ward.first) not in found.text
    added = send(browser, PREVIEW, add_device=str(ward.second), device_search="SN-tw").text
    assert hidden(added, "device_ids") == [str(ward.second)]
    assert f'name="add_device" value="{ward.second}"' not in added
    assert "No other device is found by “SN-tw”." in text_of(added)
    assert "20 values of 1 device," in text_of(added).replace(" ,", ",")
    both = [str(ward.first), str(ward.second)]
    one = send(browser, PREVIEW, remove_device=str(ward.first), device_ids=both).text
    assert hidden(one, "device_ids") == [str(ward.second)]
    assert hidden(send(browser, PREVIEW, remove_devices="1", device_ids=both).text, "device_ids") == []


def test_the_search_finds_no_devices_of_others_nor_of_another_organization(
    app: Flask, world: World, ward: Ward, signed_in: SignedIn
) -> None:
    with app.app_context():
        other = world.device(world.riverside, key="GLU-far", serial_number="SN-far").id
        foreign = world.device(world.foreign, key="GLU-foreign", serial_number="SN-foreign").id
    unseen = send(signed_in("alice"), PREVIEW, find="1", device_search="SN")
    assert str(other) not in unseen.text
    assert str(ward.first) in unseen.text
    everywhere = send(signed_in("ann"), PREVIEW, find="1", device_search="SN").text
    assert f'value="{other}"' in everywhere
    assert str(foreign) not in everywhere
    there = send(signed_in("ann"), PREVIEW, find="1", device_search="SN", organization_id=str(world.riverside.id)).text
    assert f'value="{other}"' in there
    assert str(ward.first) not in there


def test_all_or_none_of_a_template_are_ticked_by_a_button(ward: Ward, signed_in: SignedIn, world: World) -> None:
    browser, template = signed_in("alice"), str(world.templates["device"].id)
    page = send(browser, PREVIEW, tick=template).text
    assert sorted(chosen(page, "metric_ids")) == sorted(map(str, ward.metrics.values()))
    without = send(browser, PREVIEW, untick=template, metric_ids=chosen(page, "metric_ids"))
    assert chosen(without.text, "metric_ids") == []
    assert chosen(send(browser, PREVIEW, tick=str(uuid4())).text, "metric_ids") == []


def test_a_metric_that_is_ticked_but_not_offered_any_more_stays_ticked_and_is_named(
    app: Flask, ward: Ward, signed_in: SignedIn, world: World
) -> None:
    with app.app_context():
        spec = [administration.MetricSpec(name="flow", label="Flow", unit="l/min")]
        world.templates["pump"] = administration.create_template(
            world.acme.id, "device", "pump", "Pump", [], metrics=spec
        )
        pump = world.entity("pump", None, {}, key="PUMP-1").id
        del world.templates["pump"]
    page = signed_in("alice").get(f"{NEW}?device={pump}&metric={ward.metrics['cd4']}")
    assert chosen(page.text, "metric_ids") == [str(ward.metrics["cd4"])]
    assert "Ticked, but not measured here CD4 cells/µL not measured by these devices" in text_of(page)


def test_the_enter_key_presses_a_button_that_looks_and_none_that_launches(ward: Ward, signed_in: SignedIn) -> None:
    page = signed_in("alice").get(NEW).text
    form = page[page.index('id="export-form"') :]
    submits = re.findall(r'<button[^>]*type="submit"[^>]*>', form[: form.index("</form>")])
    assert 'name="find"' in submits[0]
    assert f'formaction="{PREVIEW}' in submits[0]
    # Only the last one sends the form to where it asks for the export.
    assert ["formaction" in button for button in submits] == [True] * (len(submits) - 1) + [False]


def test_fields_come_in_the_order_in_which_they_are_read(ward: Ward, signed_in: SignedIn) -> None:
    page = signed_in("ann").get(NEW).text
    names = re.findall(r'<(?:input|select|button)[^>]*\bname="([a-z_]+)"', page[page.index('id="export-form"') :])
    wanted = ["organization_id", "device_search", "metric_ids", "preset", "start", "end", "format", "for_spreadsheets",
              "include_unit", "timestamp_format", "file_name", "hash_file_name"]  # fmt: skip
    assert [name for name in dict.fromkeys(names) if name in wanted] == wanted
    assert 'tabindex="1' not in page


# The preview


def test_a_script_gets_the_preview_alone_and_the_metrics_too_when_the_scope_changed(
    ward: Ward, signed_in: SignedIn
) -> None:
    browser = signed_in("alice")
    scope = value_of(browser.get(NEW).text, "offered_for")
    same = send(browser, PREVIEW, hx=True, offered_for=scope)
    assert same.status_code == 200
    assert "<html" not in same.text
    assert "metric-choice" not in same.text
    assert "120 values of 2 devices" in text_of(same)
    narrowed = send(browser, PREVIEW, hx=True, offered_for=scope, device_ids=[str(ward.second)])
    assert 'id="metric-choice" hx-swap-oob="true"' in narrowed.text
    assert "CD8 cells/µL no values yet" in text_of(narrowed)
    whole = send(browser, PREVIEW)
    assert "<html" in whole.text
    assert "120 values of 2 devices" in text_of(whole)


def test_the_preview_shows_rows_as_they_would_be_written(ward: Ward, signed_in: SignedIn) -> None:
    part = send(
        signed_in("alice"), PREVIEW, hx=True, device_ids=[str(ward.first)], include_unit="1",
        timestamp_format="EPOCH_MILLIS", metric_ids=[str(ward.metrics["cd8"])],
    )  # fmt: skip
    words = text_of(part)
    assert "timestamp cd8 [cells/µL]" in words.replace("CD8", "cd8")
    assert "1709251200000 0" in words
    assert 'class="number"' in part.text


def test_a_preview_of_a_period_in_which_nothing_was_measured_says_so(ward: Ward, signed_in: SignedIn) -> None:
    words = text_of(send(signed_in("alice"), PREVIEW, hx=True, start="1999-01-01T00:00", end="1999-02-01T00:00"))
    assert "0 values of 3 devices" in words
    assert "Nothing was measured in this period. Each file would hold its header alone" in words


def test_a_preview_that_cannot_be_made_says_why_to_a_script_and_beside_the_field_without_one(
    ward: Ward, signed_in: SignedIn
) -> None:
    wrong = {"start": "2024-05-01T00:00", "end": "2024-04-01T00:00"}
    part = send(signed_in("alice"), PREVIEW, hx=True, **wrong)
    assert part.status_code == 200
    assert '<a href="#f-end">The end of the period must be after its beginning.</a>' in part.text
    whole = send(signed_in("alice"), PREVIEW, **wrong)
    assert whole.status_code == 422
    assert 'id="f-end-error"' in whole.text


@pytest.mark.parametrize("hx", [True, False])
def test_what_is_too_much_to_preview_says_so_and_can_be_launched(
    app: Flask, ward: Ward, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, hx: bool
) -> None:
    browser, words = signed_in("alice"), "This is too much to preview. You can still launch the export."
    ticked = str(ward.metrics["cd4"])
    monkeypatch.setattr(limits, "PREVIEW_SECONDS", 0)
    opened = text_of(browser.get(NEW))
    assert words in opened
    assert "The metrics are not listed." in opened
    assert "There are no devices yet" not in opened
    part = send(browser, PREVIEW, hx=hx, metric_ids=[ticked], offered_for="another scope")
    assert part.status_code == 200
    assert words in text_of(part)
    assert "Ticked CD4 cells/µL not counted" in text_of(part)
    assert f'value="{ticked}" checked' in part.text
    answer = send(browser, metric_ids=[ticked])
    assert answer.status_code == 303
    assert params_of(app, answer.location).metric_ids == (ward.metrics["cd4"],)


# Launching and its refusals


def test_launching_leads_to_a_page_that_says_what_was_asked_for(
    app: Flask, ward: Ward, signed_in: SignedIn, world: World
) -> None:
    browser = signed_in("alice")
    answer = send(
        browser, device_ids=[str(ward.first)], metric_ids=[str(ward.metrics["cd4"])], include_unit="1",
        for_spreadsheets="1", file_name="${thing.name}-x", hash_file_name="1", timestamp_format="EPOCH_MILLIS",
        organization_id=str(world.northside.id),
    )  # fmt: skip
    assert answer.status_code == 303
    params = params_of(app, answer.location)
    assert params == DataExportParams(
        MARCH, datetime(2024, 4, 1, tzinfo=UTC), organization_id=world.northside.id, device_ids=(ward.first,),
        metric_ids=(ward.metrics["cd4"],), file_name="${thing.name}-x", hash_file_name=True, include_unit=True,
        timestamp_format="EPOCH_MILLIS", for_spreadsheets=True,
    )  # fmt: skip
    page = browser.get(answer.location)
    words = text_of(page)
    assert re.search(r"Measurements of [^ ]*GLU-one|Measurements of SN-one", words)
    assert f'href="/entities/device/{ward.first}"' in page.text
    assert "Metrics CD4" in words
    assert "Organization Northside Clinic" in words
    assert "Measured from 1 Mar 2024, 00:00 UTC until before 1 Apr 2024, 00:00 UTC" in words
    assert "Format CSV, made safe for spreadsheets, times as epoch milliseconds, units in the header" in words
    assert "File names ${thing.name}-x, as its MD5 sum" in words
    assert f'href="{NEW}?again={answer.location.rsplit("/", 1)[1]}"' in page.text


def test_spreadsheet_safety_means_nothing_for_parquet(app: Flask, ward: Ward, signed_in: SignedIn) -> None:
    answer = send(signed_in("alice"), format="parquet", for_spreadsheets="1")
    assert params_of(app, answer.location).for_spreadsheets is False


def test_a_double_click_launches_once_but_a_changed_form_is_another_request(
    app: Flask, ward: Ward, signed_in: SignedIn
) -> None:
    browser, key = signed_in("alice"), str(uuid4())
    first = send(browser, request_key=key)
    assert send(browser, request_key=key).location == first.location
    assert count(app) == 1
    assert send(browser, request_key=key, include_unit="1").location != first.location
    assert count(app) == 2


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"start": ""}, "start", "Say from when."),
    ({"end": ""}, "end", "Say until when."),
    ({"start": None, "end": None}, "start", "Say from when."),
    ({"start": "the day before yesterday"}, "start", "Enter a date and a time"),
    ({"end": "0001-01-01T00:00+14:00"}, "end", "Enter a date and a time"),
    ({"end": "2024-03-01T00:00"}, "end", "must be after its beginning"),
    ({"end": "2023-03-01T00:00"}, "end", "must be after its beginning"),
    ({"format": "xlsx"}, "format", "Choose CSV or Parquet."),
    ({"format": None}, "format", "Choose CSV or Parquet."),
    ({"timestamp_format": "roman"}, "timestamp_format", "Choose ISO 8601"),
    ({"organization_id": "nonsense"}, "organization_id", "There is no such organization."),
    ({"organization_id": str(uuid4())}, "organization_id", "organization"),
    ({"location_id": "nonsense"}, "location_id", "There is no such location."),
    ({"location_id": str(uuid4())}, "location_id", "location"),
    ({"device_ids": ["nonsense"]}, "device_ids", "One of the devices does not exist."),
    ({"device_ids": [str(uuid4())]}, "device_ids", "device"),
    ({"device_ids": [str(uuid4()) for _ in range(1001)]}, "device_ids", "Choose at most 1,000 devices one by one."),
    ({"metric_ids": ["-1"]}, "metric_ids", "One of the metrics does not exist."),
    ({"metric_ids": ["9" * 40]}, "metric_ids", "One of the metrics does not exist."),
    ({"metric_ids": ["987654321"]}, "metric_ids", "metric"),
    ({"file_name": ""}, "file_name", "Say"),
    ({"file_name": "${thing.__class__}"}, "file_name", "${thing.__class__}"),
    ({"file_name": "a" * 501}, "file_name", "500"),
    ({"file_name": "${thing.id"}, "file_name", "not closed"),
]


@pytest.mark.parametrize(("changes", "name", "words"), FAULTS)
def test_each_refusal_stands_beside_its_field_and_above_the_form_and_asks_for_nothing(
    app: Flask, ward: Ward, signed_in: SignedIn, changes: dict[str, Any], name: str, words: str
) -> None:
    answer = send(signed_in("alice"), **changes)
    assert answer.status_code == 422
    assert f'href="#f-{name}"' in answer.text
    error = re.search(rf'<p class="field-error" id="f-{name}-error">(.*?)</p>', answer.text, re.DOTALL)
    assert error
    assert words in error[1]
    assert f'id="f-{name}"' in answer.text
    assert "<title>Error: Export measurements" in answer.text
    assert count(app) == 0


def test_every_fault_is_said_at_once(ward: Ward, signed_in: SignedIn) -> None:
    answer = send(signed_in("alice"), start="soon", format="xlsx", file_name="${nothing}", metric_ids=["x"])
    summary = answer.text[answer.text.index('class="error-summary"') :]
    named = re.findall(r'href="#f-([a-z_]+)"', summary[: summary.index("</div>")])
    assert sorted(named) == ["file_name", "format", "metric_ids", "start"]


def test_devices_and_metrics_of_others_are_refused_like_unknown_ones(
    app: Flask, world: World, ward: Ward, signed_in: SignedIn
) -> None:
    with app.app_context():
        foreign, other = world.device(world.foreign).id, world.device(world.riverside).id
        metric = db.session.scalar(
            select(Metric.id).where(Metric.template_id == world.foreign_templates["device"].id).limit(1)
        )
    browser = signed_in("alice")

    def faults(**changes: Any) -> tuple[int, list[str]]:
        answer = send(browser, **changes)
        return answer.status_code, re.findall(r'<p class="field-error"[^>]*>(.*?)</p>', answer.text)

    unknown_device, unknown_metric = faults(device_ids=[str(uuid4())]), faults(metric_ids=["987654321"])
    assert unknown_device[0] == unknown_metric[0] == 422
    assert faults(device_ids=[str(foreign)]) == faults(device_ids=[str(other)]) == unknown_device
    assert faults(metric_ids=[str(metric)]) == unknown_metric
    elsewhere = faults(organization_id=str(uuid4()))
    assert faults(organization_id=str(world.riverside.id)) == elsewhere
    assert faults(organization_id=str(world.foreign.id)) == elsewhere
    assert count(app) == 0


def test_a_refused_form_keeps_everything_that_was_typed(ward: Ward, signed_in: SignedIn) -> None:
    page = send(
        signed_in("alice"), device_ids=[str(ward.first)], metric_ids=[str(ward.metrics["cd8"])], start="last spring",
        format="parquet", include_unit="1", timestamp_format="EPOCH_MILLIS", file_name='"><b>1', hash_file_name="1",
    ).text  # fmt: skip
    assert hidden(page, "device_ids") == [str(ward.first)]
    assert chosen(page, "metric_ids") == [str(ward.metrics["cd8"])]
    assert value_of(page, "start") == "last spring"
    assert (chosen(page, "format"), chosen(page, "timestamp_format")) == (["parquet"], ["EPOCH_MILLIS"])
    assert chosen(page, "include_unit") == chosen(page, "hash_file_name") == ["1"]
    assert chosen(page, "for_spreadsheets") == []
    assert 'name="file_name" value="&#34;&gt;&lt;b&gt;1"' in page


@pytest.mark.parametrize("key", [None, "", "short", "x" * 99])
def test_a_form_without_its_key_is_given_one_to_send_again(
    app: Flask, ward: Ward, signed_in: SignedIn, key: str | None
) -> None:
    browser = signed_in("alice")
    page = send(browser, request_key=key)
    assert page.status_code == 422
    assert "The form was incomplete." in text_of(page)
    assert count(app) == 0
    assert send(browser, request_key=value_of(page.text, "request_key")).status_code == 303


def test_a_form_without_its_token_launches_nothing(app: Flask, ward: Ward, signed_in: SignedIn) -> None:
    assert send(signed_in("alice"), csrf_token=None).status_code == 400
    assert send(signed_in("alice"), PREVIEW, csrf_token=None).status_code == 400
    assert count(app) == 0


def test_when_too_many_wait_already_the_form_stays_and_can_be_sent_again_later(
    app: Flask, ward: Ward, signed_in: SignedIn, world: World
) -> None:
    for _ in range(20):
        ask(app, world)
    answer = send(signed_in("alice"), include_unit="1")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert "Too many exports are waiting already." in text_of(answer)
    assert chosen(answer.text, "include_unit") == ["1"]
    assert count(app) == 20


def test_who_lacks_the_permission_is_told_who_gives_it(app: Flask, signed_in: SignedIn, world: World) -> None:
    browser = signed_in("alice")
    token = csrf_token(browser, NEW)
    with app.app_context():
        begin_writing()
        for one in db.session.scalars(select(Membership).where(Membership.user_id == world.users["alice"].id)):
            db.session.delete(one)
        db.session.commit()
    data = COMPLETE | {"csrf_token": token, "request_key": str(uuid4())}
    answers = [browser.get(NEW), browser.post("/exports/measurements/", data=data), browser.post(PREVIEW, data=data)]
    for answer in answers:
        assert answer.status_code == 403
        assert "Your role does not let you export data." in text_of(answer)


def test_where_exports_are_switched_off_the_page_says_who_switches_them_on(
    app: Flask, signed_in: SignedIn, world: World
) -> None:
    answer = signed_in("boris").get(NEW)
    assert answer.status_code == 403
    assert "Exports are switched off where you work." in text_of(answer)
    browser = signed_in("alice")
    token = csrf_token(browser, NEW)
    with app.app_context():
        administration.set_exports_enabled(world.acme.id, False)
    data = COMPLETE | {"csrf_token": token, "request_key": str(uuid4())}
    for path in ("/exports/measurements/", PREVIEW):
        refused = browser.post(path, data=data)
        assert (refused.status_code, "switched off" in text_of(refused)) == (403, True)
        as_json = browser.post(path, data=data, headers={"Accept": "application/json"})
        assert as_json.get_json()["reason"] == "exports_disabled"
    assert count(app) == 0


@pytest.mark.parametrize("token", TOKENS)
def test_every_token_that_the_form_lists_is_one_that_a_file_name_can_hold(token: str) -> None:
    params = DataExportParams(MARCH, MARCH + timedelta(days=1), file_name=f"a-{token}")
    assert params.faults() == {}


def test_the_tokens_are_listed_plainly_for_who_has_no_script(ward: Ward, signed_in: SignedIn) -> None:
    page = signed_in("alice").get(NEW).text
    for token in TOKENS:
        assert f'<noscript><code class="mono">{token}</code></noscript>' in page


# Asking again, and the way here


def test_asking_again_fills_in_what_was_asked_for(app: Flask, ward: Ward, signed_in: SignedIn, world: World) -> None:
    params = DataExportParams(
        MARCH, datetime(2031, 5, 6, 7, 8, 9, 10_000, tzinfo=UTC), world.northside.id, None, (ward.first,),
        (ward.metrics["cd8"],), "${thing.name}", True, True, "EPOCH_MILLIS", "csv", False,
    )  # fmt: skip
    browser, export_id = signed_in("alice"), ask(app, world, params)
    page = browser.get(f"{NEW}?again={export_id}").text
    assert hidden(page, "device_ids") == [str(ward.first)]
    assert chosen(page, "metric_ids") == [str(ward.metrics["cd8"])]
    assert (value_of(page, "start"), value_of(page, "end")) == ("2024-03-01T00:00", "2031-05-06T07:08:09.010")
    assert chosen(page, "for_spreadsheets") == []
    assert chosen(page, "include_unit") == chosen(page, "hash_file_name") == ["1"]
    assert chosen(page, "timestamp_format") == ["EPOCH_MILLIS"]


def test_each_form_sends_on_to_the_other_what_is_the_other_s_to_ask_again(
    app: Flask, ward: Ward, signed_in: SignedIn, world: World
) -> None:
    browser, of_values = signed_in("alice"), ask(app, world)
    with app.app_context():
        params = ReportParams(("patient",), start=MARCH)
        report = exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4())).id
    assert browser.get(f"/exports/new?again={of_values}").location == f"{NEW}?again={of_values}"
    assert browser.get(f"{NEW}?again={report}").location == f"/exports/new?again={report}"


def test_both_forms_lead_to_one_another_and_say_which_one_this_is(ward: Ward, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    for path, other in ((NEW, "/exports/new"), ("/exports/new", NEW)):
        page = browser.get(path).text
        assert re.search(rf'<a class="kind" href="{path}" aria-current="page">', page)
        assert f'<a class="kind" href="{other}">' in page


def test_a_device_s_page_and_its_chart_lead_to_the_form_with_what_they_show(ward: Ward, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    assert (
        f'href="{NEW}?device={ward.first}">Export measurements</a>'
        in browser.get(f"/entities/device/{ward.first}").text
    )
    metric = ward.metrics["cd4"]
    chart = browser.get(
        f"/entities/device/{ward.first}/measurements?metric={metric}&from=2024-03-01T00:10&to=2024-03-01T01:00"
    ).text
    found = re.search(rf'href="({NEW}[^"]*)"', chart)
    assert found
    page = browser.get(found[1].replace("&amp;", "&")).text
    assert hidden(page, "device_ids") == [str(ward.first)]
    assert chosen(page, "metric_ids") == [str(metric)]
    # The chart's end belongs to it; the form's does not.
    assert (value_of(page, "start"), value_of(page, "end")) == ("2024-03-01T00:10", "2024-03-01T01:00:00.001")
    assert "6 values of 1 device" in text_of(page)


def test_a_patient_measured_by_devices_leads_to_those_devices_and_another_to_a_report_of_the_values(
    app: Flask, ward: Ward, signed_in: SignedIn, world: World
) -> None:
    with app.app_context():
        by_device, by_hand, never = (world.patient().id for _ in range(3))
        of_patient = list(
            db.session.scalars(select(Metric.id).where(Metric.template_id == world.templates["patient"].id))
        )
        measure(world, [ward.metrics["cd4"]], 5, device_id=ward.first, patient_id=by_device)
        measure(world, of_patient, 5, patient_id=by_hand)
    browser = signed_in("alice")
    assert f'href="{NEW}?device={ward.first}">' in browser.get(f"/entities/patient/{by_device}").text
    page = browser.get(f"/entities/patient/{by_hand}").text
    link = f"/exports/new?data_type=measurements&amp;entity_id={by_hand}&amp;period=any"
    assert f'href="{link}">Export measurements</a>' in page
    form = browser.get(link.replace("&amp;", "&")).text
    assert chosen(form, "data_types") == ["measurements"]
    assert chosen(form, "entity_ids") == [str(by_hand)]
    assert "Export measurements" not in text_of(browser.get(f"/entities/patient/{never}"))


# The list and the export's page


def test_the_list_says_of_each_export_what_it_holds(app: Flask, ward: Ward, signed_in: SignedIn, world: World) -> None:
    ask(app, world)
    some = DataExportParams(
        MARCH, MARCH + timedelta(days=1), device_ids=(ward.first, ward.second), metric_ids=(ward.metrics["cd4"],),
        format="parquet",
    )  # fmt: skip
    ask(app, world, some, state="building", promised_rows=5000)
    with app.app_context():
        patient = world.patient().id
        params = ReportParams(("patient", "device"), start=MARCH, entity_ids=(patient,), with_files=True, format="csv")
        exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4()))
    browser = signed_in("alice")
    for path in ("/exports/", "/"):
        words = text_of(browser.get(path))
        assert "Measurements of every device, 1 Mar 2024 to 1 Apr 2024, CSV" in words
        assert "Measurements of 2 devices, 1 metric, 1 Mar 2024 to 2 Mar 2024, Parquet" in words
        assert "Patients, Devices of 1 chosen record, CSV, with attached files" in words
    assert "5,000 values" in text_of(browser.get("/exports/"))


def test_progress_and_result_are_said_in_values(app: Flask, ward: Ward, signed_in: SignedIn, world: World) -> None:
    browser = signed_in("alice")
    building = ask(app, world, state="building", promised_rows=5000, done_rows=1234, part_count=4, done_parts=1)
    words = text_of(browser.get(f"/exports/{building}"))
    assert "1,234 of 5,000 values · 1 of 4 parts" in words
    assert "record" not in words
    status = browser.get(f"/exports/{building}/status", headers={"Accept": "application/json"}).get_json()
    assert status["values"] == {"done": 1234, "promised": 5000}
    made = ask(app, world)
    with app.app_context():
        exports.work_until_idle("test")
        params = ReportParams(("measurements",), start=MARCH)
        report = exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4())).id
        exports.work_until_idle("test")
    words = text_of(browser.get(f"/exports/{made}"))
    assert re.search(r"120 values, [\d.]+ k?B. It is kept until", words)
    holds = r"SN-idle \(GLU-idle\) 0 values .* SN-one.csv SN-one \(GLU-one\) 100 values .* \(GLU-two\) 20 values"
    assert re.search(rf"File Holds Size SN-idle.csv {holds}", words)
    assert "Values as they were" in words
    words = text_of(browser.get(f"/exports/{report}"))
    assert "Records of Measurements" not in words
    assert "120 values" in words
    assert "Measured from 1 Mar 2024" in words


def test_an_export_that_failed_says_how_to_ask_for_less_and_asks_again_in_its_own_form(
    app: Flask, ward: Ward, signed_in: SignedIn, world: World
) -> None:
    browser, failed = signed_in("alice"), ask(app, world, state="failed", reason="The disk was full.")
    page = browser.get(f"/exports/{failed}")
    assert "a shorter period, fewer devices" in text_of(page)
    assert f'id="export-action" href="{NEW}?again={failed}"' in page.text
    gone = browser.get(f"/exports/{failed}/archive")
    assert gone.status_code == 409
    assert f'href="{NEW}?again={failed}"' in gone.text


# Words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (99_999, "99,999"), (100_000, "100 thousand"), (999_400, "999 thousand"), (999_600, "1 million"),
     (1_234_567, "1.2 million"), (50_000_000, "50 million"), (999_999_999, "1 billion"),
     (2_500_000_000, "2.5 billion")],
)  # fmt: skip
def test_a_large_count_is_said_as_exactly_as_helps_to_choose(number: int, words: str) -> None:
    assert rough_count(number) == words


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (None, None, "no values yet"),
        ((2024, 3, 5), (2024, 3, 5), "7 values, 5 Mar 2024"),
        ((2024, 3, 5), (2024, 3, 9), "7 values, Mar 2024"),
        ((2024, 3, 5), (2024, 4, 9), "7 values, Mar 2024 – Apr 2024"),
        ((2024, 3, 5), (2024, 5, 9), "7 values, Mar 2024 – yesterday"),
        ((2024, 3, 5), (2024, 5, 10), "7 values, Mar 2024 – today"),
        ((2024, 5, 10), (2024, 5, 10), "7 values, today"),
    ],
)
def test_how_much_there_is_of_a_metric_is_said_with_its_months(
    first: tuple[int, int, int] | None, last: tuple[int, int, int] | None, words: str
) -> None:
    ends = [datetime(*day, tzinfo=UTC) if day else None for day in (first, last)]
    number = 7 if first else 0
    assert held_words(number, ends[0], ends[1], datetime(2024, 5, 10, 12, tzinfo=UTC)) == words

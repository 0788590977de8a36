"""The page of a chart, drawn by the server: what it draws, what it weighs, where its links lead; and the dictionary."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import administration
from app.administration import MetricSpec
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import Metric, begin_writing
from app.portal.chart_page import length_words
from app.portal.ticks import number_ticks, time_ticks
from tests.factories import World

NOON = 1_709_294_400_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SignIn = Callable[[str], FlaskClient]
LEADS = [
    *(MetricSpec(f"lead_{number}", f"Lead {number}", unit="mV") for number in range(1, 12)),
    MetricSpec("worn", "Worn", kind="boolean", part="strap", description="=Whether the strap is closed.", normal_low=1),
]


@dataclass
class Recorder:
    """A device with twelve metrics, and how to give it values."""

    app: Flask
    tenant_id: UUID
    device: UUID
    organization: UUID
    series: int
    metrics: dict[str, int]

    def load(self, metric: str, times, values) -> None:
        with self.app.app_context():
            load_measurements(self.tenant_id, self.series, self.metrics[metric], times, values)
            db.session.remove()

    def url(self, query: str = "") -> str:
        return f"/entities/device/{self.device}/measurements{query}"


@pytest.fixture
def recorder(app: Flask, world: World) -> Iterator[Recorder]:
    with app.app_context():
        template = administration.create_template(world.acme.id, "device", "recorder", "Recorder", [], metrics=LEADS)
        world.templates["recorder"] = template
        device = world.entity("recorder", None, {}, key="REC-1").id
        metrics = dict(
            db.session.execute(select(Metric.name, Metric.id).where(Metric.template_id == template.id)).all()
        )
        begin_writing()
        series = series_for(world.acme.id, device_id=device).id
        db.session.commit()
        db.session.remove()
    yield Recorder(app, world.acme.id, device, world.northside.id, series, metrics)
    del world.templates["recorder"]


def lines_of(page: str) -> list[str]:
    return re.findall(r'<path class="line tone-\d+" d="([^"]+)"', page.split('class="plots')[1])


def link(page: str, words: str) -> str:
    found = re.search(rf'href="([^"]+)"[^>]*>{re.escape(words)}<', page)
    assert found, words
    return unescape(found.group(1))


def test_the_server_draws_the_chart_with_its_gap_its_band_and_its_words(recorder: Recorder, signed_in: SignIn) -> None:
    times = NOON + np.r_[0:600, 900:1_500] * MINUTE
    recorder.load("lead_1", times, np.round(np.sin(np.arange(1_200) / 40), 1))
    page = signed_in("alice").get(recorder.url()).text
    (line,) = lines_of(page)
    assert line.count("M") == 2
    assert page.count('class="band tone-1"') == 1
    assert 'aria-label="Lead 1: between -1 and 1 mV' in page
    assert "Each point is the mean of 5 minutes" in page
    assert page.count("1 Mar 2024") >= 2
    assert "<script" not in page.split('id="looking"')[1].split("</main>")[0]


def test_a_full_chart_of_dense_lines_weighs_less_than_200_kilobytes(recorder: Recorder, signed_in: SignIn) -> None:
    noise = np.random.default_rng(3).normal(0, 1, 20_000)
    for metric in recorder.metrics:
        recorder.load(metric, NOON + np.arange(20_000) * MINUTE, (noise > 0) * 1.0 if metric == "worn" else noise)
    chosen = ",".join(map(str, recorder.metrics.values()))
    answer = signed_in("alice").get(recorder.url(f"?metric={chosen}"), headers={"HX-Request": "true"})
    assert answer.text.count('class="plot"') == 12
    assert len(answer.data) < 200_000
    assert "<html" not in answer.text


def test_the_form_of_an_export_is_filled_in_with_what_is_seen(recorder: Recorder, signed_in: SignIn) -> None:
    recorder.load("lead_1", [NOON, NOON + DAY], [1.0, 2.0])
    recorder.load("lead_2", [NOON], [1.0])
    browser = signed_in("alice")
    metric = recorder.metrics["lead_1"]
    seen = browser.get(recorder.url(f"?metric={metric}&from=2024-03-01T12:00&to=2024-03-01T13:00")).text
    asked = parse_qs(urlsplit(link(seen, "Export what I see")).query)
    assert asked == {
        "device": [str(recorder.device)],
        "metric": [str(metric)],
        "start": ["2024-03-01T12:00"],
        "end": ["2024-03-01T13:00:00.001"],
    }
    form = browser.get(link(seen, "Export what I see")).text
    assert "1 value" in form.split('id="export-preview"')[1]
    place = browser.get(f"/entities/organization/{recorder.organization}/measurements?metric={metric}").text
    asked = parse_qs(urlsplit(link(place, "Export what I see")).query)
    assert asked == {
        "organization": [str(recorder.organization)],
        "metric": [str(metric)],
        "start": ["2024-03-01T12:00"],
        "end": ["2024-03-02T13:00"],
    }


def test_an_export_of_a_place_takes_what_its_devices_measured_and_says_what_it_leaves_out(
    app: Flask, world: World, recorder: Recorder, signed_in: SignIn
) -> None:
    recorder.load("lead_1", [NOON, NOON + DAY], [1.0, 2.0])
    with app.app_context():
        patient = world.patient(first_name="Ada").id
        begin_writing()
        series = series_for(world.acme.id, patient_id=patient).id
        db.session.commit()
        named = select(Metric.name, Metric.id).where(Metric.template_id == world.templates["patient"].id)
        cd4, cd8 = map(dict(db.session.execute(named).all()).get, ("cd4", "cd8"))
        for metric in (cd4, cd8):
            load_measurements(world.acme.id, series, metric, [NOON, NOON + 2 * DAY], [500.0, 600.0])
        db.session.remove()
    browser = signed_in("alice")
    lead = recorder.metrics["lead_1"]
    place = f"/entities/organization/{recorder.organization}/measurements"
    page = browser.get(f"{place}?metric={lead},{cd4}").text
    assert "leaves out what was recorded of patients alone: CD4." in page
    form = browser.get(link(page, "Export what I see")).text
    assert "2 values" in form.split('id="export-preview"')[1]
    assert "not there for you to see" not in form
    alone = browser.get(f"{place}?metric={cd4}").text
    assert "Export what I see" not in alone
    assert browser.get(link(alone, "A report of measurements")).status_code == 200
    # A record without devices has a report, which knows no metrics.
    own = browser.get(f"/entities/patient/{patient}/measurements?metric={cd4}").text
    assert "all metrics of this record in this period" in own
    report = browser.get(link(own, "Export what I see")).text
    assert "A report holds all metrics of the chosen record in this period: 4 values." in report
    assert "Measured in this period" in report
    assert "Created in this period" not in report


def test_a_preset_lives_in_the_address_and_ends_now(
    recorder: Recorder, signed_in: SignIn, turn: Callable[[datetime], None]
) -> None:
    recorder.load("lead_1", [NOON, NOON + 40 * DAY], [1.0, 2.0])
    browser = signed_in("alice")
    url = link(browser.get(recorder.url()).text, "30 days")
    assert "period=30-days" in url
    turn(datetime(2024, 4, 12, tzinfo=UTC))
    page = browser.get(url).text
    assert '<span class="quiet">mV</span>' in page
    assert "1 value" in page
    assert re.search(r'aria-current="true">30 days<', page)


def test_an_empty_period_says_when_there_are_values_and_leads_there(recorder: Recorder, signed_in: SignIn) -> None:
    recorder.load("lead_1", [NOON, NOON + DAY], [1.0, 2.0])
    browser = signed_in("alice")
    page = browser.get(recorder.url("?period=24-hours")).text
    assert "No values in this period" in page
    assert "There are values from 1 Mar 2024 until 2 Mar 2024." in page
    newest = browser.get(link(page, "Show the newest")).text
    assert "1 value" in newest
    assert "No values in this period" not in newest


def test_links_move_through_time_and_end_where_nothing_is(recorder: Recorder, signed_in: SignIn) -> None:
    recorder.load("lead_1", NOON + np.arange(10) * HOUR, np.arange(10.0))
    browser = signed_in("alice")
    page = browser.get(recorder.url()).text
    assert not re.search(r"<a[^>]*>Earlier<", page)
    closer = browser.get(link(page, "Closer")).text
    assert ">Earlier</a>" in closer
    wide = closer
    for _ in range(2):
        wide = browser.get(link(wide, "Wider")).text
    assert not re.search(r"<a[^>]*>Wider<", wide)
    stacked = browser.get(recorder.url(f"?metric={recorder.metrics['lead_1']}&layout=sideways"))
    assert stacked.status_code == 400
    assert "A chart is overlaid or stacked." in stacked.text


def test_a_yes_or_no_is_drawn_in_steps(recorder: Recorder, signed_in: SignIn) -> None:
    recorder.load("worn", NOON + np.arange(4) * HOUR, [0.0, 1.0, 1.0, 0.0])
    (line,) = lines_of(page := signed_in("alice").get(recorder.url()).text)
    assert re.fullmatch(r"M[\d.,]+(H[\d.]+V[\d.]+){3}", line)
    assert ">Yes</text>" in page


def test_walls_stand_before_charts_of_places(recorder: Recorder, signed_in: SignIn) -> None:
    url = f"/entities/organization/{recorder.organization}/measurements"
    assert signed_in("rita").get(url).status_code == 404
    assert signed_in("boris").get(url).status_code == 404
    assert signed_in("ann").get(url).status_code == 200


def test_the_dictionary_says_what_is_measured_and_how_much(recorder: Recorder, signed_in: SignIn) -> None:
    recorder.load("lead_1", [NOON, NOON + DAY], [1.0, 2.0])
    page = signed_in("alice").get("/measurements/?q=recorder").text
    assert "12 of 16 metrics" in page
    assert "2 values, 1 Mar 2024 to 2 Mar 2024" in page
    assert page.count("no values yet") == 11
    assert "=Whether the strap is closed." in page
    chart = signed_in("alice").get(link(page, "Lead 1"))
    assert "Measurements of Organization Northside Clinic" in chart.text
    assert "No metric is found by" in signed_in("alice").get("/measurements/?q=nothing").text


def test_the_dictionary_is_downloaded_as_csv_and_json_with_the_words_of_archives(
    recorder: Recorder, signed_in: SignIn
) -> None:
    recorder.load("worn", [NOON], [1.0])
    browser = signed_in("alice")
    answer = browser.get("/measurements/dictionary.csv?q=strap")
    assert answer.headers["Content-Disposition"] == "attachment; filename=data-dictionary.csv"
    (row,) = csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))
    assert row["description"] == "'=Whether the strap is closed."
    assert (row["name"], row["type"], row["values"], row["firstDay"]) == ("worn", "boolean", "1", "2024-03-01")
    (told,) = json.loads(browser.get("/measurements/dictionary.json?q=strap").data)["metrics"]
    assert told["words"] == "Metric worn; part strap; 1 is yes, 0 is no; =Whether the strap is closed."
    assert (told["unit"], told["normalLow"], told["values"]) == (None, 1.0, 1)
    theirs = json.loads(signed_in("boris").get("/measurements/dictionary.json").data)["metrics"]
    assert "worn" not in {one["name"] for one in theirs}


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (50, ["12:00:00.000", "12:00:00.010"]),
        (2 * MINUTE, ["12:00:00", "12:00:15"]),
        (10 * HOUR, ["12:00", "14:00"]),
        (6 * DAY, ["2 Mar", "3 Mar"]),
        (40 * DAY, ["4 Mar", "11 Mar"]),
        (300 * DAY, ["May", "Jul"]),
        (4_000 * DAY, ["2026", "2028"]),
    ],
)
def test_times_are_marked_where_people_count(span: int, labels: list[str]) -> None:
    ticks = time_ticks(NOON, NOON + span)
    assert [tick.label for tick in ticks[:2]] == labels
    assert 3 <= len(ticks) <= 9
    assert all(NOON <= tick.at_ms <= NOON + span for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (324.5, 600.0, [300, 400, 500, 600]),
        (5.0, 5.0, [4.4, 4.6, 4.8, 5.0, 5.2, 5.4, 5.6]),
        (-3e-7, 2e-7, [-3e-7, -2e-7, -1e-7, 0, 1e-7, 2e-7]),
    ],
)
def test_values_are_marked_at_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert number_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("length", "words"), [(500, "500 ms"), (15 * MINUTE, "15 minutes"), (HOUR, "1 hour"), (7 * DAY, "7 days")]
)
def test_a_stretch_is_told_in_words(length: int, words: str) -> None:
    assert length_words(length) == words

"""Measurements on pages: the chart's JSON, the table of values, the cards, and their walls."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID, uuid4

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import Metric, begin_writing
from app.portal import measured
from tests.factories import World

NOON = 1_709_294_400_000
DAY = 86_400_000
SignIn = Callable[[str], FlaskClient]


class Measured:
    """A patient of Northside with three visits' CD4 and CD8, and one without any value."""

    def __init__(self, world: World) -> None:
        self.id: UUID = world.patient(last_name="Measured").id
        self.empty_id: UUID = world.patient(last_name="Empty").id
        self.tenant_id = world.acme.id
        of_template = select(Metric.name, Metric.id).where(Metric.template_id == world.templates["patient"].id)
        self.metrics: dict[str, int] = dict(db.session.execute(of_template).all())
        begin_writing()
        self.series_id = series_for(self.tenant_id, patient_id=self.id).id
        db.session.commit()
        times = [NOON, NOON + 180 * DAY, NOON + 700 * DAY + 250]
        self.load("cd4", times, [422.0, 600.0, 324.5])
        self.load("cd8", times, [566.0, 324.0, 1980.0])

    def load(self, metric: str, times, values) -> None:
        load_measurements(self.tenant_id, self.series_id, self.metrics[metric], times, values)

    @property
    def url(self) -> str:
        return f"/entities/patient/{self.id}"


@pytest.fixture
def patient(app: Flask, world: World) -> Measured:
    with app.app_context():
        made = Measured(world)
        db.session.remove()
    return made


def test_the_chart_comes_as_the_script_wants_it(patient: Measured, signed_in: SignIn) -> None:
    answer = signed_in("alice").get(f"{patient.url}/chart")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "title": "CD4 and CD8",
        "unit": "cells/µL",
        "series": [
            {"label": "CD4", "unit": "cells/µL", "normal": [500.0, 1500.0]},
            {"label": "CD8", "unit": "cells/µL", "normal": None},
        ],
        "x": [NOON / 1000, (NOON + 180 * DAY) / 1000, (NOON + 700 * DAY + 250) / 1000],
        "y": [[422.0, 600.0, 324.5], [566.0, 324.0, 1980.0]],
        "resolution": "raw",
    }


def test_the_chart_can_be_narrowed_to_a_metric_and_a_range(patient: Measured, signed_in: SignIn) -> None:
    asked = f"{patient.url}/chart?metric={patient.metrics['cd8']}&from={NOON + 1}&to={NOON + 180 * DAY}"
    chart = signed_in("alice").get(asked).json
    assert [line["label"] for line in chart["series"]] == ["CD8"]
    assert (chart["x"], chart["y"]) == ([(NOON + 180 * DAY) / 1000], [[324.0]])


def test_a_line_without_a_value_at_a_time_says_null_there(app: Flask, patient: Measured, signed_in: SignIn) -> None:
    with app.app_context():
        patient.load("cd4", [NOON + DAY], [450.0])
    chart = signed_in("alice").get(f"{patient.url}/chart").json
    assert chart["y"][1] == [566.0, None, 324.0, 1980.0]


def test_means_come_with_their_bounds(app: Flask, patient: Measured, signed_in: SignIn) -> None:
    with app.app_context():
        patient.load("cd4", NOON + np.arange(1, 5_001) * 3_600_000, np.arange(5_000.0))
    chart = signed_in("alice").get(f"{patient.url}/chart?metric={patient.metrics['cd4']}").json
    assert chart["resolution"] == "day"
    low, mean, high = (np.array(chart[name][0]) for name in ("low", "y", "high"))
    assert np.all(low <= mean)
    assert np.all(mean <= high)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("metric=none", "Choose a metric from the list."),
        ("metric=-1", "Choose a metric from the list."),
        ("metric=999999", "This record has no values of that metric."),
        ("metric=" + ",".join(["1"] * 500), "Choose a metric from the list."),
        ("from=yesterday", "Enter a date and a time, such as 2024-03-11 14:05."),
        ("to=²", "Enter a date and a time, such as 2024-03-11 14:05."),
        ("from=99999999999999999999", "Enter a date and a time, such as 2024-03-11 14:05."),
        ("from=999999999999999", "The time must lie in the years 1900 to 2199."),
        ("from=0001-01-01T00:00%2B23:00", "The time must lie in the years 1900 to 2199."),
        (f"from={NOON + 1}&to={NOON}", "The end must not be before the beginning."),
        ("order=sideways", "Values are ordered asc or desc."),
    ],
)
def test_what_the_chart_cannot_read_is_answered_in_words(
    patient: Measured, signed_in: SignIn, asked: str, words: str
) -> None:
    browser = signed_in("alice")
    answer = browser.get(f"{patient.url}/chart?{asked}")
    assert (answer.status_code, answer.json) == (400, {"error": words})
    page = browser.get(f"{patient.url}/measurements?{asked}")
    assert page.status_code == 400
    assert words in page.text


@pytest.mark.parametrize("page", ["chart", "measurements"])
def test_walls_stand_before_measurements(patient: Measured, signed_in: SignIn, page: str) -> None:
    unknown = signed_in("alice").get(f"/entities/patient/{uuid4()}/{page}")
    assert unknown.status_code == 404
    for stranger in ("rita", "boris"):
        foreign = signed_in(stranger).get(f"{patient.url}/{page}")
        assert foreign.status_code == 404
        assert "Measured" not in foreign.text
    assert signed_in("alice").get(f"/entities/device/{patient.id}/{page}").status_code == 404
    for insider in ("adam", "ann", "max"):
        assert signed_in(insider).get(f"{patient.url}/{page}").status_code == 200


def test_a_stranger_is_asked_to_sign_in(patient: Measured, client: FlaskClient) -> None:
    assert client.get(f"{patient.url}/measurements").status_code == 303
    asked = client.get(f"{patient.url}/chart", headers={"Accept": "application/json"})
    assert asked.status_code == 401


def rows_of(page: str) -> list[tuple[str, str]]:
    """(time, value) of each row of the table of values."""
    found = re.findall(r"<time [^>]*>([^<]+)</time></td>.*?data-label=\"Value\"><span>([^<]+)</span>", page, re.S)
    return [(time, " ".join(value.split())) for time, value in found]


def test_the_table_says_time_value_and_what_it_means(patient: Measured, signed_in: SignIn) -> None:
    page = signed_in("alice").get(f"{patient.url}/measurements?metric={patient.metrics['cd4']}").text
    assert rows_of(page) == [
        ("30 Jan 2026, 12:00:00.250 UTC", "324.5 cells/µL"),
        ("28 Aug 2024, 12:00:00 UTC", "600 cells/µL"),
        ("1 Mar 2024, 12:00:00 UTC", "422 cells/µL"),
    ]
    assert page.count("below normal") == 2
    assert 'aria-sort="descending"' in page


def test_the_table_turns_round_and_keeps_its_filters(patient: Measured, signed_in: SignIn) -> None:
    browser = signed_in("alice")
    asked = f"{patient.url}/measurements?metric={patient.metrics['cd4']}&from=2024-03-02T00:00"
    page = browser.get(asked).text
    turned = re.search(r'class="sort-link" href="([^"]+)"', page).group(1).replace("&amp;", "&")
    assert [value for _, value in rows_of(browser.get(turned).text)] == ["600 cells/µL", "324.5 cells/µL"]


def test_pages_of_values_are_walked_by_their_links(app: Flask, patient: Measured, signed_in: SignIn) -> None:
    with app.app_context():
        patient.load("cd4", NOON + 1 + np.arange(247), np.arange(247.0))
    browser = signed_in("alice")
    url: str | None = f"{patient.url}/measurements"
    seen, visited = [], 0
    while url:
        page = browser.get(url).text
        seen += rows_of(page)
        visited += 1
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = following.group(1).replace("&amp;", "&") if following else None
    assert (visited, len(seen), len(set(seen))) == (3, 253, 253)
    assert 'rel="prev"' in page


def test_an_empty_record_and_an_empty_period_say_so(patient: Measured, signed_in: SignIn) -> None:
    browser = signed_in("alice")
    assert "No measurements yet" in browser.get(f"/entities/patient/{patient.empty_id}/measurements").text
    page = browser.get(f"{patient.url}/measurements?from=2030-01-01T00:00").text
    assert "No values in this period" in page


def test_the_entity_page_has_a_card_that_needs_no_script(patient: Measured, signed_in: SignIn) -> None:
    page = signed_in("alice").get(patient.url).text
    assert "CD4 and CD8" in page
    assert 'aria-label="CD4, 1 Mar 2024 to 30 Jan 2026: between 324.5 and 600 cells/µL, last 324.5 cells/µL"' in page
    assert "below normal" in page
    assert "normal is 500 to 1,500" in page
    assert "Show the last 3 values as a table" in page
    assert f'href="{patient.url}/measurements?metric={patient.metrics["cd4"]},{patient.metrics["cd8"]}"' in page
    assert "<polyline" in page


def test_a_page_without_measurements_has_no_card(patient: Measured, signed_in: SignIn) -> None:
    page = signed_in("alice").get(f"/entities/patient/{patient.empty_id}").text
    assert "data-chart-url" not in page
    assert "uPlot" not in page


@pytest.mark.parametrize(
    ("value", "words"),
    [(1250.0, "1,250"), (36.6, "36.6"), (0.123456789, "0.123457"), (1.2e-7, "1.2e-07"), (-0.0, "0"), (1e18, "1e+18")],
)
def test_numbers_read_as_people_write_them(value: float, words: str) -> None:
    assert measured.number(value) == words


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        (["CD4"], "CD4"),
        (["CD4", "CD8"], "CD4 and CD8"),
        (["CD4 count", "CD8 count"], "CD4 and CD8 count"),
        (["Systolic blood pressure", "Diastolic blood pressure"], "Systolic and diastolic blood pressure"),
        (["A", "B", "C"], "A, B and C"),
        ([f"Lead {number}" for number in range(12)], "Lead 0 to Lead 11"),
    ],
)
def test_a_chart_is_called_by_what_it_draws(labels: list[str], title: str) -> None:
    assert measured.title_of([Metric(label=label, part="") for label in labels]) == title

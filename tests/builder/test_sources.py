"""Rows out of either database, as a builder's process reads them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from app.extensions import db
from app.measurements import load_measurements
from app.measurements.batch import EARLIEST_MS, LATEST_MS
from app.models import Tenant
from app.rows.source import sorted_values
from tests.builder.children import ask
from tests.exports.timeseries import DAY, Ward
from tests.measurements.oracle import state_at

ALL = (EARLIEST_MS, LATEST_MS)
Key = tuple[int, int, int]


@dataclass
class Kept:
    """A ward whose values were corrected again and again; ``revisions`` are the tenant's numbers after each time."""

    ward: Ward
    url: str
    series: list[int]
    metrics: list[int]
    revisions: list[int]

    def at(self, revision: int) -> dict[Key, float]:
        """The plain way: every value of every series as it was."""
        return {
            (series, time, metric): value
            for series in self.series
            for (metric, time), value in state_at(series, revision).items()
        }


@pytest.fixture
def kept(ward: Ward) -> Iterator[Kept]:
    dice = random.Random(11)
    device = ward.world.device()
    series = [ward.series(device), ward.series(device, ward.world.patient()), ward.series(ward.world.device())]
    metrics = [ward.metrics["cd4"], ward.metrics["cd8"]]
    instants = sorted({dice.randrange(-3 * DAY, 3 * DAY) for _ in range(40)} | {EARLIEST_MS, LATEST_MS - 1, 0, -1})
    revisions = []
    for _ in range(5):
        times = dice.sample(instants, 25)
        load_measurements(
            ward.world.acme.id,
            dice.choices(series, k=25),
            dice.choices(metrics, k=25),
            times,
            [dice.choice([-0.0, 5e-324, 1e200, dice.random(), float(dice.randrange(9))]) for _ in times],
        )
        revisions.append(db.session.get_one(Tenant, ward.world.acme.id, populate_existing=True).revision)
    db.session.rollback()
    url = db.engine.url.render_as_string(hide_password=False)
    return Kept(ward, url, series, metrics, revisions)


def test_values_are_those_of_the_revision_however_they_were_corrected_since(kept: Kept) -> None:
    ranges: list[Any] = [[kept.series, kept.metrics, *ALL, revision] for revision in kept.revisions]
    ranges += [[[one], kept.metrics, *ALL, kept.revisions[2]] for one in kept.series]
    ranges += [[kept.series[::-1], [one], -DAY, DAY, kept.revisions[3]] for one in kept.metrics]
    ranges += [[kept.series, kept.metrics, EARLIEST_MS, EARLIEST_MS + 1, kept.revisions[-1]]]
    answers = ask(kept.url, *[("values", one) for one in ranges])
    for (series, metrics, start, end, revision), told in zip(ranges, answers, strict=True):
        expected = {
            key: value
            for key, value in kept.at(revision).items()
            if key[0] in series and start <= key[1] < end and key[2] in metrics
        }
        found = list(zip(*told["values"], strict=True))
        assert [tuple(row[:3]) for row in found] == sorted(expected)
        assert [row[3] for row in found] == [expected[key].hex() for key in sorted(expected)]


def test_nothing_is_four_empty_arrays(kept: Kept) -> None:
    questions = [
        ([], kept.metrics, *ALL, 9),
        (kept.series, [], *ALL, 9),
        (kept.series[:1], [10**12], *ALL, 9),
        (kept.series[:2], kept.metrics, 5 * DAY, 5 * DAY, 9),
        (kept.series, kept.metrics, *ALL, 0),
    ]
    for told in ask(kept.url, *[("values", list(one)) for one in questions]):
        assert told == {"values": [[], [], [], []]}


TEXTS = ["", "plain", "back\\slash \\N \\t", 'she said "no"', "患者 🫀 \u2028", "percent % :colon {brace}", "é" * 40]


def test_cells_are_texts_with_tabs_between_and_a_line_for_each_row(kept: Kept) -> None:
    quoted = [orjson.dumps(text).decode().replace("'", "''") for text in TEXTS]
    rows = " UNION ALL ".join(
        f"SELECT CAST({number} AS INTEGER) AS n, '{text}' AS a, '{{}}' AS b" for number, text in enumerate(quoted)
    )
    both, alone, none = answers = ask(
        kept.url,
        ("cells", f"SELECT a, b FROM ({rows}) AS told ORDER BY n"),
        ("cells", f"SELECT a FROM ({rows}) AS told ORDER BY n"),
        ("cells", f"SELECT a, b FROM ({rows}) AS told WHERE n < 0"),
    )
    assert all("cells" in told for told in answers), answers
    assert [orjson.loads(line.split("\t")[0]) for line in both["cells"].split("\n")[:-1]] == TEXTS
    assert {line.split("\t")[1] for line in both["cells"].split("\n")[:-1]} == {"{}"}
    assert [orjson.loads(line) for line in alone["cells"].split("\n")[:-1]] == TEXTS
    assert none == {"cells": ""}


def test_documents_come_in_the_order_of_their_ids_with_separators_between_them(kept: Kept) -> None:
    told = {7: '{"a": "é,\n"}', 8: '{"b": "患者 🫀"}', 9: "{}", 10: '{"c": 1}'}
    whole = ",\n".join(told.values())

    def statement(*ids: int) -> str:
        return " UNION ALL ".join(f"SELECT CAST({one} AS BIGINT) AS id, '{told[one]}' AS document" for one in ids)

    rising, falling, mixed, alone, none = ask(
        kept.url,
        *(("documents", statement(*ids)) for ids in ((7, 8, 9, 10), (10, 9, 8, 7), (8, 10, 7, 9), (8,))),
        ("documents", f"SELECT * FROM ({statement(7)}) AS told WHERE id < 0"),
    )
    assert rising == falling == mixed == {"documents": [4, whole]}
    assert alone == {"documents": [1, told[8]]}
    assert none == {"documents": [0, ""]}


def test_many_rows_are_read_whole(kept: Kept) -> None:
    counted = (
        "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 150000)"
        " SELECT CAST(n AS VARCHAR(9)) AS a, 'x' AS b FROM up"
    )
    (told,) = ask(kept.url, ("cells", counted))
    assert sorted(int(line.split("\t")[0]) for line in told["cells"].splitlines()) == list(range(1, 150_001))


def test_a_fault_of_the_database_is_told_and_the_next_question_is_answered(kept: Kept) -> None:
    fault, answered = ask(kept.url, ("cells", "SELECT no_such_column FROM measurement"), ("cells", "SELECT 'a'"))
    assert "no_such_column" in fault["fault"]
    assert answered == {"cells": "a\n"}


def test_a_source_does_not_write(kept: Kept) -> None:
    count = "SELECT CAST(count(*) AS VARCHAR(9)) FROM measurement"
    told = ask(kept.url, ("cells", "DELETE FROM measurement RETURNING 'gone'"), ("cells", count))
    assert "fault" in told[0]
    assert int(told[1]["cells"]) == len(kept.at(kept.revisions[-1]))


def test_values_in_any_order_are_sorted_and_sorted_ones_are_left_as_they_are() -> None:
    found = sorted_values([2, 1, 1, 1], [5, 9, 5, 5], [1, 1, 2, 1], [0.1, 0.2, 0.3, 0.4])
    assert list(zip(found.series.tolist(), found.times.tolist(), found.metrics.tolist(), strict=True)) == [
        (1, 5, 1), (1, 5, 2), (1, 9, 1), (2, 5, 1),
    ]  # fmt: skip
    assert found.values.tolist() == [0.4, 0.3, 0.2, 0.1]
    again = sorted_values(found.series, found.times, found.metrics, found.values)
    assert again.series is found.series
    assert len(sorted_values([], [], [], [])) == 0

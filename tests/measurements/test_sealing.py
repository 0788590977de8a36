"""Sealed blocks: read instead of rows, and never anything else than the rows of that revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from app.extensions import db
from app.measurements import Sealed, intake, keep_sealed_until, load_measurements, seal_measurements, sealing
from app.measurements.batch import EARLIEST_MS, LATEST_MS
from app.models import Measurement, MeasurementBlock, begin_writing
from app.models.types import from_milliseconds, to_milliseconds
from tests.builder.children import Reader
from tests.measurements.conftest import Ward
from tests.measurements.sealing import (
    assert_reads,
    blocks_of,
    revision_of,
    seal,
    small_blocks,
    waiting,
)

HOUR = 3_600_000
DAY = 24 * HOUR


def month(year: int, number: int) -> int:
    return to_milliseconds(datetime(year, number, 1, tzinfo=UTC))


MARCH, APRIL, MAY = month(2024, 3), month(2024, 4), month(2024, 5)


@pytest.fixture
def reader(ward: Ward) -> Iterator[Reader]:
    told = Reader(db.engine.url.render_as_string(hide_password=False))
    yield told
    told.close()


def load(ward: Ward, times: Any, values: Any, metrics: Any = None, series_id: int | None = None) -> int:
    """Returns the revision that it took."""
    load_measurements(ward.tenant_id, series_id or ward.series_id, metrics or ward.cd4, times, values)
    return revision_of(ward.tenant_id)


def hourly(start: int, count: int) -> list[int]:
    return [start + number * HOUR for number in range(count)]


INSTANTS = st.builds(
    lambda month, within: month + within,
    st.sampled_from([month(1969, 12), month(1970, 1), month(1970, 3), MARCH, APRIL]),
    st.one_of(st.integers(0, 6), st.sampled_from([DAY, 20 * DAY, 28 * DAY - 1])),
)
DELIVERY = st.dictionaries(
    st.tuples(st.integers(0, 1), INSTANTS, st.integers(0, 1)),
    st.one_of(st.integers(0, 2).map(float), st.just(-0.0), st.floats(-1e6, 1e6)),
    min_size=1,
    max_size=25,
)
STEPS = st.lists(st.one_of(DELIVERY, st.just("seal")), min_size=2, max_size=8)
EDGES = st.one_of(INSTANTS, st.sampled_from([EARLIEST_MS, LATEST_MS, APRIL, MARCH]))
QUESTION = st.tuples(st.booleans(), st.sampled_from([(0,), (1,), (1, 0)]), st.tuples(EDGES, EDGES), st.integers(0, 9))


_OF_SETTINGS: Any = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}
QUESTIONS = st.lists(QUESTION, min_size=3, max_size=6)


@settings(max_examples=4, **_OF_SETTINGS)
@given(steps=STEPS, questions=QUESTIONS)
def test_whatever_is_delivered_and_sealed_every_revision_reads_as_it_was(
    ward: Ward, reader: Reader, monkeypatch: pytest.MonkeyPatch, steps: Any, questions: Any
) -> None:
    small_blocks(monkeypatch)
    assert_every_revision_reads_as_it_was(ward, reader, steps, questions)


@pytest.mark.long
@settings(max_examples=40, **_OF_SETTINGS)
@given(steps=STEPS, questions=QUESTIONS)
def test_many_deliveries_and_sealings_read_as_they_were(
    ward: Ward, reader: Reader, monkeypatch: pytest.MonkeyPatch, steps: Any, questions: Any
) -> None:
    small_blocks(monkeypatch)
    assert_every_revision_reads_as_it_was(ward, reader, steps, questions)


def assert_every_revision_reads_as_it_was(ward: Ward, reader: Reader, steps: Any, questions: Any) -> None:
    series = [ward.series_of(patient_id=ward.world.patient().id) for _ in range(2)]
    metrics = (ward.cd4, ward.cd8)
    revisions = [revision_of(ward.tenant_id)]
    for step in steps:
        if step == "seal":
            seal()
            continue
        keys = list(step)
        owners, times, kinds = zip(*keys, strict=True)
        load_measurements(
            ward.tenant_id, [series[one] for one in owners], [metrics[one] for one in kinds], times, list(step.values())
        )
        revisions.append(revision_of(ward.tenant_id))
        whole = (EARLIEST_MS, LATEST_MS, revisions[-1])
        assert_reads(reader, series, list(metrics), *whole)
    for both, kinds, edges, at in questions:
        chosen = [metrics[one] for one in kinds]
        revision = revisions[at % len(revisions)]
        assert_reads(reader, series if both else series[:1], chosen, min(edges), max(edges), revision)


def test_blocks_are_what_is_read_and_not_the_rows(ward: Ward, reader: Reader) -> None:
    times = hourly(MARCH, 200)
    revision = load(ward, times, np.arange(200) / 8)
    assert seal().values >= 200
    assert blocks_of(ward.series_id) == [(EARLIEST_MS, present_month(), revision, 200)]
    begin_writing()
    db.session.execute(delete(Measurement).where(Measurement.series_id == ward.series_id))
    db.session.commit()
    (found,) = reader.ask(("values", [[ward.series_id], [ward.cd4], MARCH, MARCH + 50 * HOUR, revision]))
    assert found["values"][1] == times[:50]
    assert found["values"][3] == [(number / 8).hex() for number in range(50)]


def present_month() -> int:
    today = datetime.now(UTC)
    return month(today.year, today.month)


def test_what_changed_since_an_older_revision_is_read_from_its_rows(ward: Ward, reader: Reader) -> None:
    before = load(ward, hourly(MARCH, 150), [1.0] * 150)
    seal()
    after = load(ward, [MARCH, MARCH + 1], [2.0, 3.0])
    assert blocks_of(ward.series_id) == []
    seal()
    assert [block[2:] for block in blocks_of(ward.series_id)] == [(after, 151)]
    for revision in (before - 1, before, after, after + 5):
        assert_reads(reader, [ward.series_id], [ward.cd4, ward.cd8], EARLIEST_MS, LATEST_MS, revision)


def test_a_delivery_takes_away_the_blocks_in_which_it_changes_something_and_no_other(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, most=100, small=5)
    other = ward.series_of(patient_id=ward.world.patient().id)
    for start in (MARCH, APRIL, MAY):
        load(ward, hourly(start, 10), [1.0] * 10)
    load(ward, hourly(APRIL, 10), [1.0] * 10, series_id=other)
    seal()
    march, april, may = blocks_of(ward.series_id)
    assert [march[:2], april[:2], may[:2]] == [(EARLIEST_MS, APRIL), (APRIL, MAY), (MAY, present_month())]
    load(ward, hourly(MARCH, 10), [1.0] * 10)
    assert blocks_of(ward.series_id) == [march, april, may], "the same values again"
    # The span reaches over three months: March says the same again, May gets nothing.
    load(ward, [MARCH, APRIL + 3 * HOUR, present_month()], [1.0, 5.0, 1.0])
    assert blocks_of(ward.series_id) == [march, may]
    load(ward, [EARLIEST_MS], [1.0])
    assert blocks_of(ward.series_id) == [may]
    load(ward, [present_month() - 1], [1.0], ward.cd8)
    assert blocks_of(ward.series_id) == []
    assert len(blocks_of(other)) == 1


def test_sealing_again_changes_nothing_and_a_late_value_seals_its_stretch_alone(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, most=100, small=5)
    for start in (MARCH, APRIL, MAY):
        load(ward, hourly(start, 10), [1.0] * 10)
    seal()
    whole = blocks_of(ward.series_id)
    assert seal() == Sealed()
    assert blocks_of(ward.series_id) == whole
    assert waiting(ward.series_id) == []
    late = load(ward, [APRIL + 1], [1.0])
    assert waiting(ward.series_id) == [APRIL]
    assert seal() == Sealed(blocks=1, values=11)
    assert blocks_of(ward.series_id) == [whole[0], (APRIL, MAY, late, 11), whole[2]]


def test_the_running_month_and_what_was_delivered_just_now_stay_rows(
    ward: Ward, turn: Callable[[datetime], None]
) -> None:
    seal()
    turn(datetime(2024, 4, 20, 12, tzinfo=UTC))
    load(ward, hourly(MARCH, 150) + hourly(APRIL, 150), [1.0] * 300)
    assert seal_measurements() == Sealed()
    assert waiting(ward.series_id) == [MARCH, APRIL]
    turn(datetime(2024, 4, 20, 13, tzinfo=UTC))
    assert seal_measurements() == Sealed(blocks=1, values=150)
    assert [block[:2] for block in blocks_of(ward.series_id)] == [(EARLIEST_MS, APRIL)]
    assert waiting(ward.series_id) == [APRIL]
    turn(datetime(2024, 5, 1, 0, tzinfo=UTC))
    # The block before is so small that it takes April in.
    assert seal_measurements() == Sealed(blocks=1, values=300)
    assert [block[:2] for block in blocks_of(ward.series_id)] == [(EARLIEST_MS, MAY)]


def test_a_few_values_stay_rows_until_there_are_more(ward: Ward) -> None:
    seal()
    load(ward, hourly(MARCH, 60), [1.0] * 60)
    assert seal() == Sealed()
    assert waiting(ward.series_id) == []
    load(ward, hourly(APRIL, 60), [1.0] * 60)
    assert seal() == Sealed(blocks=1, values=120)


def test_a_month_of_too_many_values_is_cut_between_instants(
    ward: Ward, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, most=40)
    times = [MARCH + number // 2 * 7 for number in range(150)] + hourly(APRIL, 6)
    metrics = [(ward.cd4, ward.cd8)[number % 2] for number in range(150)] + [ward.cd4] * 6
    load(ward, times, np.arange(156) / 3, metrics)
    seal()
    blocks = blocks_of(ward.series_id)
    assert [block[3] for block in blocks] == [40, 40, 40, 30, 6]
    assert [block[0] for block in blocks[1:]] == [block[1] for block in blocks[:-1]]
    # One in the middle goes and comes back by itself.
    revision = load(ward, [blocks[2][0] + 1], [1.0])
    assert blocks_of(ward.series_id) == [*blocks[:2], *blocks[3:]]
    seal()
    assert sum(block[3] for block in blocks_of(ward.series_id)) == 157
    assert_reads(reader, [ward.series_id], [ward.cd4, ward.cd8], MARCH + 70, MARCH + 400, revision)


def test_a_turn_ends_at_its_limit_and_the_next_one_goes_on(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    seal()
    small_blocks(monkeypatch, most=30)
    load(ward, hourly(MARCH, 100), [1.0] * 100)
    first = seal_measurements(settled_for=timedelta(0), limit=30)
    assert (first.values, first.again) == (30, True)
    assert seal() == Sealed(blocks=3, values=70)


@pytest.mark.parametrize("fault", ["torn", "of another"])
def test_a_damaged_body_is_never_read(
    ward: Ward, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    small_blocks(monkeypatch, most=100, small=5)
    revision = load(ward, hourly(MARCH, 10) + hourly(APRIL, 10), np.arange(20))
    seal()
    block, own = MeasurementBlock, MeasurementBlock.series_id == ward.series_id
    bodies = db.session.scalars(db.select(block.body).where(own).order_by(block.start)).all()
    body = bodies[0][:-1] if fault == "torn" else bodies[1]
    begin_writing()
    db.session.execute(update(block).where(own, block.start == from_milliseconds(EARLIEST_MS)).values(body=body))
    db.session.commit()
    reader = Reader(db.engine.url.render_as_string(hide_password=False))
    assert_reads(reader, [ward.series_id], [ward.cd4], EARLIEST_MS, LATEST_MS, revision)
    reader.close()
    assert f"the sealed block of series {ward.series_id} at {EARLIEST_MS} is damaged" in capfd.readouterr().err


def test_a_delivery_while_values_are_read_for_sealing_is_not_lost(
    ward: Ward, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal()
    load(ward, hourly(MARCH, 150), [1.0] * 150)
    written = sealing._written

    def late(*given: Any) -> Any:
        monkeypatch.setattr(sealing, "_written", written)
        load(ward, [MARCH + 1, MARCH], [7.0, 8.0])
        return written(*given)

    monkeypatch.setattr(sealing, "_written", late)
    assert seal() == Sealed(again=True)
    assert blocks_of(ward.series_id) == []
    assert seal() == Sealed(blocks=1, values=151)
    assert_reads(reader, [ward.series_id], [ward.cd4], EARLIEST_MS, LATEST_MS, revision_of(ward.tenant_id))


def test_two_who_seal_at_once_leave_the_blocks_of_one(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    seal()
    load(ward, hourly(MARCH, 150), [1.0] * 150)
    written = sealing._written

    def rival(*given: Any) -> Any:
        monkeypatch.setattr(sealing, "_written", written)
        assert seal() == Sealed(blocks=1, values=150)
        return written(*given)

    monkeypatch.setattr(sealing, "_written", rival)
    assert seal().blocks == 0
    assert [block[3] for block in blocks_of(ward.series_id)] == [150]


def test_the_check_finds_a_delivery_that_leaves_a_block_behind(
    ward: Ward, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(ward, hourly(MARCH, 150), [1.0] * 150)
    seal()
    monkeypatch.setattr(intake, "unseal", lambda *_given: None)
    revision = load(ward, [MARCH], [2.0])
    with pytest.raises(AssertionError):
        assert_reads(reader, [ward.series_id], [ward.cd4], EARLIEST_MS, LATEST_MS, revision)
    # What was planted must not stay with the tests that share the database.
    begin_writing()
    db.session.execute(delete(MeasurementBlock).where(MeasurementBlock.series_id == ward.series_id))
    db.session.commit()


class OneRound(Event):
    """Set as soon as somebody waits for it."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def test_the_keeper_seals_what_is_settled_until_it_is_told_to_stop(
    ward: Ward, turn: Callable[[datetime], None]
) -> None:
    load(ward, hourly(MARCH, 150), [1.0] * 150)
    turn(datetime.now(UTC) + sealing.SETTLED_FOR)
    keep_sealed_until(OneRound())
    assert [block[3] for block in blocks_of(ward.series_id)] == [150]

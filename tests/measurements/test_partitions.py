"""PostgreSQL's monthly partitions: made ahead, filled without losing a value, and read in order without a sort."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Condition, Event
from typing import Any

import flask_migrate
import numpy as np
import psycopg
import pytest
from flask import Flask
from sqlalchemy import func, inspect, select, text

from app.errors import Invalid
from app.extensions import db
from app.measurements import exchange, keep_partitions_until, load_measurements, make_partitions, partitions, take_in
from app.models import Measurement, begin_writing, take_revision
from app.models.types import to_milliseconds
from tests.factories import World
from tests.measurements.conftest import Ward, make_ward
from tests.measurements.oracle import State, assert_rollups_match, current, state_at
from tests.services.postgresql import PostgreSQL

NOVEMBER = datetime(2026, 11, 15, 12, tzinfo=UTC)
AHEAD = ["measurement_2026_11", "measurement_2026_12", "measurement_2027_01", "measurement_2027_02"]
MINUTE = 60_000


@pytest.fixture
def hospital(postgresql_app: tuple[Flask, World], turn: Callable[[datetime], None]) -> Iterator[tuple[Flask, Ward]]:
    """A migrated PostgreSQL of this test's own, in November 2026, with an application context."""
    app, world = postgresql_app
    with app.app_context():
        ward = make_ward(world)
        turn(NOVEMBER)
        yield app, ward


@pytest.fixture
def wing(hospital: tuple[Flask, Ward]) -> Ward:
    return hospital[1]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_PAGES_AT_ONCE", 4)


def silent(_words: str) -> None:
    """For runs of which nobody wants to hear."""


def month(year: int, number: int) -> int:
    return to_milliseconds(datetime(year, number, 1, tzinfo=UTC))


def fill(ward: Ward, start: int, count: int, series_id: int | None = None) -> None:
    """A value a minute from ``start`` on."""
    times = start + np.arange(count, dtype=np.int64) * MINUTE
    load_measurements(ward.tenant_id, series_id or ward.series_id, ward.cd4, times, np.arange(count) / 7)


def where_rows_lie() -> dict[str, int]:
    rows = db.session.execute(text("SELECT tableoid::regclass::text, count(*) FROM measurement GROUP BY 1"))
    lying: dict[str, int] = dict(rows.all())
    db.session.rollback()
    return lying


def held_partitions() -> list[str]:
    statement = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'measurement'::regclass")
    names = sorted(db.session.scalars(statement))
    db.session.rollback()
    return names


def assert_whole() -> None:
    """Every partition has its part of the unique index, and nothing of the exchange is left."""
    index = text(
        """SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid
           WHERE inhparent = 'uq_measurement'::regclass AND indisvalid AND indisunique"""
    )
    assert db.session.scalar(index) == len(held_partitions())
    left = text("SELECT count(*) FROM pg_class WHERE relname LIKE '%measurement_next%'")
    assert db.session.scalar(left) == 0
    assert db.session.scalar(text("SELECT count(*) FROM pg_proc WHERE proname = 'measurement_next_note'")) == 0
    assert db.session.scalar(text("SELECT count(*) FROM pg_constraint WHERE conname = 'proof'")) == 0
    assert db.session.scalar(text("SELECT count(*) FROM pg_class WHERE reloptions::text LIKE '%autovacuum%'")) == 0
    db.session.rollback()


def held(ward: Ward) -> State:
    state = current(ward.series_id)
    db.session.rollback()
    return state


# What is made


def test_the_present_month_and_those_ahead_get_partitions_and_again_changes_nothing(wing: Ward) -> None:
    assert list(make_partitions(tell=silent).made) == AHEAD
    assert held_partitions() == [*AHEAD, "measurement_pdefault"]
    assert_whole()
    assert make_partitions(tell=silent) == partitions.Partitioned()
    assert held_partitions() == [*AHEAD, "measurement_pdefault"]
    fill(wing, month(2026, 12), 10)
    assert where_rows_lie() == {"measurement_2026_12": 10}


def test_a_month_with_many_values_is_moved_and_a_month_with_few_stays(wing: Ward) -> None:
    fill(wing, month(2024, 3), 3000)
    fill(wing, month(2024, 4) - 5 * MINUTE, 10)
    fill(wing, month(1900, 1), 20)
    fill(wing, month(2199, 12), 20)
    fill(wing, month(2026, 11) - MINUTE, 2)
    before = held(wing)
    assert list(make_partitions(least_rows=1000, tell=silent).made) == ["measurement_2024_03", *AHEAD]
    # The last minutes of March and the first of November lie on the right side of their bounds.
    assert where_rows_lie() == {"measurement_2024_03": 3005, "measurement_2026_11": 1, "measurement_pdefault": 46}
    assert held(wing) == before
    assert_whole()
    fill(wing, month(2024, 4), 1500)
    assert list(make_partitions(least_rows=1000, tell=silent).made) == ["measurement_2024_04"]
    assert where_rows_lie()["measurement_2024_04"] == 1500
    assert_rollups_match(wing.series_id)
    assert_whole()


def test_only_the_fullest_months_get_a_partition_when_there_are_too_many(
    wing: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "MOST_PARTITIONS", len(AHEAD) + 2)
    for number, count in ((1, 30), (2, 50), (3, 40), (4, 20)):
        fill(wing, month(2024, number), count)
    assert set(make_partitions(least_rows=10, tell=silent).made) - set(AHEAD) == {
        "measurement_2024_02", "measurement_2024_03",
    }  # fmt: skip
    assert make_partitions(least_rows=10, tell=silent).made == ()


def test_numbers_out_of_range_are_refused(wing: Ward) -> None:
    for wrong in ({"ahead": -1}, {"ahead": 25}, {"least_rows": 0}):
        with pytest.raises(Invalid):
            make_partitions(**wrong)
    assert held_partitions() == ["measurement_pdefault"]


def test_values_move_without_a_scan_under_the_lock(wing: Ward, postgresql_server: PostgreSQL) -> None:
    fill(wing, month(2024, 3), 3000)
    make_partitions(least_rows=1000, tell=silent)
    fill(wing, month(2024, 5), 3000)
    fill(wing, month(2024, 9), 5)
    execute("ALTER DATABASE {} SET log_min_messages = 'debug1'")
    db.session.remove()
    db.engine.dispose()
    begin = len(postgresql_server.log.read_text())
    assert make_partitions(least_rows=1000, tell=silent).made == ("measurement_2024_05",)
    said = postgresql_server.log.read_text()[begin:]
    for name in ("measurement_2024_05", "measurement_pdefault"):
        assert f'constraint for table "{name}" is implied by existing constraints' in said
    exchanged = said[said.index("is implied by existing constraints") :]
    assert "verifying table" not in exchanged


def execute(statement: str) -> None:
    name = db.engine.url.database
    with psycopg.connect(db.engine.url.set(drivername="postgresql").render_as_string(), autocommit=True) as connection:
        connection.execute(statement.format(f'"{name}"').encode())


# While others write


def test_values_that_come_while_others_move_are_neither_lost_nor_doubled(
    hospital: tuple[Flask, Ward], small_steps: None
) -> None:
    app, ward = hospital
    fill(ward, month(2024, 3), 6000)
    fill(ward, month(2024, 6), 300)
    expected = held(ward)
    arrivals, stop = Arrivals(), Event()

    def take_in_until_stopped() -> State:
        written: State = {}
        with app.app_context():
            number = 0
            while not stop.is_set():
                times = corrected_and_new(number)
                values = [1e6 + number] * len(times)
                load_measurements(ward.tenant_id, ward.series_id, ward.cd4, times, values)
                written |= {(ward.cd4, time): 1e6 + number for time in times}
                number += 1
                arrivals.count_one()
            db.session.remove()
        return written

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(take_in_until_stopped)
        try:
            # At each step the run waits for a delivery that came after the last one: they overlap in truth.
            made = make_partitions(
                least_rows=1000, patience=60.0, tell=lambda words: arrivals.await_more("copying" in words)
            )
            arrivals.await_more(True)
        finally:
            stop.set()
        expected |= writer.result()
    assert "measurement_2024_03" in made.made
    assert arrivals.number >= 5
    assert held(ward) == expected
    lying = where_rows_lie()
    assert sum(lying.values()) == len(expected)
    march = sum(month(2024, 3) <= time < month(2024, 4) for _, time in expected)
    assert lying["measurement_2024_03"] == march
    assert_rollups_match(ward.series_id)
    assert_whole()


def corrected_and_new(number: int) -> list[int]:
    """Times held already and times that are not, in a month that moves, one that stays and one made ahead."""
    old = [month(2024, 3) + (number * 37 + step * 997) % 6000 * MINUTE for step in range(20)]
    new = [month(2024, 3) + (number * 20 + step) * MINUTE + 1 for step in range(20)]
    others = [start + number * MINUTE + 2 for start in (month(2024, 6), month(2026, 12))]
    return list(dict.fromkeys([*old, *new, *others]))


class Arrivals:
    """Counts what another thread has committed, and waits for more."""

    def __init__(self) -> None:
        self.number = 0
        self._changed = Condition()

    def count_one(self) -> None:
        with self._changed:
            self.number += 1
            self._changed.notify_all()

    def await_more(self, wanted: bool) -> None:
        if not wanted:
            return
        with self._changed:
            seen = self.number
            assert self._changed.wait_for(lambda: self.number > seen, timeout=30), "nothing more was taken in"


def test_what_is_erased_while_it_moves_does_not_come_back(wing: Ward, small_steps: None) -> None:
    fill(wing, month(2024, 3), 3000)
    erased: list[str] = []

    def erase(words: str) -> None:
        if not erased:
            erased.append(words)
        elif len(erased) == 1:
            # Its page has been copied by now.
            begin_writing()
            db.session.execute(text("DELETE FROM measurement WHERE time < '2024-03-01 00:10:00+00'"))
            db.session.commit()
            erased.append(words)

    make_partitions(least_rows=1000, tell=erase)
    assert len(erased) == 2
    assert where_rows_lie() == {"measurement_2024_03": 2990}


def test_a_run_beside_another_does_nothing(hospital: tuple[Flask, Ward]) -> None:
    app, ward = hospital
    fill(ward, month(2024, 3), 100)
    beside: list[partitions.Partitioned] = []

    def another() -> partitions.Partitioned:
        with app.app_context():
            return make_partitions(least_rows=10, tell=silent)

    with ThreadPoolExecutor(1) as pool:
        made = make_partitions(least_rows=10, tell=lambda _words: beside.append(pool.submit(another).result(30)))
    assert made.made
    assert {(one.made, one.put_off) for one in beside} == {((), "Another process is making partitions just now.")}
    assert len(held(ward)) == 100
    assert_whole()


# When it is interrupted


@pytest.mark.parametrize("step", ["page 0 ", "page 8 ", "in place"])
def test_a_run_whose_sessions_end_in_the_middle_loses_nothing_and_the_next_one_ends_it(
    wing: Ward, small_steps: None, step: str
) -> None:
    fill(wing, month(2024, 3), 3000)
    before = held(wing)
    ended: list[str] = []

    def end_everybody(words: str) -> None:
        if step in words and not ended:
            ended.append(words)
            execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()"""
            )

    with pytest.raises(psycopg.OperationalError):
        make_partitions(least_rows=1000, tell=end_everybody)
    assert ended
    db.session.remove()
    db.engine.dispose()
    assert held_partitions() == ["measurement_pdefault"]
    assert held(wing) == before
    # Values are taken in meanwhile, over what the dead run has left.
    load_measurements(wing.tenant_id, wing.series_id, wing.cd4, [month(2024, 3), month(2024, 3) + 1], [-1.0, -2.0])
    after = before | {(wing.cd4, month(2024, 3)): -1.0, (wing.cd4, month(2024, 3) + 1): -2.0}
    assert held(wing) == after
    assert "measurement_2024_03" in make_partitions(least_rows=1000, tell=silent).made
    assert held(wing) == after
    assert where_rows_lie() == {"measurement_2024_03": 3001}
    assert_rollups_match(wing.series_id)
    assert_whole()


def test_a_run_that_is_told_to_stop_leaves_everything_as_it_was(wing: Ward, small_steps: None) -> None:
    fill(wing, month(2024, 3), 3000)
    before, stop = held(wing), Event()
    made = make_partitions(least_rows=1000, stop=stop, tell=lambda _words: stop.set())
    assert (made.made, made.again) == ((), True)
    assert held_partitions() == ["measurement_pdefault"]
    assert held(wing) == before
    assert_whole()


# While others read


@pytest.mark.parametrize("first", ["SELECT count(*) FROM tenant", "SELECT count(*) FROM measurement"])
def test_an_older_snapshot_puts_the_exchange_off_and_is_not_torn(wing: Ward, first: str) -> None:
    fill(wing, month(2024, 3), 3000)
    with db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as reader:
        reader.execute(text(first))
        fill(wing, month(2024, 4), 7)
        made = make_partitions(least_rows=1000, patience=0.0, tell=silent)
        assert (made.made, made.again) == ((), True)
        assert "Others were using" in (made.put_off or "")
        fill(wing, month(2024, 4), 9)
        assert noted_keys() == 0
        assert reader.scalar(select(func.count()).select_from(Measurement)) == 3000
    assert make_partitions(least_rows=1000, patience=0.0, tell=silent).made == ("measurement_2024_03", *AHEAD)
    assert where_rows_lie() == {"measurement_2024_03": 3000, "measurement_pdefault": 9}
    assert_whole()


def noted_keys() -> int:
    """What a run that ended still lets everybody write down."""
    there = inspect(db.engine).has_table("measurement_next_key")
    count = db.session.scalar(text("SELECT count(*) FROM measurement_next_key")) if there else 0
    db.session.rollback()
    return int(count or 0)


def plan_of(query: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The kinds of a plan's nodes, and its scans, of a query that was run."""
    found = db.session.scalar(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"))
    db.session.rollback()
    nodes: list[dict[str, Any]] = []
    waiting = [(found if isinstance(found, list) else json.loads(found))[0]["Plan"]]
    while waiting:
        node = waiting.pop(0)
        nodes.append(node)
        waiting += node.get("Plans", [])
    return [node["Node Type"] for node in nodes], [node for node in nodes if "Relation Name" in node]


@pytest.fixture
def filled(wing: Ward) -> Ward:
    """Three months of four series, and a few odd values beside them."""
    for series_id in (wing.series_id, *(wing.series_of(patient_id=wing.world.patient().id) for _ in range(3))):
        for number in (3, 4, 5):
            fill(wing, month(2024, number), 5000, series_id)
        fill(wing, month(2031, 1), 5, series_id)
    make_partitions(least_rows=1000, tell=silent)
    return wing


READ = (
    "SELECT time, metric_id, value FROM measurement WHERE series_id = {} AND batch <= 1000 {} ORDER BY time, metric_id"
)


def test_a_month_of_a_series_is_read_from_one_partition_and_its_index_alone(filled: Ward) -> None:
    within = "AND time >= '2024-04-01 00:00:00+00' AND time < '2024-05-01 00:00:00+00'"
    kinds, scans = plan_of(READ.format(filled.series_id, within))
    assert kinds == ["Index Only Scan"]
    assert [(one["Relation Name"], one["Heap Fetches"], one["Actual Rows"]) for one in scans] == [
        ("measurement_2024_04", 0, 5000)
    ]


def test_months_with_partitions_are_read_one_after_the_other_without_a_sort(filled: Ward) -> None:
    within = "AND time >= '2024-03-01 00:00:00+00' AND time < '2024-06-01 00:00:00+00'"
    kinds, scans = plan_of(READ.format(filled.series_id, within))
    assert kinds == ["Append", *["Index Only Scan"] * 3]
    assert [one["Relation Name"] for one in scans] == [f"measurement_2024_0{number}" for number in (3, 4, 5)]
    assert {one["Heap Fetches"] for one in scans} == {0}


def test_a_series_over_all_time_is_merged_with_the_default_partition_without_a_sort(filled: Ward) -> None:
    kinds, scans = plan_of(READ.format(filled.series_id, ""))
    assert kinds[0] == "Merge Append"
    assert "Sort" not in kinds
    assert "measurement_pdefault" in {one["Relation Name"] for one in scans}
    assert sum(one["Actual Rows"] for one in scans) == 15_005


def test_a_delivery_of_one_month_holds_no_lock_on_another(filled: Ward) -> None:
    begin_writing()
    fill_without_commit(filled)
    locked = db.session.scalars(
        text("SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL")
    ).all()
    db.session.rollback()
    assert "measurement_2024_04" in locked
    assert not {"measurement_pdefault", "measurement_2024_03", "measurement_2024_05"} & set(locked)


def fill_without_commit(ward: Ward) -> None:
    times = [month(2024, 4) + 1440 * MINUTE, month(2024, 4) + 1440 * MINUTE + 5]
    taken = take_in(ward.tenant_id, ward.series_id, ward.cd4, times, [9.0, 9.0], take_revision(ward.tenant_id))
    assert (taken.added, taken.corrected) == (1, 1)


# The rest of the house


def test_the_migrations_go_down_and_up_with_partitions_and_leftovers(wing: Ward, small_steps: None) -> None:
    fill(wing, month(2024, 3), 3000)
    make_partitions(least_rows=1000, tell=silent)
    flask_migrate.check()
    fill(wing, month(2024, 4), 3000)

    def end_everybody(_words: str) -> None:
        execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )

    with pytest.raises(psycopg.OperationalError):
        make_partitions(least_rows=1000, tell=end_everybody)
    db.session.remove()
    db.engine.dispose()
    flask_migrate.check()
    flask_migrate.downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    assert db.session.scalar(text("SELECT count(*) FROM pg_proc WHERE proname = 'measurement_next_note'")) == 0
    db.session.rollback()
    flask_migrate.upgrade()
    assert held_partitions() == ["measurement_pdefault"]


def test_the_command_says_what_it_made_and_the_second_time_that_all_are_there(hospital: tuple[Flask, Ward]) -> None:
    runner = hospital[0].test_cli_runner()
    said = runner.invoke(args=["partition-measurements", "--ahead", "1"])
    assert said.exit_code == 0, said.output
    assert f"Partitions made: {', '.join(AHEAD[:2])}." in said.output
    said = runner.invoke(args=["partition-measurements", "--ahead", "1"])
    assert (said.exit_code, said.output) == (0, "Partitions made: none, all are there.\n")
    said = runner.invoke(args=["partition-measurements", "--ahead", "99"])
    assert said.exit_code == 1
    assert "Months ahead must be 0 to 24" in said.output


def test_on_sqlite_the_command_says_that_there_is_nothing_to_do(app: Flask, domain: World) -> None:
    said = app.test_cli_runner().invoke(args=["partition-measurements"])
    assert said.exit_code == 0
    assert said.output.startswith("SQLite keeps measurements in the order of their key")


def test_the_reconcilers_thread_makes_them_and_ends_when_told(hospital: tuple[Flask, Ward]) -> None:
    app, stop = hospital[0], Event()

    def keep() -> None:
        with app.app_context():
            keep_partitions_until(stop)

    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(keep)
        try:
            give_up = datetime.now(UTC).timestamp() + 60
            while len(held_partitions()) == 1 and datetime.now(UTC).timestamp() < give_up:
                pass
        finally:
            stop.set()
        kept.result(30)
    assert held_partitions() == [*AHEAD, "measurement_pdefault"]


@pytest.mark.parametrize("moved", [False, True])
def test_revisions_are_told_again_after_the_move(wing: Ward, moved: bool) -> None:
    fill(wing, month(2024, 3), 20)
    revision = db.session.scalars(select(func.max(Measurement.batch))).one()
    before = held(wing)
    if moved:
        make_partitions(least_rows=10, tell=silent)
    load_measurements(wing.tenant_id, wing.series_id, wing.cd4, [month(2024, 3)], [99.0])
    assert state_at(wing.series_id, revision) == before

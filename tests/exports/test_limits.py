"""Looking at what an export would be has its bounds: in time, in what is counted, and for whom it is counted at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from app import exports
from app.errors import Throttled, Unavailable
from app.exports import limits
from app.exports.data_preview import offered_metrics, preview_data_export
from app.exports.kinds import data_export_estimate
from app.exports.limits import TOO_MUCH, limited_time
from app.exports.params import ReportParams
from app.extensions import db
from app.models.types import EPOCH
from tests.exports.timeseries import ALWAYS, FIRST_DAY, Ward, busy_devices

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(3600)",
}


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the database is asked in the block."""
    asked: list[str] = []

    def note(conn: object, cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_a_statement_that_takes_too_long_is_ended_and_the_session_goes_on(ward: Ward) -> None:
    with pytest.raises(Unavailable) as refused, limited_time(0.2):
        db.session.execute(text(ENDLESS[db.engine.dialect.name]))
    assert refused.value.message == TOO_MUCH
    assert preview_data_export(ward.world.actor("alice"), ALWAYS).values == 0


def test_a_statement_past_sqlalchemy_is_ended_too(ward: Ward) -> None:
    cursor = db.session.connection().connection.driver_connection.cursor()
    with pytest.raises(Unavailable), limited_time(0.2):
        cursor.execute(ENDLESS[db.engine.dialect.name]).fetchall()
    assert db.session.scalar(text("SELECT 1")) == 1


def test_no_statement_begins_once_the_time_is_up(ward: Ward) -> None:
    with statements() as asked, pytest.raises(Unavailable), limited_time(0):
        db.session.scalar(text("SELECT 7"))
    assert "SELECT 7" not in asked


def test_the_limit_ends_with_its_block(ward: Ward) -> None:
    of_postgresql = db.engine.dialect.name == "postgresql"
    if of_postgresql:
        db.session.execute(text("SET LOCAL statement_timeout = '77s'"))
    with limited_time(0.05):
        pass
    if of_postgresql:
        assert db.session.scalar(text("SHOW statement_timeout")) == "77s"
        db.session.execute(text("SELECT pg_sleep(0.2)"))
    else:
        counting = ENDLESS["sqlite"].replace("FROM n)", "FROM n WHERE i < 3000000)")
        assert db.session.scalar(text(counting)) == 3_000_000


def test_another_fault_in_the_block_stays_what_it_is(ward: Ward) -> None:
    with pytest.raises(ZeroDivisionError), limited_time():
        _ = 1 // 0
    assert db.session.scalar(text("SELECT 1")) == 1


def test_what_is_too_much_to_look_at_is_refused_and_can_still_be_asked_for(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy_devices(ward)
    alice = ward.world.actor("alice")
    report = ReportParams(("measurements",), start=EPOCH)
    monkeypatch.setattr(limits, "PREVIEW_SECONDS", 0)
    for look in (
        lambda: preview_data_export(alice, ALWAYS),
        lambda: offered_metrics(alice),
        lambda: exports.preview_report(alice, report),
    ):
        with pytest.raises(Unavailable, match="too much to preview"):
            look()
    for kind, params in (("data_export", ALWAYS), ("report", report)):
        export = exports.request_export(alice, kind, params, request_key=str(uuid4()))
        assert export.is_pending


def test_whoever_has_too_many_exports_waiting_is_refused_and_nobodys_request_counts_anything(ward: Ward) -> None:
    busy_devices(ward)
    alice = ward.world.actor("alice")
    first_key = str(uuid4())
    with statements() as asked:
        first = exports.request_export(alice, "data_export", ALWAYS, request_key=first_key)
        for _ in range(19):
            exports.request_export(alice, "data_export", ALWAYS, request_key=str(uuid4()))
        with pytest.raises(Throttled):
            exports.request_export(alice, "data_export", ALWAYS, request_key=str(uuid4()))
    assert asked
    assert not any("measurement_rollup" in one for one in asked)
    assert exports.request_export(alice, "data_export", ALWAYS, request_key=first_key).id == first.id


@pytest.mark.parametrize(("most", "values"), [(0, 40), (19, 40), (20, 30), (39, 30), (40, 20), (1_000, 20)])
def test_repeated_values_are_looked_for_among_so_many_of_all_devices_together(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, most: int, values: int
) -> None:
    for key in ("A", "B"):
        device = ward.world.device(key=key)
        for series in (ward.series(device), ward.series(device, ward.world.patient())):
            ward.load(series, "cd4", [FIRST_DAY + number for number in range(10)])
    monkeypatch.setattr(data_export_estimate, "MOST_SHARED", most)
    assert preview_data_export(ward.world.actor("alice"), ALWAYS).values == values

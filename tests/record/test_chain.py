"""The chain of the record: what was altered, removed or put elsewhere is found, by hands that may do anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from app import clock, record
from app.extensions import db
from app.models import AuditChain, AuditEvent, begin_writing
from app.record import chain as chain_module
from tests.factories import World

DATABASES = ("sqlite", "postgresql")
ALTERED = "is not as it was written, or not where it was."


@pytest.fixture(params=["sqlite"])
def chained(request: pytest.FixtureRequest) -> Iterator[tuple[Flask, World]]:
    """An application whose record holds some events, all of them sealed, and its world; its context is pushed."""
    if request.param == "postgresql":
        app, world = request.getfixturevalue("postgresql_app")
    else:
        app, world = request.getfixturevalue("app"), request.getfixturevalue("world")
    with app.app_context():
        write(world, 12)
        record.seal_record()
        assert record.verify_record().holds
        yield app, world


both = pytest.mark.parametrize("chained", DATABASES, indirect=True)


def write(world: World, count: int) -> None:
    for number in range(count):
        begin_writing()
        details = {"number": number, "name": "Zoë\n", "part": 0.1}
        record.note(None, "test.write", "entity", str(number), tenant_id=world.acme.id, details=details)
        db.session.commit()


def as_intruder(*statements: str) -> None:
    """What somebody does who owns the database: its triggers stand in nobody's way then."""
    begin_writing()
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        for name in ("facts", "sealed", "kept"):
            db.session.execute(text(f"DROP TRIGGER IF EXISTS audit_event_{name}"))
    for statement in statements:
        db.session.execute(text(statement))
    db.session.commit()


def end_of_chain() -> int:
    last = db.session.scalar(select(AuditChain.sequence))
    db.session.rollback()
    assert last is not None
    return last


def faults() -> list[str]:
    return [re.sub(r" \(id \d+\)", "", fault.words) for fault in record.verify_record().faults]


@both
def test_an_altered_event_a_removed_one_a_turned_pair_and_a_missing_end_are_each_found(
    chained: tuple[Flask, World],
) -> None:
    last = end_of_chain()
    turned = f"UPDATE audit_event SET sequence = CASE sequence WHEN {last - 4} THEN {last - 3} ELSE {last - 4} END"
    as_intruder(
        f"UPDATE audit_event SET outcome = 'refused' WHERE sequence = {last - 9}",
        f"DELETE FROM audit_event WHERE sequence = {last - 7}",
        "DROP INDEX uq_audit_event_sequence",
        f"{turned} WHERE sequence IN ({last - 4}, {last - 3})",
        f"DELETE FROM audit_event WHERE sequence = {last}",
    )
    assert faults() == [
        f"Event {last - 9} {ALTERED}",
        f"Event {last - 7} is missing.",
        f"Event {last - 4} {ALTERED}",
        f"Event {last - 3} {ALTERED}",
        f"Event {last - 2} {ALTERED}",
        f"Event {last} is missing.",
    ]


@pytest.mark.parametrize(
    "change",
    ["details = '{}'", "address = '192.0.2.1'", "at = at + 1", "user_id = NULL, via = 'job'", "id = id + 900000"],
)
def test_whatever_of_an_event_is_altered_it_is_found(chained: tuple[Flask, World], change: str) -> None:
    as_intruder(f"UPDATE audit_event SET {change} WHERE sequence = 5")
    assert faults() == [f"Event 5 {ALTERED}"]


def test_who_rewrites_the_whole_chain_is_found_by_an_end_that_was_noted_down(chained: tuple[Flask, World]) -> None:
    noted = record.verify_record().last
    beginning = "0" * 64
    as_intruder(
        "UPDATE audit_event SET address = '192.0.2.1' WHERE sequence = 3",
        "UPDATE audit_event SET sequence = NULL, hash = NULL",
        f"UPDATE audit_chain SET sequence = 0, hash = '{beginning}'",
    )
    record.seal_record()
    assert record.verify_record().holds, "by itself it is whole again"
    (fault,) = record.verify_record(noted).faults
    assert "was written anew" in fault.words
    assert record.verify_record(record.verify_record().last).holds


def test_an_event_put_in_behind_the_end_and_a_lost_head_are_found(chained: tuple[Flask, World]) -> None:
    last = end_of_chain()
    as_intruder(f"UPDATE audit_event SET sequence = {last + 5} WHERE sequence = {last}")
    assert faults() == [
        f"Event {last + 5} was put in by another hand: the chain does not reach there.",
        f"Event {last} is missing.",
    ]
    as_intruder("DELETE FROM audit_chain")
    assert faults() == ["Where the chain ends and begins is no longer kept."]


@both
def test_the_database_itself_lets_nobody_change_or_remove_an_event(chained: tuple[Flask, World]) -> None:
    _, world = chained
    write(world, 1)
    for statement in (
        "UPDATE audit_event SET action = 'test.other' WHERE sequence IS NULL",
        "UPDATE audit_event SET sequence = 99 WHERE sequence = 2",
        "DELETE FROM audit_event WHERE sequence = 2",
        "DELETE FROM audit_event WHERE sequence IS NULL",
    ):
        begin_writing()
        with pytest.raises(DBAPIError, match=r"never changed|kept until"):
            db.session.execute(text(statement))
        db.session.rollback()


@both
def test_many_writers_and_two_sealers_at_once_make_one_whole_chain(chained: tuple[Flask, World]) -> None:
    app, world = chained
    before = end_of_chain()

    def run(work: object, *given: object) -> None:
        with app.app_context():
            work(*given)  # type: ignore[operator]
            db.session.remove()

    def seal_often() -> None:
        for _ in range(30):
            record.seal_record()

    threads = [Thread(target=run, args=(write, world, 20)) for _ in range(4)]
    threads += [Thread(target=run, args=(seal_often,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record.seal_record()
    verdict = record.verify_record()
    assert (verdict.holds, verdict.unsealed, verdict.last[0]) == (True, 0, before + 80)


@both
def test_what_is_older_than_six_years_goes_and_the_rest_still_proves_itself(
    chained: tuple[Flask, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, world = chained
    monkeypatch.setattr(chain_module, "ROWS_AT_ONCE", 5)
    old = end_of_chain()
    noted = record.verify_record().last
    clock.turn(lambda: datetime(2090, 2, 28, tzinfo=UTC))
    write(world, 3)
    record.seal_record()
    assert record.remove_old(years=6, now=clock.now().replace(year=2027)) == 0
    gone = record.remove_old(years=6, now=datetime(2092, 2, 29, tzinfo=UTC))
    record.seal_record()
    verdict = record.verify_record()
    assert (verdict.holds, gone, verdict.removed_through) == (True, old, old)
    assert db.session.scalar(select(func.count()).where(AuditEvent.sequence <= old)) == 0
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "record.remove")).all()
    assert sum(event.row_count or 0 for event in told) == old
    assert record.verify_record(noted).holds, "the end of what was removed is still known"
    as_intruder(f"DELETE FROM audit_event WHERE sequence = {old + 1}")
    assert faults() == [f"Event {old + 1} is missing."]


def test_who_cuts_the_beginning_off_as_if_it_were_old_is_found(chained: tuple[Flask, World]) -> None:
    as_intruder(
        "UPDATE audit_chain SET removed_through = 3, removed_hash = (SELECT hash FROM audit_event WHERE sequence = 3)",
        "DELETE FROM audit_event WHERE sequence <= 3",
    )
    assert faults() == ["Events up to 3 are gone, and no event tells that they were removed as too old."]


def test_the_command_says_what_is_wrong_and_ends_so(chained: tuple[Flask, World]) -> None:
    app, world = chained
    write(world, 2)
    run = app.test_cli_runner().invoke
    whole = run(args=["audit", "verify"])
    assert whole.exit_code == 0
    assert "2 wait to be sealed" in whole.output
    assert run(args=["audit", "seal"]).output.endswith("2 events were sealed.\n")
    noted = whole.output.split()[-1]
    assert run(args=["audit", "verify", "--expect", noted]).exit_code == 0
    assert run(args=["audit", "verify", "--expect", "5:abc"]).exit_code == 2
    as_intruder("UPDATE audit_event SET action = 'test.other' WHERE sequence = 4")
    broken = run(args=["audit", "verify"])
    assert broken.exit_code == 1
    assert "Event 4 (id" in broken.output
    assert "The record is not as it was written." in broken.output

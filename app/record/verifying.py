"""Following the chain from its beginning to its end: what was altered, removed, put in or put elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from app.extensions import db
from app.record.chain import CHAIN, EVENTS, hash_of

ROWS_AT_ONCE = 2_000
MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written; ``sequence`` is the place in the chain where it shows."""

    sequence: int
    words: str


@dataclass(slots=True)
class Verdict:
    """What :func:`verify_record` found.

    :param checked: sealed events that were read
    :param unsealed: events that have no place in the chain yet: they are sealed within seconds
    :param last: the place and the hash of the chain's end: kept elsewhere, they prove later that nothing was rewritten
    """

    checked: int = 0
    unsealed: int = 0
    removed_through: int = 0
    last: tuple[int, str] = (0, "")
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.fault_count

    def fault(self, sequence: int, words: str) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(sequence, words))


def verify_record(expected: tuple[int, str] | None = None) -> Verdict:
    """Read the whole chain, and say what does not hold. Nothing is written.

    :param expected: a place and its hash that somebody noted down earlier (:attr:`Verdict.last`)
    """
    if db.engine.dialect.name == "postgresql":
        # One snapshot for all that is read; on SQLite a transaction has one anyway.
        db.session.rollback()
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        return _verdict(expected)
    finally:
        db.session.rollback()


def _verdict(expected: tuple[int, str] | None) -> Verdict:
    chain = db.session.execute(select(CHAIN)).mappings().first()
    if chain is None:
        verdict = Verdict()
        verdict.fault(0, "Where the chain ends and begins is no longer kept.")
        return verdict
    verdict = Verdict(removed_through=chain["removed_through"], last=(chain["sequence"], chain["hash"]))
    verdict.unsealed = (
        db.session.scalar(select(func.count()).select_from(EVENTS).where(EVENTS.c.sequence.is_(None))) or 0
    )
    _judge_beginning(verdict, chain["removed_hash"])
    found = _follow(verdict, chain["removed_hash"], expected)
    _judge_end(verdict, found)
    if expected is not None and found.expected_hash != expected[1]:
        verdict.fault(expected[0], _words_of_expected(verdict, expected[0], found.expected_hash))
    return verdict


@dataclass(slots=True)
class _Followed:
    """How far the chain was followed; ``before`` is None where what came before is not known."""

    place: int
    before: str | None
    expected_hash: str | None = None


def _follow(verdict: Verdict, before: str, expected: tuple[int, str] | None) -> _Followed:
    at = _Followed(verdict.removed_through, before)
    if expected is not None and expected[0] == at.place:
        at.expected_hash = before
    for row in _sealed():
        place = row["sequence"]
        verdict.checked += 1
        if place <= verdict.removed_through or place > verdict.last[0]:
            verdict.fault(place, f"Event {place} was put in by another hand: the chain does not reach there.")
            continue
        if place != at.place + 1:
            verdict.fault(at.place + 1, _words_of_missing(at.place + 1, place - 1))
            at.before = None
        if at.before is not None and hash_of(at.before, place, dict(row)) != row["hash"]:
            verdict.fault(place, f"Event {place} (id {row['id']}) is not as it was written, or not where it was.")
        if expected is not None and expected[0] == place:
            at.expected_hash = row["hash"]
        at.place, at.before = place, row["hash"]
    return at


def _sealed() -> Iterator[Any]:
    after = -1
    while True:
        page = select(EVENTS).where(EVENTS.c.sequence > after).order_by(EVENTS.c.sequence).limit(ROWS_AT_ONCE)
        rows = db.session.execute(page).mappings().all()
        yield from rows
        if len(rows) < ROWS_AT_ONCE:
            return
        after = rows[-1]["sequence"]


def _judge_beginning(verdict: Verdict, removed_hash: str) -> None:
    """What is gone from the beginning must have gone by the rule: the removal itself is an event, as long as it is the
    last one."""
    if not verdict.removed_through:
        return
    removals = select(EVENTS.c.details).where(EVENTS.c.action == "record.remove").order_by(EVENTS.c.id.desc())
    told = db.session.scalar(removals.limit(1)) or {}
    if (told.get("through"), told.get("hash")) != (verdict.removed_through, removed_hash):
        gone = f"Events up to {verdict.removed_through} are gone"
        verdict.fault(verdict.removed_through, f"{gone}, and no event tells that they were removed as too old.")


def _judge_end(verdict: Verdict, found: _Followed) -> None:
    sequence, hash_ = verdict.last
    if found.place < sequence:
        verdict.fault(found.place + 1, _words_of_missing(found.place + 1, sequence))
    elif found.before is not None and found.before != hash_:
        verdict.fault(sequence, f"The chain ends with another hash than the one kept for event {sequence}.")


def _words_of_missing(first: int, last: int) -> str:
    return f"Event {first} is missing." if first == last else f"Events {first} to {last} are missing."


def _words_of_expected(verdict: Verdict, sequence: int, found: str | None) -> str:
    if found is not None:
        return f"Event {sequence} has another hash than the one that was expected: the chain was written anew."
    if sequence < verdict.removed_through:
        return f"Event {sequence} was removed as too old, so its hash cannot be compared."
    return f"Event {sequence} is expected, and the chain does not have it."

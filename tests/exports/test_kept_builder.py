"""The builder that a worker keeps for its horses: lent to one at a time, gone with one that falls."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app import exports
from app.exports import ReportParams, builders, work
from app.exports.builders import kept_builder
from app.exports.claims import Claim, claim_part
from app.exports.heart import Heart
from app.exports.plan import plan_export
from tests.factories import World

EARLY = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keeping(domain: World) -> Iterator[None]:
    kept_builder.end()
    yield
    kept_builder.end()


def in_a_fork(told: Callable[[], object]) -> str:
    """What a forked process says."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, str(told()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read()


def started() -> int | None:
    builder = kept_builder.here()
    builder.start()
    return builder.pid


def test_a_fork_takes_over_the_builder_that_is_kept_for_it_and_so_does_the_next_one() -> None:
    kept_builder.keep()
    kept = kept_builder.here().pid
    kept_builder.keep()
    assert in_a_fork(started) == in_a_fork(started) == str(kept)


def test_a_fork_leaves_a_builder_alone_that_its_parent_works_with() -> None:
    working = started()
    assert in_a_fork(started) != str(working)


def test_a_builder_that_died_is_not_lent() -> None:
    kept_builder.keep()
    builder = kept_builder.here()
    dead = builder.pid
    builder.interrupt()
    while builder.is_running:
        os.sched_yield()
    assert in_a_fork(started) != str(dead)
    kept_builder.keep()
    assert kept_builder.here().pid != dead


def test_a_fork_may_end_it_and_its_keeper_starts_another() -> None:
    kept_builder.keep()
    dead = kept_builder.here().pid
    kept_builder.keep()
    assert in_a_fork(lambda: (started(), kept_builder.end())[0]) == str(dead)
    assert not kept_builder.here().is_running
    kept_builder.keep()
    assert kept_builder.here().is_running
    assert kept_builder.here().pid != dead


def test_a_builder_that_has_grown_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_builder.keep()
    grown = kept_builder.here().pid
    kept_builder.keep()
    assert kept_builder.here().pid == grown
    monkeypatch.setattr(builders, "MOST_KEPT_BYTES", 1)
    kept_builder.keep()
    assert kept_builder.here().pid != grown


def test_a_heart_that_beats_just_after_its_part_was_finished_leaves_the_builder_alone(
    domain: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    beaten, beats = threading.Event(), Heart._beat

    def beat(heart: Heart) -> bool:
        held = beats(heart)
        beaten.set()
        return held

    def plan(claim: Claim, heart: Heart) -> None:
        plan_export(claim, heart)
        beaten.clear()
        assert beaten.wait(20)

    monkeypatch.setattr(Heart, "_beat", beat)
    monkeypatch.setitem(work.STEPS, "plan", plan)
    params = ReportParams(("patient",), start=EARLY)
    exports.request_export(domain.actor("alice"), "report", params, request_key=str(uuid4()))
    claim = claim_part("test")
    assert claim is not None
    assert work.do_part(claim)
    builder = kept_builder.here().pid
    assert kept_builder.here().is_running
    assert exports.work_until_idle("test") > 0
    assert kept_builder.here().pid == builder


def test_a_kept_builder_dies_with_its_keeper() -> None:
    reading, writing = os.pipe()
    keeper = os.fork()
    if not keeper:
        kept_builder.keep()
        os.write(writing, str(kept_builder.here().pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(keeper, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        kept = os.pidfd_open(int(answer.read()))
    try:
        while True:
            signal.pidfd_send_signal(kept, 0)
            os.sched_yield()
    except ProcessLookupError:
        os.close(kept)

"""Valkey dies, forgets, comes back: an accepted export is a row, so it is made all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import jobqueue
from app.exports import failpoints
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment
from tests.faults.processes import until
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over


@pytest.fixture(scope="module")
def deployed(deploy: Deploy) -> Deployment:
    return deploy("sqlite")


@pytest.fixture
def site(deployed: Deployment) -> Iterator[Deployment]:
    with deployed.at_hand():
        yield deployed


def test_exports_queued_and_asked_for_while_valkey_was_dead_all_end_ready_without_help(site: Deployment) -> None:
    site.arm(failpoints.CLAIMED)
    asked = [(who, site.request(who)) for who in ("alice", "boris", "rita")]
    held = site.held_at(failpoints.CLAIMED)
    site.valkey.kill()
    asked += [(who, site.request(who)) for who in ("adam", "ann")]
    assert not jobqueue.ring()
    site.release(held)
    site.valkey.start()
    site.until_settled(*(export_id for _, export_id in asked))
    for who, export_id in asked:
        assert_ended_right(site, who, export_id)
    assert_nothing_is_left_over()


def test_exports_end_ready_when_valkey_forgot_every_bell(site: Deployment) -> None:
    site.arm(failpoints.CLAIMED)
    first = site.request("alice")
    held = site.held_at(failpoints.CLAIMED)
    second = site.request("boris")
    site.valkey.forget()
    site.release(held)
    site.until_settled(first, second)
    assert_ended_right(site, "alice", first)
    assert_ended_right(site, "boris", second)


@pytest.mark.long
def test_a_worker_that_gave_valkey_up_is_started_again_and_makes_what_was_asked_for_meanwhile(
    site: Deployment,
) -> None:
    worker = site.workers[0]
    site.valkey.kill()
    starts = worker.starts
    export_id = site.request("rita")
    until(lambda: worker.starts > starts, "the worker ended and was started again", site.revive)
    site.valkey.start()
    site.until_settled(export_id)
    assert_ended_right(site, "rita", export_id)

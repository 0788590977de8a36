"""Whoever is killed with -9, wherever: each export ends ready, once, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from app.exports import failpoints
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, Held
from tests.faults.processes import is_gone, kill, until
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over

BUILDER, PARENT = VICTIMS = ("the building process", "its parent")
COMMITTED = (failpoints.AFTER_PART_COMMIT, failpoints.AFTER_COMMIT)
# Every place is tried each time, with one victim at least; with both, where a step ends for others to see.
EACH_TIME = {
    (failpoints.BEFORE_STAGING, BUILDER),
    (failpoints.AFTER_STAGING, PARENT),
    (failpoints.BEFORE_PART_COMMIT, BUILDER),
    (failpoints.AFTER_PART_COMMIT, PARENT),
    *((place, BUILDER) for place in failpoints.INSIDE_COMMIT.values()),
    *product(
        (
            failpoints.CLAIMED,
            failpoints.MID_PART,
            failpoints.BEFORE_RENAME,
            failpoints.AFTER_RENAME,
            failpoints.BEFORE_COMMIT,
            failpoints.AFTER_COMMIT,
        ),
        VICTIMS,
    ),
}
CASES = [
    pytest.param(
        database, place, victim, marks=() if database == "sqlite" and (place, victim) in EACH_TIME else pytest.mark.long
    )
    for database, place, victim in product(("sqlite", "postgresql"), failpoints.ALL, VICTIMS)
]


@pytest.fixture(scope="module")
def deployed(request: pytest.FixtureRequest, deploy: Deploy) -> Deployment:
    return deploy(request.param)


@pytest.fixture
def site(deployed: Deployment) -> Iterator[Deployment]:
    with deployed.at_hand():
        yield deployed


def strike(site: Deployment, victim: str, held: Held) -> None:
    """Kill, and see the builder gone: nobody may be left behind that builds on."""
    worker = site.worker_of(held)
    kill(held.pid if victim == BUILDER else worker.pid)
    until(lambda: is_gone(held.pid), "the builder is gone")


@pytest.mark.parametrize(("deployed", "place", "victim"), CASES, indirect=["deployed"])
def test_an_export_ends_ready_exactly_once_though_its_builder_was_killed(
    site: Deployment, place: str, victim: str
) -> None:
    site.arm(place)
    export_id = site.request("alice")
    held = site.held_at(place)
    strike(site, victim, held)
    site.until_settled(export_id)
    assert (held.ordinal is None) is (place in COMMITTED)
    assert_ended_right(site, "alice", export_id, {} if held.ordinal is None else {held.ordinal: held.fence + 1})
    assert_nothing_is_left_over(site)

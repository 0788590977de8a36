"""Two workers given the same part, the very same claim: one does it, and the other spoils nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from app.exports import failpoints
from app.exports.claims import Claim, claim_part
from app.exports.work import do_part
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment
from tests.faults.processes import until
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over

TWICE = [sys.executable, "-m", "tests.faults.one_claim"]
# Where both have made their bytes, and neither has said so. A bucket takes one archive of a name only.
LAST_STEPS = {
    ("build", "disk"): failpoints.BEFORE_PART_COMMIT,
    ("publish", "disk"): failpoints.BEFORE_COMMIT,
    ("publish", "s3"): failpoints.BEFORE_RENAME,
}


@pytest.fixture(
    scope="module",
    params=[
        ("sqlite", "disk"),
        pytest.param(("sqlite", "s3"), marks=pytest.mark.long),
        pytest.param(("postgresql", "disk"), marks=pytest.mark.long),
        pytest.param(("postgresql", "s3"), marks=pytest.mark.long),
    ],
    ids="-".join,
)
def deployed(request: pytest.FixtureRequest, deploy: Deploy) -> Deployment:
    # Nobody beats for the part while both stand still at once on a busy machine.
    return deploy(*request.param, lease_seconds=60.0, give_up_seconds=45.0)


@pytest.fixture
def site(deployed: Deployment) -> Iterator[Deployment]:
    with deployed.at_hand(running=False):
        yield deployed


def given_to_two(site: Deployment, claim: Claim) -> list[int]:
    """What the two ended with: 0 is done, 3 is not."""
    told = json.dumps({name: value if isinstance(value, int) else str(value) for name, value in asdict(claim).items()})
    place = LAST_STEPS.get((claim.step, site.storage))
    claimants, held = [], []
    for number in (1, 2):
        if place:
            site.arm(place)
        claimants.append(site.start(f"claimant {number}", [*TWICE, told]))
        if place:
            held.append(site.held_at(place, revived=False))
    for one in held:
        site.release(one)
    return sorted(one.wait() for one in claimants)


@pytest.mark.parametrize(
    "step", [pytest.param("plan", marks=pytest.mark.long), "build", pytest.param("publish", marks=pytest.mark.long)]
)
def test_of_two_workers_given_the_same_part_one_does_it(site: Deployment, step: str) -> None:
    export_id = site.request("alice")
    ended: list[Any] = []

    def is_settled() -> bool:
        nonlocal ended
        claim = claim_part("test")
        if claim is not None and claim.step == step and not ended:
            ended = given_to_two(site, claim)
        elif claim is not None:
            assert do_part(claim)
        return not site.is_pending(export_id)

    until(is_settled, "the export is settled")
    # The one that a bucket refuses says that it is to be tried again, which the other may find out only too late.
    assert ended == [0, 3] or (site.storage == "s3" and ended == [3, 3])
    assert_ended_right(site, "alice", export_id)
    assert_nothing_is_left_over()

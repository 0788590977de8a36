"""A builder that hangs, while its work horse lives and beats: it holds up its own export and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import exports
from tests.faults.conftest import Deploy
from tests.faults.deployment import MID_FRAGMENT, Deployment
from tests.faults.processes import freeze, is_gone, until
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over


@pytest.fixture(scope="module")
def deployed(deploy: Deploy) -> Deployment:
    return deploy("sqlite")


@pytest.fixture
def site(deployed: Deployment) -> Iterator[Deployment]:
    with deployed.at_hand():
        yield deployed


def test_a_worker_whose_builder_hangs_is_free_again_when_the_export_is_cancelled(site: Deployment) -> None:
    site.arm(MID_FRAGMENT)
    export_id = site.request("alice")
    held = site.held_at(MID_FRAGMENT)
    freeze(held.standing)
    exports.cancel_export(site.world.actor("alice"), export_id)
    until(lambda: is_gone(held.standing), "the hanging builder is gone", site.go_on)
    other = site.request("rita")
    site.until_settled(other)
    assert_ended_right(site, "rita", other)
    assert_nothing_is_left_over()

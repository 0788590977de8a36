"""Whatever befalls an export, wherever: it ends ready, once, and whole. With storage on a local disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.exports import failpoints
from tests.faults.conftest import KeptSites
from tests.faults.deployment import MID_FRAGMENT, Deployment
from tests.faults.matrix import cases, endure
from tests.faults.striking import AWAY, BUILDER, FROZEN, FULL, HORSE, PARENT, VALKEY

# Each strike, and each place, at least once on one of the storages.
EACH_TIME = {
    ("sqlite", failpoints.CLAIMED, HORSE),
    ("sqlite", failpoints.BEFORE_STAGING, BUILDER),
    ("sqlite", failpoints.BEFORE_PART_COMMIT, FULL),
    ("sqlite", failpoints.INSIDE_COMMIT["build"], HORSE),
    ("sqlite", failpoints.AFTER_PART_COMMIT, PARENT),
    ("sqlite", failpoints.BEFORE_RENAME, AWAY),
    ("sqlite", failpoints.BEFORE_COMMIT, FROZEN),
    ("sqlite", failpoints.AFTER_COMMIT, VALKEY),
    ("sqlite", MID_FRAGMENT, PARENT),
}


@pytest.fixture
def site(request: pytest.FixtureRequest, kept_sites: KeptSites) -> Iterator[Deployment]:
    with kept_sites.of(request.param, "disk").at_hand() as site:
        yield site


@pytest.mark.parametrize(("site", "place", "what"), cases(EACH_TIME), indirect=["site"])
def test_an_export_ends_ready_exactly_once_whatever_befalls_it(site: Deployment, place: str, what: str) -> None:
    endure(site, place, what)

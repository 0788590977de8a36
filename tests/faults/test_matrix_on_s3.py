"""Whatever befalls an export, wherever: it ends ready, once, and whole. With storage on a bucket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.exports import failpoints
from tests.faults.conftest import KeptSites
from tests.faults.deployment import MID_FRAGMENT, Deployment
from tests.faults.matrix import cases, endure
from tests.faults.striking import AWAY, BUILDER, FROZEN, FULL, HORSE, SESSION

# Each strike, and each place, at least once on one of the storages.
EACH_TIME = {
    ("postgresql", failpoints.AFTER_STAGING, HORSE),
    ("postgresql", failpoints.INSIDE_COMMIT["plan"], SESSION),
    ("postgresql", failpoints.INSIDE_COMMIT["publish"], BUILDER),
    ("postgresql", failpoints.BEFORE_RENAME, FULL),
    ("postgresql", failpoints.AFTER_RENAME, FROZEN),
    ("postgresql", MID_FRAGMENT, AWAY),
}


@pytest.fixture
def site(request: pytest.FixtureRequest, kept_sites: KeptSites) -> Iterator[Deployment]:
    with kept_sites.of(request.param, "s3").at_hand() as site:
        yield site


@pytest.mark.parametrize(("site", "place", "what"), cases(EACH_TIME), indirect=["site"])
def test_an_export_ends_ready_exactly_once_whatever_befalls_it(site: Deployment, place: str, what: str) -> None:
    endure(site, place, what)

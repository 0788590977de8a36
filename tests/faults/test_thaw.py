"""A builder that was frozen past its lease and thaws: its part is another's by then, and it writes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from app import clock, exports
from app.exports import failpoints
from app.extensions import db
from app.models import Export
from app.storage import storage
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, Held
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over

# Whoever is frozen inside a transaction on SQLite holds up everybody who writes, so nobody can overtake there.
OUTSIDE = [place for place in failpoints.ALL if place not in failpoints.INSIDE_COMMIT.values()]
HOLDING = [place for place in OUTSIDE if place not in (failpoints.AFTER_PART_COMMIT, failpoints.AFTER_COMMIT)]
EACH_TIME = (failpoints.BEFORE_PART_COMMIT,)
PLACES_OF_BYTES = [
    ("sqlite", "disk"),
    pytest.param(("postgresql", "disk"), marks=pytest.mark.long),
    pytest.param(("postgresql", "s3"), marks=pytest.mark.long),
]
# Where the stale builder has made its bytes and is about to say so; and where its rival stands, in the same part.
OVERTAKEN = [
    pytest.param(failpoints.BEFORE_PART_COMMIT, failpoints.MID_PART, id="a part"),
    pytest.param(failpoints.BEFORE_COMMIT, failpoints.BEFORE_RENAME, id="the publication"),
]


@pytest.fixture(scope="module", params=PLACES_OF_BYTES, ids="-".join)
def deployed(request: pytest.FixtureRequest, deploy: Deploy) -> Deployment:
    return with_two_workers(deploy(*request.param))


@pytest.fixture(scope="module", params=PLACES_OF_BYTES, ids="-".join)
def fenceless(request: pytest.FixtureRequest, deploy: Deploy) -> Deployment:
    """A deployment in which nobody asks whether the fence is still theirs."""
    return with_two_workers(deploy(*request.param, planted="no fence"))


@pytest.fixture
def site(deployed: Deployment) -> Iterator[Deployment]:
    with deployed.at_hand():
        yield deployed


@pytest.fixture
def site_without_fence(fenceless: Deployment) -> Iterator[Deployment]:
    with fenceless.at_hand():
        yield fenceless


def with_two_workers(site: Deployment) -> Deployment:
    site.add_worker()
    return site


def freeze_at(site: Deployment, place: str) -> Held:
    site.arm(place)
    export_id = site.request("rita")
    held = site.held_at(place)
    assert held.export_id == export_id
    site.freeze(held)
    return held


def overtake(site: Deployment, place: str, rival_place: str) -> Held:
    """Freeze a builder for hours, let another take its part up, and thaw it while that one is in the midst of it.

    Returns the stale one, when the export is settled.
    """
    stale = freeze_at(site, place)
    assert stale.export_id is not None
    assert stale.ordinal is not None
    site.arm(rival_place)
    rival = site.held_at(rival_place)
    assert (rival.export_id, rival.ordinal) == (stale.export_id, stale.ordinal)
    assert rival.pid != stale.pid
    hours_pass_over_the_bytes_of(site, stale.export_id, f"{stale.ordinal}-{stale.fence}", f"{stale.fence}.zip")
    site.thaw(stale)
    site.release(rival)
    site.until_settled(stale.export_id)
    return stale


def hours_pass_over_the_bytes_of(site: Deployment, export_id: UUID, *names: str) -> None:
    """What the stale claim staged or published grows old and is swept, as no row names it any more."""
    long_ago = time.time() - 7200
    made = [found for found in storage.list_() if str(export_id) in found.key and Path(found.key).name in names]
    assert len(made) == 1
    if site.storage == "s3":
        # Nobody can turn back the clock of a bucket. What is under way there is not swept: its rows name it. What an
        # earlier export left behind, where nobody asks for the fence, goes along.
        exports.sweep_storage(clock.now() + timedelta(hours=2))
    else:
        os.utime(site.config.data_dir / "storage" / made[0].key, (long_ago, long_ago))
        exports.sweep_storage()
    assert made[0].key not in [found.key for found in storage.list_()]


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=() if place in EACH_TIME else pytest.mark.long) for place in HOLDING]
)
def test_a_builder_that_thaws_after_another_did_its_part_changes_nothing(site: Deployment, place: str) -> None:
    held = freeze_at(site, place)
    assert held.export_id is not None
    assert held.ordinal is not None
    site.until_settled(held.export_id)
    site.thaw(held)
    assert_ended_right(site, "rita", held.export_id, {held.ordinal: held.fence + 1})
    assert_nothing_is_left_over()


@pytest.mark.parametrize(("place", "rival_place"), OVERTAKEN)
def test_a_builder_that_thaws_while_another_is_at_its_part_changes_nothing(
    site: Deployment, place: str, rival_place: str
) -> None:
    stale = overtake(site, place, rival_place)
    assert stale.export_id is not None
    assert stale.ordinal is not None
    assert_ended_right(site, "rita", stale.export_id, {stale.ordinal: stale.fence + 1})
    assert_nothing_is_left_over()


@pytest.mark.parametrize(("place", "rival_place"), OVERTAKEN)
def test_without_the_fence_the_same_thaw_ends_wrong_and_is_found(
    site_without_fence: Deployment, place: str, rival_place: str
) -> None:
    site = site_without_fence
    stale = overtake(site, place, rival_place)
    assert stale.export_id is not None
    with pytest.raises(AssertionError):
        assert_ended_right(site, "rita", stale.export_id)
    export = db.session.get_one(Export, stale.export_id, populate_existing=True)
    if place == failpoints.BEFORE_PART_COMMIT:
        # The stale builder committed a part whose bytes are gone, so there is nothing to publish.
        assert export.state == "failed"
    else:
        # It said ready, for an archive that is gone.
        assert export.state == "ready"
        assert not storage.exists(export.archive_key or "")

"""Two workers at once: every part is done once, and both work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from app.exports import failpoints
from app.extensions import db
from app.models import ExportPart
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over

WHO = ("alice", "boris", "rita", "adam", "boris", "ann")


@pytest.fixture(scope="module", params=[pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def deployed(request: pytest.FixtureRequest, deploy: Deploy) -> Deployment:
    # Nobody dies here, so nobody's lease may run out, however busy the machine is.
    site = deploy(request.param, lease_seconds=60.0, give_up_seconds=45.0)
    site.add_worker()
    return site


@pytest.fixture
def site(deployed: Deployment) -> Iterator[Deployment]:
    with deployed.at_hand():
        yield deployed


def test_two_workers_make_the_exports_of_two_tenants_each_once(site: Deployment) -> None:
    site.arm(failpoints.MID_PART)
    asked = [(who, site.request(who)) for who in WHO]
    one = site.held_at(failpoints.MID_PART)
    site.arm(failpoints.MID_PART)
    other = site.held_at(failpoints.MID_PART)
    # Both hold a part at the same time.
    assert site.worker_of(one) is not site.worker_of(other)
    assert {one.export_id, other.export_id} <= {export_id for _, export_id in asked}
    site.release(one)
    site.release(other)
    site.until_settled(*(export_id for _, export_id in asked))
    for who, export_id in asked:
        assert_ended_right(site, who, export_id)
    attempts = db.session.scalars(select(ExportPart.attempts))
    assert set(attempts) == {1}
    for held in (one, other):
        part = db.session.get_one(ExportPart, (held.export_id, held.ordinal))
        assert (part.worker or "").endswith(f"/{held.pid}")
    db.session.rollback()
    assert_nothing_is_left_over()

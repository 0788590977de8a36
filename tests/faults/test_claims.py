"""Claiming on PostgreSQL: nobody waits for a part that another is just taking."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app.exports.claims import claim_part
from app.extensions import db
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment


@pytest.fixture
def site(deploy: Deploy) -> Iterator[Deployment]:
    """A deployment in which nobody works but the test, and nobody waits for a lock for long."""
    made = deploy("postgresql")
    with made.at_hand(running=False):
        with db.engine.connect() as connection:
            name = connection.scalar(text("SELECT current_database()"))
            connection.execute(text(f'ALTER DATABASE "{name}" SET lock_timeout = 5000'))
            connection.commit()
        db.engine.dispose()
        yield made


def test_a_part_that_another_is_just_taking_is_passed_over_without_waiting(site: Deployment) -> None:
    first, second = site.request("alice"), site.request("adam")
    with db.engine.connect() as other:
        taken = other.execute(text("SELECT export_id FROM export_part WHERE export_id = :id FOR UPDATE"), {"id": first})
        assert taken.rowcount == 1
        claim = claim_part("a worker")
        assert claim is not None
        assert claim.export_id == second
        assert claim_part("a worker") is None
        other.rollback()
    claim = claim_part("a worker")
    assert claim is not None
    assert (claim.export_id, claim.fence) == (first, 1)

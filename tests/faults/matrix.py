"""The fault matrix: at every place of an export's life every strike, on either database and either storage."""

from __future__ import annotations

from collections.abc import Container
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from app.exports import failpoints
from tests.faults.deployment import MID_FRAGMENT, Deployment, Held
from tests.faults.processes import builders_of
from tests.faults.striking import BUILDER, COMMITTED, FROZEN, HORSE, PARENT, PLACES, STRIKES, strike
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over, digests

Case = tuple[str, str, str]


def cases(each_time: Container[Case]) -> list[Any]:
    """The whole matrix for one storage; all but ``each_time`` are for the long tests."""
    return [
        pytest.param(
            database, place, what,
            id=f"{database}-{place}-{what.replace(' ', '_')}",
            marks=() if (database, place, what) in each_time else pytest.mark.long,
        )
        for database, place, what in product(("sqlite", "postgresql"), PLACES, STRIKES)
    ]  # fmt: skip


def endure(site: Deployment, place: str, what: str) -> None:
    """Ask for an export, strike it at a place, and see that it ends ready, once, whole, and as without the strike."""
    # One part is enough for a rival to be found at it; otherwise several are under way.
    who = "rita" if what == FROZEN else "alice"
    undisturbed = site.remembered(who, lambda: _undisturbed(site, who))
    held, asked = _hold(site, who, place, with_builder=what == BUILDER)
    strike(site, what, held)
    site.until_settled(*asked)
    for export_id in asked:
        claims = _claims(held, what) if export_id == held.export_id else {}
        assert_ended_right(site, who, export_id, claims)
        assert digests(export_id) == undisturbed
    assert_nothing_is_left_over()


def _undisturbed(site: Deployment, who: str) -> dict[str, str]:
    export_id = site.request(who)
    site.until_settled(export_id)
    assert_ended_right(site, who, export_id)
    return digests(export_id)


def _hold(site: Deployment, who: str, place: str, *, with_builder: bool) -> tuple[Held, list[UUID]]:
    """Have somebody stand still at a place; one who has a builder already, if that is the one to be struck."""
    site.arm(place)
    asked = [site.request(who)]
    held = site.held_at(place, asked[-1])
    while with_builder and not builders_of(held.pid):
        # It gets one with its first part, which may be of a later export only.
        site.arm(place)
        if place in (failpoints.INSIDE_COMMIT["plan"], failpoints.AFTER_COMMIT):
            asked.append(site.request(who))
        site.release(held)
        held = site.held_at(place, asked[-1])
    return held, asked


def _claims(held: Held, what: str) -> dict[int, int]:
    """How often the part that was held must have been claimed at least."""
    lost = what in (HORSE, PARENT) or (what == BUILDER and held.place in (MID_FRAGMENT, failpoints.BEFORE_STAGING))
    if not lost or held.ordinal is None or held.place in COMMITTED:
        return {}
    return {held.ordinal: held.fence + 1}

"""What leaves without identifiers after an administrator marked an attribute as PHI, or took the mark away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app import accounts, administration, clock, exports
from app.errors import Forbidden, ProofNeeded
from app.exports import DataExportParams
from app.extensions import db
from app.models import Template
from tests.exports.test_export_rights import FULL, OF_DEVICES, OF_LOGS, WITHOUT, let
from tests.exports.test_life import LONG_AGO, PATIENTS, make, opened
from tests.factories import PASSWORD, World


def mark(world: World, name: str, *, phi: bool, of: str = "patient") -> None:
    attribute = db.session.get_one(Template, world.templates[of].id).attribute(name)
    assert attribute is not None
    spec = replace(administration.spec_of(attribute), phi=phi)
    administration.change_attribute(world.actor("max"), attribute.template_id, attribute.id, spec)


def test_a_mark_is_not_taken_away_by_a_browser_that_was_left_open(domain: World) -> None:
    entry = accounts.sign_in("max@example.org", PASSWORD, address=None, user_agent=None)
    max_ = accounts.actor_for_secret(entry.secret, touch=False)
    assert max_ is not None
    attribute = db.session.get_one(Template, domain.templates["patient"].id).attribute("first_name")
    assert attribute is not None
    plain = replace(administration.spec_of(attribute), phi=False)
    ids = attribute.template_id, attribute.id
    clock.turn(lambda: datetime.now(UTC) + timedelta(minutes=11))
    with pytest.raises(ProofNeeded):
        administration.change_attribute(max_, *ids, plain)
    assert administration.get_attribute(max_, *ids).phi
    # Its label is nobody's secret.
    administration.change_attribute(max_, *ids, replace(plain, phi=True, label="Given name"))


def leaves(world: World, *, without_phi: bool) -> bool:
    archive = opened(world, "alice", make(world, "alice", replace(PATIENTS, without_phi=without_phi)))
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b'"age":41' in everything
    return b"Rings at night" in everything


def test_a_value_leaves_without_identifiers_only_while_it_is_not_marked(domain: World) -> None:
    domain.patient(notes="Rings at night", age=41)
    assert leaves(domain, without_phi=True)
    mark(domain, "notes", phi=True)
    assert not leaves(domain, without_phi=True)
    assert leaves(domain, without_phi=False)
    mark(domain, "notes", phi=False)
    assert leaves(domain, without_phi=True)


def test_what_was_marked_since_an_archive_was_made_keeps_it_from_who_may_not_have_that(domain: World) -> None:
    domain.patient(notes="Rings at night")
    domain.log(domain.device())
    hidden, logs = (replace(params, without_phi=True) for params in (PATIENTS, OF_LOGS))
    patients, devices, referring = (make(domain, "alice", params).id for params in (hidden, OF_DEVICES, logs))
    series = DataExportParams(LONG_AGO, LONG_AGO + timedelta(days=1))
    measured = exports.request_export(domain.actor("alice"), "data_export", series, request_key=str(uuid4())).id
    exports.work_until_idle("test")

    def barred(who: str = "alice") -> set[UUID]:
        return {
            one
            for one in (patients, devices, referring, measured)
            if exports.why_not_taken(domain.actor(who), exports.get_export(domain.actor(who), one))
        }

    let(domain, clinician=WITHOUT)
    assert barred() == set()
    mark(domain, "notes", phi=True)
    assert barred() == {patients}
    with pytest.raises(Forbidden, match="marked as identifying people since"):
        exports.open_archive(domain.actor("alice"), patients)
    # What a device is called stands in whatever refers to it.
    mark(domain, "serial_number", phi=True, of="device")
    assert barred() == {patients, devices, referring, measured}
    assert barred("max") == set()
    mark(domain, "serial_number", phi=False, of="device")
    assert barred() == {patients}
    let(domain, clinician=FULL)
    assert barred() == set()

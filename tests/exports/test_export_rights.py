"""What a role may export: asked when an export is asked for, when a worker begins it, and when it is taken away."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app import administration, exports
from app.access import ExportRight, Permission, allows, export_right
from app.actor import Actor, Standing
from app.administration import AttributeSpec, MetricSpec
from app.errors import Forbidden, Invalid
from app.exports import DataExportParams, ReportParams
from app.exports.claims import claim_part
from app.exports.work import do_part
from app.extensions import db
from app.models import AuditEvent
from tests.exports.test_life import LONG_AGO, PATIENTS, make, opened
from tests.exports.test_what_archives_tell import said
from tests.factories import World

OF_DEVICES = ReportParams(("device",), start=LONG_AGO)
OF_LOGS = ReportParams(("generic-entity",), start=LONG_AGO)
MEASURED = ReportParams(("measurements",), start=LONG_AGO)
WITHOUT, NONE, FULL = ExportRight.WITHOUT_IDENTIFIERS, ExportRight.NONE, ExportRight.FULL


def let(world: World, **rights: str) -> None:
    """What roles may export from now on, as the administrator says it."""
    actor = world.actor("max")
    present = administration.tenant_settings(actor)
    wanted = replace(present, export_rights=tuple((dict(present.export_rights) | rights).items()))
    administration.change_settings(actor, wanted, present.fingerprint)


def ask(world: World, who: str, params: ReportParams = PATIENTS) -> UUID:
    return exports.request_export(world.actor(who), "report", params, request_key=str(uuid4())).id


def everything(archive: zipfile.ZipFile) -> bytes:
    return b"".join(archive.read(name) for name in archive.namelist())


def test_the_least_of_a_scope_holds_and_in_each_place_the_most_of_its_roles(world: World) -> None:
    north, river, root = world.northside.id, world.riverside.id, uuid4()

    def right(*standings: tuple[Any, ...], scope: tuple[UUID, ...] | None = (north, river)) -> ExportRight:
        held = tuple(Standing(place, "clinician", place == root, exports) for place, exports in standings)
        return export_right(Actor(uuid4(), world.acme.id, "Somebody", held), scope)

    assert right((north, "full"), (river, "full")) is FULL
    assert right((north, "full"), (river, WITHOUT)) is WITHOUT
    assert right((north, "full"), (river, WITHOUT), scope=(north,)) is FULL
    assert right((north, "full"), (north, WITHOUT), scope=(north,)) is FULL
    assert right((north, "full")) is NONE
    assert right((north, "full"), (root, WITHOUT)) is WITHOUT
    assert right((north, "full"), (root, WITHOUT), scope=None) is WITHOUT
    assert right((root, "full"), scope=None) is FULL
    assert right(scope=()) is NONE
    token = Actor(uuid4(), world.acme.id, "A token", (Standing(root, "analyst", True),), scopes=frozenset({"view"}))
    assert export_right(token, None) is NONE


def test_what_was_asked_for_in_full_is_made_without_and_says_why(domain: World) -> None:
    domain.patient(first_name="Zanzibar", last_name="Quux")
    let(domain, clinician=WITHOUT)
    export_id = make(domain, "alice", PATIENTS).id
    archive = opened(domain, "alice", exports.get_export(domain.actor("alice"), export_id))
    assert b"Zanzibar" not in everything(archive)
    assert b'"age":40' in everything(archive)
    assert "the requester's right to export does not reach so far" in said(archive)
    made = exports.get_export(domain.actor("alice"), export_id)
    assert made.made_under == "without-identifiers"
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "export.request")).one()
    assert event.details == {"right": "without-identifiers"}


def test_a_preview_is_of_what_would_leave(domain: World) -> None:
    domain.patient(first_name="Zanzibar" * 20, last_name="Quux")
    alice = domain.actor("alice")
    before = exports.preview_report(alice, PATIENTS)
    let(domain, clinician=WITHOUT)
    after = exports.preview_report(domain.actor("alice"), PATIENTS)
    assert after.rows == before.rows
    assert after.bytes < before.bytes - 160
    with pytest.raises(Invalid, match="Attached files can identify people"):
        exports.preview_report(domain.actor("alice"), replace(PATIENTS, with_files=True))


def test_none_is_as_if_the_role_did_not_export(domain: World) -> None:
    ready = make(domain, "alice", PATIENTS).id
    let(domain, clinician=NONE)
    alice = domain.actor("alice")
    assert not allows(alice, Permission.EXPORT_DATA)
    for refused in (
        lambda: ask(domain, "alice"),
        lambda: exports.open_archive(alice, ready),
        lambda: exports.preview_report(alice, MEASURED),
        lambda: exports.offered_scopes(alice),
    ):
        with pytest.raises(Forbidden) as refusal:
            refused()
        assert refusal.value.reason == "permission"
    # The analyst's role is another.
    assert ask(domain, "ann")


def test_a_right_that_falls_before_the_worker_begins_fails_the_export_with_words(domain: World) -> None:
    domain.patient()
    asked = (PATIENTS, replace(PATIENTS, without_phi=True), OF_DEVICES)
    with_identifiers, without, of_devices = [ask(domain, "alice", params) for params in asked]
    let(domain, clinician=WITHOUT)
    exports.work_until_idle("test")
    alice = domain.actor("alice")
    states = [exports.get_export(alice, one).state for one in (with_identifiers, without, of_devices)]
    assert states == ["failed", "ready", "ready"]
    assert "without what identifies people" in (exports.get_export(alice, with_identifiers).reason or "")


def test_a_right_that_falls_while_the_archive_is_being_made_keeps_from_it(domain: World) -> None:
    domain.patient()
    asked = [ask(domain, "alice"), ask(domain, "alice", replace(PATIENTS, without_phi=True))]
    for _ in asked:
        plan = claim_part("planner")
        assert plan is not None
        assert do_part(plan)
    let(domain, clinician=WITHOUT)
    exports.work_until_idle("test")
    alice = domain.actor("alice")
    assert [exports.get_export(alice, one).state for one in asked] == ["ready", "ready"]
    with pytest.raises(Forbidden, match="without what identifies people"):
        exports.open_archive(alice, asked[0])
    exports.open_archive(alice, asked[1]).stream.close()
    let(domain, clinician=NONE)
    with pytest.raises(Forbidden):
        exports.open_archive(domain.actor("alice"), asked[1])


def test_a_right_that_fell_keeps_from_archives_that_identify_and_from_no_others(domain: World) -> None:
    domain.patient()
    domain.device()
    asked = (PATIENTS, replace(PATIENTS, without_phi=True), OF_DEVICES, MEASURED, OF_LOGS)
    identifying, hidden, devices, measured, referring = [make(domain, "alice", params).id for params in asked]
    let(domain, clinician=WITHOUT)
    alice = domain.actor("alice")
    for taken in (exports.open_archive, lambda actor, one: exports.open_file(actor, one, 0)):
        with pytest.raises(Forbidden) as refusal:
            taken(alice, identifying)
        assert refusal.value.reason == "identifiers"
    assert exports.why_not_taken(alice, exports.get_export(alice, identifying)) is not None
    for one in (hidden, devices, measured):
        exports.open_archive(alice, one).stream.close()
    # A device's log has a file, and what files are called may tell.
    assert exports.why_not_taken(alice, exports.get_export(alice, referring)) is not None
    # Whoever may have it all sees the same archive.
    exports.open_archive(domain.actor("max"), identifying).stream.close()
    let(domain, clinician=FULL)
    exports.open_archive(domain.actor("alice"), identifying).stream.close()


def test_time_series_are_the_same_under_both_rights(domain: World) -> None:
    domain.device()
    let(domain, analyst=WITHOUT)
    ann = domain.actor("ann")
    params = DataExportParams(LONG_AGO, LONG_AGO + timedelta(days=1))
    export = exports.request_export(ann, "data_export", params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    exports.open_archive(ann, export.id).stream.close()
    assert exports.get_export(ann, export.id).made_under == "without-identifiers"


def test_a_device_called_by_what_identifies_goes_by_its_key_where_that_may_not_leave(domain: World) -> None:
    tag = AttributeSpec(name="wearer", label="Wearer", kind="LABEL", phi=True)
    domain.templates["worn"] = administration.create_template(
        domain.acme.id, "device", "worn", "Worn", [tag], metrics=[MetricSpec(name="steps", label="Steps")]
    )
    worn = domain.entity("worn", None, {"wearer": "Zanzibar Quux"}, key="W-1")
    params = DataExportParams(LONG_AGO, LONG_AGO + timedelta(days=1), device_ids=(worn.id,), file_name="${thing.name}")

    def made() -> UUID:
        alice = domain.actor("alice")
        export = exports.request_export(alice, "data_export", params, request_key=str(uuid4()))
        exports.work_until_idle("test")
        return export.id

    called = made()
    names = {file.name for file in exports.get_export(domain.actor("alice"), called).files}
    assert names == {"Zanzibar Quux.csv"}
    let(domain, clinician=WITHOUT)
    with pytest.raises(Forbidden, match="without what identifies people"):
        exports.open_archive(domain.actor("alice"), called)
    keyed = exports.get_export(domain.actor("alice"), made())
    assert {file.name for file in keyed.files} == {"W-1.csv"}
    archive = opened(domain, "alice", keyed)
    assert b"Zanzibar" not in everything(archive)
    assert "names of devices that are made of what identifies people" in said(archive)
    shown = exports.preview_data_export(domain.actor("alice"), params)
    assert "Zanzibar" not in repr(shown)

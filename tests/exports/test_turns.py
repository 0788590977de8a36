"""Whose turn it is: tenants, people and exports take turns, and a small export is done in one."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, event, text

from app import administration, exports
from app.catalog.records import NewEntity, add_entities
from app.exports import ReportParams
from app.exports.claims import claim_part
from app.exports.work import do_part
from app.extensions import db
from app.models import Export, ExportPart, Organization, Template, begin_writing, take_revision
from tests.exports.timeseries import Ward
from tests.factories import World

PATIENTS = ReportParams(("patient",), start=datetime(2000, 1, 1, tzinfo=UTC))
HUGE, SMALL, USUAL = 650, 10, 40


@pytest.fixture
def busy(ward: Ward) -> World:
    """On either database, cut into parts of ten: 40 patients in Northside, 10 in Riverside, 40 in the other tenant."""
    world = ward.world
    exports.current_pace.bind(replace(exports.current_pace(), part_rows=10, fragment_rows=5))
    administration.set_exports_enabled(world.borealis.id, True)
    fill(world, world.northside, USUAL)
    fill(world, world.riverside, SMALL)
    fill(world, world.foreign, USUAL)
    return world


def fill(world: World, clinic: Organization, how_many: int) -> None:
    foreign = clinic.tenant_id == world.borealis.id
    template_id = (world.foreign_templates if foreign else world.templates)["patient"].id
    clinic_id, tenant_id = clinic.id, clinic.tenant_id
    begin_writing()
    template = db.session.get_one(Template, template_id)
    new = ({"first_name": f"P{number}", "last_name": "Ruiz"} for number in range(how_many))
    revision = take_revision(tenant_id)
    add_entities((NewEntity(template, clinic_id, values) for values in new), revision=revision)
    db.session.commit()


def ask(world: World, who: str, params: ReportParams = PATIENTS) -> UUID:
    return exports.request_export(world.actor(who), "report", params, request_key=str(uuid4())).id


def turn() -> tuple[UUID, str]:
    """Have one part done; says of which export, and which step it was."""
    claim = claim_part(f"{socket.gethostname()}/test")
    assert claim is not None
    assert do_part(claim)
    return claim.export_id, claim.step


def state(export_id: UUID) -> str:
    found = db.session.get_one(Export, export_id, populate_existing=True).state
    db.session.rollback()
    return found


def one_patient(world: World) -> ReportParams:
    return ReportParams(("patient",), entity_ids=(world.patient(world.northside).id,))


@pytest.mark.parametrize("colleague", ["rita", "alice"])
def test_a_small_export_does_not_wait_for_a_huge_one_of_the_same_tenant(busy: World, colleague: str) -> None:
    fill(busy, busy.northside, HUGE)
    huge = ask(busy, "alice")
    assert [turn() for _ in range(4)] == [(huge, "plan"), *[(huge, "build")] * 3]
    assert db.session.get_one(Export, huge, populate_existing=True).part_count >= 64
    small = ask(busy, colleague, PATIENTS if colleague == "rita" else one_patient(busy))
    assert [turn() for _ in range(3)] == [(small, "plan"), (small, "build"), (small, "publish")]
    assert (state(small), state(huge)) == ("ready", "building")
    assert turn() == (huge, "build")


def test_a_small_export_waits_for_its_turn_once_however_many_people_export_much(busy: World) -> None:
    for who in ("alice", "adam", "ann", "nora", "boris"):
        ask(busy, who)
    for _ in range(15):
        turn()
    small = ask(busy, "rita")
    steps = [turn() for _ in range(4)]
    # Of the other tenant it may be the turn first: then one part of it is done.
    assert [step for export_id, step in steps if export_id == small] == ["plan", "build", "publish"]
    assert state(small) == "ready"


def test_a_tenants_forty_exports_do_not_keep_another_tenants_waiting(busy: World) -> None:
    theirs = [ask(busy, who) for who in ("alice", "adam", "ann", "nora") for _ in range(10)]
    ours = [ask(busy, "boris") for _ in range(2)]
    # Of 40 patients: a plan, four parts and a publication each.
    order = [turn()[0] in ours for _ in range(2 * 2 * 6)]
    assert order == [False, True] * 12
    assert [state(one) for one in ours] == ["ready", "ready"]
    assert "ready" not in {state(one) for one in theirs}


def test_one_person_with_many_exports_takes_no_more_turns_than_a_colleague_with_one(busy: World) -> None:
    many = [ask(busy, "alice") for _ in range(5)]
    one = ask(busy, "adam")
    counted = Counter(turn()[0] for _ in range(10))
    assert counted[one] == 5
    # And that person's own take turns too.
    assert sorted(counted[export_id] for export_id in many) == [1] * 5


def test_an_export_that_waits_before_it_is_tried_again_keeps_nobody_waiting(busy: World) -> None:
    resting, other = ask(busy, "rita"), ask(busy, "adam")
    begin_writing()
    db.session.get_one(ExportPart, (resting, 0)).not_before = datetime(2999, 1, 1, tzinfo=UTC)
    db.session.commit()
    assert {turn()[0] for _ in range(3)} == {other}


@pytest.mark.parametrize("ward", ["postgresql"], indirect=True)
def test_whoever_writes_to_a_tenant_for_long_keeps_no_worker_waiting(busy: World) -> None:
    small = ask(busy, "rita")
    with db.engine.connect() as writer:
        writer.execute(text("UPDATE tenant SET revision = revision + 1"))
        writer.execute(text("UPDATE user_account SET name = name"))
        db.session.connection().execute(text("SET lock_timeout = 5000"))
        db.session.commit()
        claim = claim_part("a worker")
        assert claim is not None
        assert claim.export_id == small
        writer.rollback()


def test_a_claim_reads_neither_every_part_nor_every_export(domain: World) -> None:
    ask(domain, "alice")
    steps: list[str] = []

    def explain(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            steps.extend(
                row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            )

    event.listen(db.engine, "before_cursor_execute", explain)
    try:
        assert claim_part("a worker") is not None
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)
    assert not [step for step in steps if step.startswith("SCAN")]
    for index in (
        "ix_export_part_state (state=? AND export_id=?)",
        "COVERING INDEX ix_export_tenant_served (tenant_id=?)",
        "COVERING INDEX ix_export_owner_served (owner_id=?)",
    ):
        assert any(index in step for step in steps), steps

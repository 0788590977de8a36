"""Many exports asked for at once, on two hosts over PostgreSQL and a bucket: all right, fair, and in flat memory."""

from __future__ import annotations

import hashlib
import io
import socket
import zipfile
from collections import Counter
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from app import exports, jobqueue
from app.exports import ReportParams, failpoints
from app.extensions import db
from app.models import Export, ExportPart
from tests.exports.archive_oracle import Oracle
from tests.exports.test_archives_by_oracle import Run, assert_records, assert_sound, assert_table
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment
from tests.faults.many_asking import (
    OURS,
    THEIRS,
    Asked,
    Watch,
    ask_at_once,
    claims,
    people,
    two_hosts,
    watching,
)
from tests.faults.processes import until
from tests.faults.verdict import assert_ended_right, assert_nothing_is_left_over

MOST_GROWTH_KIB = 16 * 1024
MOST_KIB = {"worker": 250 * 1024, "horse": 300 * 1024, "builder": 400 * 1024}


def test_exports_that_ten_people_of_two_tenants_ask_for_at_once_are_right_and_fair(deploy: Deploy) -> None:
    make_them(deploy, "disk", 7, 4, turned=1)


@pytest.mark.long
def test_fifty_exports_on_two_hosts_over_a_bucket_are_right_and_fair_and_take_no_more_memory_at_the_end(
    deploy: Deploy,
) -> None:
    # Each person begins with Parquet, which a builder loads once: what comes after must not grow.
    watch = make_them(deploy, "s3", 40, 10, turned=0)
    assert_flat(watch)


def make_them(deploy: Deploy, storage: str, ours: int, theirs: int, *, turned: int) -> Watch:
    """Have all exports made, look at each, and return how the processes were while they were made."""
    # Nobody dies here, so nobody's lease may run out, however busy the machine is.
    site = deploy("postgresql", storage, lease_seconds=60.0, give_up_seconds=45.0)
    with site.at_hand(running=False):
        people(site)
        many = ask_at_once(site, OURS, ours, turned)
        few = ask_at_once(site, THEIRS, theirs, turned)
        homes = two_hosts(site)
        with watching(site) as watch:
            for one in (*few, *many):
                site.until_settled(one.export_id)
        assert [kept.starts for kept in site.workers] == [1, 1]
        assert_all_right(site, [*many, *few])
        assert_fair({one.export_id for one in many}, {one.export_id for one in few})
        assert_both_worked(watch)
        assert_in_bounds(watch)
        assert_nothing_is_left_over()
        assert not [path for home in homes for path in home.iterdir()]
        watch.first_ended = min(finished().values())
    return watch


def finished() -> dict[UUID, datetime]:
    rows = db.session.execute(select(Export.id, Export.finished_at)).all()
    db.session.rollback()
    return {row.id: row.finished_at for row in rows}


def assert_all_right(site: Deployment, asked: list[Asked]) -> None:
    """Each archive is sound, and holds what its requester may see and nothing else."""
    oracles = {who: Oracle(site.world, who) for who in {one.who for one in asked}}
    for one in asked:
        export = exports.get_export(site.world.actor(one.who), one.export_id)
        assert (export.state, export.reason) == ("ready", None), site.said()
        with exports.open_archive(site.world.actor(one.who), one.export_id).stream as stream:
            data = stream.read()
        assert hashlib.sha256(data).hexdigest() == export.archive_sha256
        found, oracle = Run(export, zipfile.ZipFile(io.BytesIO(data)), data, None), oracles[one.who]
        assert_sound(found)
        if isinstance(one.params, ReportParams):
            records = oracle.records(one.params, "patient")
            assert records
            assert_records(found, one.params, "patient", oracle.columns(one.params, "patient"), records)
        else:
            for device, header, table in oracle.tables(one.params):
                assert_table(found, one.params, device, header, table)
    db.session.rollback()


def assert_fair(many: set[UUID], few: set[UUID]) -> None:
    """While both tenants wait, they take turns; so those who asked for little, and later, have theirs first."""
    parts = dict(db.session.execute(select(Export.id, Export.part_count)).all())
    # What goes on with a small export that had its turn is no turn of its own.
    turns = [(export_id, step) for export_id, step, _ in claims() if step == "plan" or parts[export_id] > 1]
    last = max(number for number, (export_id, step) in enumerate(turns) if export_id in few and step == "plan")
    both_wait = [export_id in few for export_id, _ in turns[: last + 1]]
    theirs, ours = both_wait.count(True), both_wait.count(False)
    # One after the other, but where two workers choose at the same instant.
    assert abs(theirs - ours) <= 2 + len(both_wait) // 4, both_wait
    ended = finished()
    done = max(ended[one] for one in few)
    before = sum(ended[one] < done for one in many)
    assert before <= len(many) // 2, f"{before} of {len(many)} were done before the last of {len(few)}"


def assert_both_worked(watch: Watch) -> None:
    host = socket.gethostname()
    done = Counter(worker for _, _, worker in claims())
    shares = [sum(done[f"{host}/{pid}"] for pid in watch.horses(number)) for number in (0, 1)]
    assert min(shares) >= sum(shares) // 5, shares


def assert_in_bounds(watch: Watch) -> None:
    for role, limit in MOST_KIB.items():
        assert max(look.peak for look in watch.looks if look.role == role) < limit


def assert_flat(watch: Watch) -> None:
    """Neither the workers that live on, nor what they start, take more at the end than with the first exports."""
    for role in MOST_KIB:
        taken = [look.resident for look in watch.looks if look.role == role and look.at >= watch.first_ended]
        fifth = len(taken) // 5
        begun, at_last = max(taken[:fifth]), max(taken[-fifth:])
        assert at_last - begun < MOST_GROWTH_KIB, f"{role}: {begun} KiB, at last {at_last} KiB"


def test_the_bell_wakes_a_free_worker_while_another_is_busy_with_a_huge_export(deploy: Deploy) -> None:
    site = deploy("sqlite", lease_seconds=60.0, give_up_seconds=45.0)
    with site.at_hand(running=False):
        # No reconciler: it would ring too.
        site.add_worker()
        site.workers[0].revive()
        site.arm(failpoints.MID_PART)
        huge = site.request("alice")
        held = site.held_at(failpoints.MID_PART, revived=False)
        until(lambda: counted(huge) == (2, 3), "the other worker has done all else of it", db.session.rollback)
        until(lambda: jobqueue.bell.waiting() == 0, "nothing rings", db.session.rollback)
        small = site.request("rita")
        until(lambda: counted(small) == (1, 1) and is_ready(small), "the small one is ready", db.session.rollback)
        builders = set(db.session.scalars(select(ExportPart.worker).where(ExportPart.export_id == small)))
        assert len(builders) == 1
        assert f"{socket.gethostname()}/{held.pid}" not in builders
        assert not is_ready(huge)
        site.release(held)
        until(lambda: is_ready(huge), "the huge one is ready", db.session.rollback)
        assert_ended_right(site, "alice", huge)
        assert_ended_right(site, "rita", small)


def counted(export_id: UUID) -> tuple[int, int]:
    """Parts done, and parts."""
    export = db.session.get_one(Export, export_id, populate_existing=True)
    return export.done_parts, export.part_count


def is_ready(export_id: UUID) -> bool:
    return db.session.get_one(Export, export_id, populate_existing=True).state == "ready"

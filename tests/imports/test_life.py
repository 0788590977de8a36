"""From a file to stored values: every reason to refuse, loads that fall and go on, the same file again, who may."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update

from app import attachments, clock, imports, measurements
from app.catalog import records
from app.errors import AlreadyRunning, Forbidden, Gone, Invalid, NotFound
from app.extensions import db
from app.imports import Columns, Writing, requests, work
from app.imports.devices import OUT_OF_REACH
from app.imports.previews import preview
from app.models import (
    AuditEvent,
    Entity,
    MeasurementBlock,
    MeasurementHistory,
    MeasurementRollup,
    StoredFile,
    Tenant,
    User,
    begin_writing,
    take_revision,
)
from app.models.transactions import fresh_connections
from app.models.user import Membership
from app.storage import storage
from tests.factories import World
from tests.faults.processes import until
from tests.imports.conftest import WIDE, Desk, make_desk

NOON = 1_709_294_400_000
LONG = Columns(layout="long", time=0, time_kind="iso", decimal=",", device=1, metric=2, value=3)


def table(rows: int, *, add: int = 0) -> str:
    return "time,cd4,cd8\n" + "".join(f"{minute(n)},{n + add},{n % 7}.25\n" for n in range(rows))


def minute(number: int) -> str:
    return f"2024-03-{1 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"


def count(model: Any) -> int:
    found = db.session.scalar(select(func.count()).select_from(model)) or 0
    db.session.rollback()
    return int(found)


def revision_of(desk: Desk) -> int:
    number = db.session.scalar(select(Tenant.revision).where(Tenant.id == desk.alice.tenant_id)) or 0
    db.session.rollback()
    return number


def test_a_table_is_stored_as_it_was_previewed_and_the_same_file_again_changes_nothing(desk: Desk) -> None:
    import_id = desk.send(table(200))
    shown = preview(desk.alice, imports.get_import(desk.alice, import_id), Writing(), WIDE)
    imports.request_check(desk.alice, import_id, Writing(), WIDE)
    assert imports.work_until_idle() == 1
    assert (desk.result(import_id).values, desk.held()) == (400, {})
    imports.request_load(desk.alice, import_id)
    imports.work_until_idle()
    held, revision = desk.held(), revision_of(desk)
    assert len(held) == 400
    assert all(held[int(one.time.timestamp() * 1000), one.metric.name] == one.value for one in shown.values)
    again = desk.loaded(table(200))
    assert (again.state, again.added, again.corrected, again.unchanged) == ("done", 0, 0, 400)
    assert imports.loaded_before(desk.alice, again).id == import_id  # type: ignore[union-attr]
    assert (desk.held(), revision_of(desk)) == (held, revision)
    corrected = desk.loaded(table(200, add=1))
    assert (corrected.added, corrected.corrected, corrected.unchanged) == (0, 200, 200)
    assert count(MeasurementHistory) == 200


def test_every_reason_to_refuse_is_told_by_line_and_the_good_lines_are_taken(desk: Desk) -> None:
    text = (
        b"time,cd4,cd8\n2024-03-01T08:00:00Z,700,\nyesterday,1,2\n2024-03-01T08:01:00Z,many,3\n"
        b"2024-03-01T08:02:00Z,NaN,4\n2024-03-01T08:03:00Z,1e250,5\n2024-03-01T08:04:00Z,1\n,1,2\n"
        b"2250-01-01T00:00:00Z,1,2\n2024-03-01T08:00:00Z,701,\n2024-03-01T08:00:00Z,700,\n"
        b'2024-03-01T08:05:00Z,"1,2\n,,\n2024-03-01T08:06:00Z,=1+1,\n'
        # One letter in another encoding than the one before.
        b"2024-03-01T08:07:00Z,\xb5,2\n2024-03-01T08:08:00Z,\xc2\xb5,\n"
    )
    import_id = desk.checked(text)
    result = desk.result(import_id)
    assert result.reasons == {
        "TIME": 1, "NUMBER": 3, "NOT_FINITE": 1, "TOO_LARGE": 1, "COLUMNS": 1, "NO_TIME": 1, "TIME_RANGE": 1,
        "CONTRADICTION": 1, "QUOTES": 1, "ENCODING": 1,
    }  # fmt: skip
    by_line = {line: (column, said, code) for line, column, said, code in result.refusals}
    assert by_line[3] == ("time", "yesterday", "TIME")
    assert by_line[4] == ("cd4", "many", "NUMBER")
    assert by_line[7] == ("", "", "COLUMNS")
    assert by_line[10] == ("cd4", "701", "CONTRADICTION")
    assert (result.values, result.repeats, result.rows, result.refused) == (4, 1, 14, 12)
    imported, stream = imports.open_refused(desk.alice, import_id)
    with stream:
        listed = stream.read()
    assert (len(listed), listed.count(b"\r\n")) == (imported.refused_bytes, 13)
    assert b'"cd4","\'=1+1","The value is not a number' in listed
    assert b'3,"time","yesterday","The time cannot be read in the way that was chosen."\r\n' in listed
    imports.request_load(desk.alice, import_id)
    imports.work_until_idle()
    assert sorted(desk.held().values()) == [3, 4, 5, 700]


def test_a_file_of_several_devices_takes_those_whose_records_the_person_may_change(desk: Desk) -> None:
    desk.world.device(desk.world.riverside, key="RIV-1")
    other = desk.world.device(key="GLU-8").id
    text = (
        "time\tdevice\tmetric\tvalue\n2024-03-01T12:00:00Z\tGLU-7\tCD4\t36,5\n2024-03-01T12:00:00Z\tGLU-8\tcd8\t2\n"
        "2024-03-01T12:00:00Z\tRIV-1\tcd4\t1\n2024-03-01T12:00:00Z\t\tcd4\t1\n2024-03-01T12:00:00Z\tGLU-7\tmood\t1\n"
        "2024-03-01T12:00:00Z\tGLU-7\t\t1\n"
    )
    done = desk.loaded(text, LONG, several=True, delimiter="\t")
    assert desk.result(done.id).reasons == {"DEVICE": 1, "NO_DEVICE": 1, "METRIC": 1, "NO_METRIC": 1}
    assert (desk.held(), desk.held(other)) == ({(NOON, "cd4"): 36.5}, {(NOON, "cd8"): 2})


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at_commit(number: int) -> Iterator[None]:
    left = [number]

    def strike(_connection: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    event.listen(db.engine, "commit", strike)
    try:
        with pytest.raises(Killed):
            yield
    finally:
        event.remove(db.engine, "commit", strike)
        db.session.rollback()


@pytest.mark.parametrize("at", [2, 4, 9])
def test_a_load_that_was_killed_goes_on_and_counts_every_value_once(
    desk: Desk, pace: Callable[..., None], at: int
) -> None:
    pace(block_bytes=1500, step_values=40, lease=0.0)
    import_id = desk.checked(table(200))
    imports.request_load(desk.alice, import_id)
    with killed_at_commit(at):
        imports.work_until_idle()
    assert imports.get_import(desk.alice, import_id).state == "loading"
    assert len(desk.held()) < 400
    assert imports.work_until_idle() == 1
    done = imports.get_import(desk.alice, import_id)
    assert (done.state, done.added, done.corrected, done.unchanged) == ("done", 400, 0, 0)
    assert (len(desk.held()), count(MeasurementHistory)) == (400, 0)
    hours = select(func.sum(MeasurementRollup.count)).where(MeasurementRollup.grain == "hour")
    assert db.session.scalar(hours) == 400


def test_an_import_whose_workers_fall_again_and_again_fails_with_words(desk: Desk, pace: Callable[..., None]) -> None:
    pace(lease=0.0, attempts=2)
    import_id = desk.send(table(3))
    imports.request_check(desk.alice, import_id, Writing(), WIDE)
    for _ in range(2):
        with killed_at_commit(2):
            imports.work_until_idle()
    imports.work_until_idle()
    failed = imports.get_import(desk.alice, import_id)
    assert (failed.state, failed.reason) == ("failed", "Its worker stopped answering 2 times.")


def test_what_a_failed_load_stored_is_there_already_for_the_next_one(desk: Desk, pace: Callable[..., None]) -> None:
    pace(block_bytes=1500, step_values=40, lease=0.0, attempts=1)
    import_id = desk.checked(table(200))
    imports.request_load(desk.alice, import_id)
    with killed_at_commit(6):
        imports.work_until_idle()
    imports.work_until_idle()
    stored = len(desk.held())
    assert 0 < stored < 400
    imports.request_check(desk.alice, import_id, Writing(), WIDE)
    imports.work_until_idle()
    imports.request_load(desk.alice, import_id)
    imports.work_until_idle()
    done = imports.get_import(desk.alice, import_id)
    assert (done.added, done.unchanged, len(desk.held())) == (400 - stored, stored, 400)


def test_lines_far_apart_that_contradict_each_other_leave_the_first_one(desk: Desk, pace: Callable[..., None]) -> None:
    pace(block_bytes=200)
    text = table(40) + f"{minute(0)},999,0.25\n{minute(41)},1,1\n"
    done = desk.loaded(text)
    assert desk.result(done.id).reasons == {"CONTRADICTION": 1}
    assert desk.result(done.id).repeats == 1
    assert desk.held()[NOON - 12 * 3_600_000, "cd4"] == 0
    again = desk.loaded(text)
    assert (again.added, again.corrected, again.unchanged) == (0, 0, 82)


def test_a_cancelled_import_stores_no_more_and_its_file_is_gone(desk: Desk) -> None:
    import_id = desk.checked(table(3))
    imports.request_load(desk.alice, import_id)
    assert imports.cancel_import(desk.alice, import_id).state == "cancelled"
    assert imports.work_until_idle() == 0
    assert (desk.held(), count(StoredFile)) == ({}, 0)
    with pytest.raises(Invalid, match="nothing to load"):
        imports.request_load(desk.alice, import_id)
    with pytest.raises(AlreadyRunning):
        imports.request_check(desk.alice, import_id, Writing(), WIDE)


def test_a_file_of_yesterday_is_gone_and_the_page_says_what_to_do(desk: Desk) -> None:
    import_id = desk.checked(table(3))
    attachments.sweep_files(clock.now() + timedelta(hours=25))
    for ask in (
        lambda: imports.request_load(desk.alice, import_id),
        lambda: imports.look(imports.get_import(desk.alice, import_id)),
    ):
        with pytest.raises(Gone, match="Send it again"):
            ask()


def test_lists_of_refusals_go_after_the_retention_and_strays_too(desk: Desk) -> None:
    import_id = desk.checked("time,cd4\nnever,1\n", Columns(time=0, time_kind="iso", metrics={1: "cd4"}))
    with storage.publishing("imports/stray.csv") as sink:
        sink.write(b"line")
    assert imports.sweep_imports(clock.now()) == 0
    assert imports.sweep_imports(clock.now() + timedelta(hours=2)) == 1
    assert imports.sweep_imports(clock.now() + timedelta(days=31)) == 1
    assert (list(storage.list_("imports/")), imports.get_import(desk.alice, import_id).result) == ([], None)
    with pytest.raises(Gone):
        imports.open_refused(desk.alice, import_id)


def test_sealed_blocks_go_where_a_file_changes_something(desk: Desk) -> None:
    desk.loaded(table(50))
    measurements.seal_measurements(settled_for=timedelta())
    assert count(MeasurementBlock) == 1
    desk.loaded(table(50))
    assert count(MeasurementBlock) == 1
    desk.loaded(table(51))
    assert count(MeasurementBlock) == 0


def test_who_may_not_write_there_is_refused_and_others_see_nothing(desk: Desk) -> None:
    world: World = desk.world
    import_id = desk.checked(table(3))
    with pytest.raises(Forbidden):
        imports.may_import(world.actor("ann"), desk.device_id)
    with pytest.raises(Forbidden):
        imports.may_import(world.actor("ann"), None)
    for name in ("rita", "boris"):
        with pytest.raises(NotFound):
            imports.may_import(world.actor(name), desk.device_id)
        with pytest.raises(NotFound):
            imports.get_import(world.actor(name), import_id)
    assert [one.id for one in imports.list_imports(world.actor("nora"))] == [import_id]
    with pytest.raises(Forbidden, match="Only who began"):
        imports.request_load(world.actor("nora"), import_id)
    actions = set(db.session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == str(import_id))))
    assert actions == {"measurements.import.begin", "measurements.import.check"}


def test_rights_that_ended_meanwhile_end_the_load(desk: Desk) -> None:
    import_id = desk.checked(table(3))
    imports.request_load(desk.alice, import_id)
    begin_writing()
    db.session.get_one(User, desk.alice.user_id).active = False
    db.session.commit()
    imports.work_until_idle()
    found = imports.get_import(desk.world.actor("nora"), import_id)
    assert (found.state, found.reason) == ("failed", "Whoever sent the file may not sign in any more.")
    assert desk.held() == {}


def test_what_is_not_chosen_is_asked_for_field_by_field(desk: Desk) -> None:
    import_id = desk.send("when,cd4\n03/04/2024 10:00,3\n")
    with pytest.raises(Invalid) as refusal:
        imports.request_check(desk.alice, import_id, Writing(), Columns(time=0, decimal="?", zone="Mars/Base"))
    assert set(refusal.value.fields) == {"time_kind", "zone", "decimal", "metrics"}
    with pytest.raises(Invalid, match="in which time zone"):
        imports.request_check(desk.alice, import_id, Writing(), Columns(time=0, time_kind="dmy", metrics={1: "cd4"}))
    with pytest.raises(Invalid, match="not there any more"):
        imports.preview(
            desk.alice, imports.get_import(desk.alice, import_id), Writing(),
            Columns(time=0, time_kind="dmy", zone="UTC", metrics={1: "mood"}),
        )  # fmt: skip


def test_a_load_into_postgresql_is_the_same(postgresql_app: tuple[Flask, World]) -> None:
    app, world = postgresql_app
    with app.app_context():
        desk = make_desk(world)
        done = desk.loaded(table(60))
        assert (done.added, len(desk.held())) == (120, 120)
        again = desk.loaded(table(61))
        assert (again.added, again.corrected, again.unchanged) == (2, 0, 120)


def test_of_two_who_finish_the_same_upload_both_go_on_with_one_import(desk: Desk) -> None:
    content = table(3).encode()
    file_id, pieces = imports.begin_sending(desk.alice, desk.device_id, "night.csv", len(content))
    assert pieces == 1
    attachments.receive_piece(desk.alice, file_id, 1, io.BytesIO(content), len(content), names=True)
    attachments.join_pieces(desk.alice, file_id)
    # What both found before either of them wrote: no import of this file.
    first, second = (requests._begin(desk.alice, desk.device_id, file_id).id for _ in range(2))
    assert first == second


def test_those_who_manage_see_imports_of_people_who_are_theirs_alone(desk: Desk) -> None:
    import_id = desk.checked(table(3))
    nora = desk.world.actor("nora")
    assert imports.get_import(nora, import_id).id == import_id
    begin_writing()
    db.session.add(Membership(user_id=desk.alice.user_id, organization_id=desk.world.riverside.id, role="clinician"))
    db.session.commit()
    for ask in (imports.get_import, imports.open_refused, imports.cancel_import):
        with pytest.raises(NotFound):
            ask(nora, import_id)
    assert imports.list_imports(nora) == []
    assert imports.get_import(desk.world.actor("max"), import_id).id == import_id


def at_step(number: int, strike: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody does something behind the back of a load, before its step of this number."""
    delivered, left = work._Pass._take, [number]

    def interrupted(one: Any, parsed: Any, which: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            strike()
        delivered(one, parsed, which)

    monkeypatch.setattr(work._Pass, "_take", interrupted)


def dismiss(desk: Desk) -> None:
    db.session.get_one(User, desk.alice.user_id).active = False


def demote(desk: Desk) -> None:
    db.session.execute(update(Membership).where(Membership.user_id == desk.alice.user_id).values(role="analyst"))


def move(desk: Desk) -> None:
    db.session.get_one(Entity, desk.device_id).organization_id = desk.world.riverside.id


def remove(desk: Desk) -> None:
    revision = take_revision(desk.alice.tenant_id)
    records.delete_entity(db.session.get_one(Entity, desk.device_id), revision, None)


@pytest.mark.parametrize(("change", "step"), [(dismiss, 3), (demote, 3), (move, 3), (remove, 1)])
def test_a_right_or_a_device_that_goes_during_a_load_ends_it_at_the_next_step(
    desk: Desk, pace: Callable[..., None], monkeypatch: pytest.MonkeyPatch, change: Callable[[Desk], None], step: int
) -> None:
    pace(block_bytes=1500, step_values=40)
    import_id = desk.checked(table(200))
    imports.request_load(desk.alice, import_id)

    def strike() -> None:
        begin_writing()
        change(desk)
        db.session.commit()

    at_step(step, strike, monkeypatch)
    imports.work_until_idle()
    found = imports.get_import(desk.world.actor("max"), import_id)
    assert (found.state, found.steps_done) == ("failed", step - 1)
    assert found.reason in (OUT_OF_REACH, "Whoever sent the file may not sign in any more.")
    assert found.added == 40 * (step - 1)


def test_a_load_that_goes_on_over_other_devices_than_were_looked_at_does_not_call_itself_whole(
    desk: Desk, pace: Callable[..., None]
) -> None:
    pace(step_values=4, lease=0.0)
    other = desk.world.device(key="GLU-8").id
    rows = "".join(f"{minute(n)};{key};cd4;{n}\n" for n in range(6) for key in ("GLU-7", "GLU-8", "GLU-9"))
    import_id = desk.checked(f"time;device;metric;value\n{rows}", LONG, several=True, delimiter=";")
    assert desk.result(import_id).values == 12
    imports.request_load(desk.alice, import_id)
    with killed_at_commit(3):
        imports.work_until_idle()
    # Its values come first now, so the steps that were committed are others.
    newcomer = desk.world.device(key="GLU-9").id
    imports.work_until_idle()
    failed = imports.get_import(desk.alice, import_id)
    assert (failed.state, failed.reason) == ("failed", work.CHANGED)
    imports.request_check(desk.alice, import_id, Writing(delimiter=";"), LONG)
    imports.work_until_idle()
    imports.request_load(desk.alice, import_id)
    imports.work_until_idle()
    assert imports.get_import(desk.alice, import_id).state == "done"
    assert [len(desk.held(one)) for one in (desk.device_id, other, newcomer)] == [6, 6, 6]


def test_what_files_said_is_withdrawn_where_a_patient_was_and_nowhere_else(desk: Desk) -> None:
    done = desk.loaded("time,cd4,cd8\nAna Ruiz,1,2\n2024-03-01T08:00:00Z,1,2\n").id
    waiting, elsewhere = desk.checked(table(3)), None
    rita, riverside = desk.world.actor("rita"), desk.world.device(desk.world.riverside, key="RIV-9").id
    elsewhere = imports.receive_file(rita, riverside, "ana.csv", io.BytesIO(table(3).encode()), len(table(3))).id
    begin_writing()
    keys = imports.withdraw_imports(
        desk.world.actor("nora"), {desk.world.northside.id}, clock.now() - timedelta(days=1), {"Ana Ruiz"}
    )
    db.session.commit()
    found = imports.get_import(desk.alice, done)
    assert (found.state, found.result, found.refused_key, found.added) == ("done", None, None, 2)
    found = imports.get_import(desk.alice, waiting)
    assert (found.state, found.mapping, found.file_id) == ("cancelled", None, None)
    assert (found.reason or "").startswith("A patient was erased for good")
    assert sorted(key.split("/")[0] for key in keys) == ["files", "imports"]
    found = imports.get_import(rita, elsewhere)
    assert (found.state, found.file_name, found.file_id is not None) == ("draft", "ana.csv", True)


def test_a_worker_that_is_killed_in_the_midst_of_a_load_is_followed_by_one_that_ends_it(
    app: Flask, world: World, pace: Callable[..., None]
) -> None:
    """A process of its own is killed by SIGKILL between two steps, wherever that is."""
    with app.app_context():
        desk = make_desk(world)
        import_id = desk.checked(table(3_000))
        imports.request_load(desk.alice, import_id)
        db.session.remove()
        db.engine.dispose()
        worker = os.fork()
        if not worker:
            with fresh_connections():
                pace(block_bytes=4_000, step_values=50, lease=1.0)
                imports.work_until_idle()
            os._exit(0)

        def is_at_it() -> bool:
            db.session.rollback()
            return imports.get_import(desk.alice, import_id).steps_done > 3

        until(is_at_it, "some steps were committed")
        os.kill(worker, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(worker, 0)[1])
        stored = len(desk.held())
        assert 0 < stored < 6_000
        pace(block_bytes=4_000, step_values=50)
        until(lambda: imports.work_until_idle() == 1, "the lease of the one that fell is over")
        done = imports.get_import(desk.alice, import_id)
        assert (done.state, done.attempts, done.added, done.unchanged) == ("done", 0, 6_000, 0)
        assert (len(desk.held()), count(MeasurementHistory)) == (6_000, 0)

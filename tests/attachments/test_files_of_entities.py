from __future__ import annotations

import io
from datetime import timedelta
from uuid import uuid4

import orjson
import pytest
from PIL import Image
from sqlalchemy import select

from app import clock
from app.attachments import (
    get_file,
    list_files,
    may_remove,
    open_file,
    open_preview,
    remove_file,
    sweep_files,
)
from app.catalog.records import delete_entity
from app.errors import Forbidden, Gone, NotFound, Unavailable
from app.extensions import db
from app.models import Entity, Export, StoredFile, Tenant, begin_writing, take_revision
from app.storage import storage
from tests.attachments.files import CT, pdf, picture

STRANGERS = ["rita", "boris"]


def test_an_opened_file_gives_its_bytes_and_is_recorded_as_a_download(shelf) -> None:
    attached = shelf.attach("thorax.dcm", CT.read_bytes())
    file, stream = open_file(shelf.world.actor("ann"), attached.id)
    with stream:
        assert stream.seekable()
        assert stream.read() == CT.read_bytes()
    (recorded,) = shelf.events("file.download")
    assert (recorded.object_id, recorded.user_id) == (str(file.id), shelf.world.users["ann"].id)
    assert recorded.byte_count == file.byte_count


def test_a_preview_is_a_small_picture(shelf) -> None:
    attached = shelf.attach("a.png", picture("PNG", (800, 600)))
    with open_preview(shelf.alice, attached.id)[1] as stream:
        assert Image.open(io.BytesIO(stream.read())).size == (256, 192)
    assert shelf.events("file.download") == []


def test_a_file_without_a_preview_says_that_there_is_none(shelf) -> None:
    attached = shelf.attach("a.csv", b"a,b\n", "analysis_file")
    with pytest.raises(NotFound, match="no preview"):
        open_preview(shelf.alice, attached.id)


@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("ask", [get_file, open_file, open_preview, may_remove, remove_file])
def test_who_may_not_see_the_entity_cannot_tell_that_the_file_exists(shelf, name, ask) -> None:
    attached = shelf.attach("a.png", picture("PNG"))
    stranger = shelf.world.actor(name)
    with pytest.raises(NotFound) as hidden:
        ask(stranger, attached.id)
    with pytest.raises(NotFound) as unknown:
        ask(stranger, uuid4())
    assert hidden.value.message == unknown.value.message
    db.session.rollback()
    assert list_files(stranger, shelf.patient) == []
    assert len(list_files(shelf.alice, shelf.patient)) == 1


def test_bytes_that_are_missing_are_our_fault_and_not_an_unknown_address(shelf) -> None:
    attached = shelf.attach("a.png", picture("PNG"))
    storage.delete(attached.storage_key)
    with pytest.raises(Unavailable):
        open_file(shelf.alice, attached.id)
    assert shelf.events("file.download") == []


def test_removing_takes_the_file_off_as_a_new_version_and_is_recorded(shelf) -> None:
    first, second = (shelf.attach(name, picture("PNG")) for name in ("a.png", "b.png"))
    before = shelf.patient.revision
    removed = remove_file(shelf.alice, first.id)
    assert [file["id"] for file in orjson.loads(shelf.patient.phi_attributes)["images"]] == [str(second.id)]
    assert shelf.patient.revision > before
    assert (removed.state, removed.removed_revision) == ("removed", shelf.patient.revision)
    assert [file.name for file in list_files(shelf.alice, shelf.patient)] == ["b.png"]
    (recorded,) = shelf.events("file.remove")
    assert recorded.object_id == str(first.id)


def test_removing_the_only_file_leaves_no_value_and_makes_room_for_the_next(shelf) -> None:
    remove_file(shelf.alice, shelf.attach("a.pdf", pdf(), "analysis_file").id)
    assert "analysis_file" not in orjson.loads(shelf.patient.phi_attributes)
    assert shelf.attach("b.pdf", pdf(), "analysis_file").state == "attached"


@pytest.mark.parametrize("ask", [get_file, open_file, open_preview, remove_file])
def test_a_removed_file_is_gone(shelf, ask) -> None:
    attached = shelf.attach("a.png", picture("PNG"))
    remove_file(shelf.alice, attached.id)
    with pytest.raises(Gone, match="removed"):
        ask(shelf.alice, attached.id)


def test_who_may_only_look_may_not_remove(shelf) -> None:
    attached = shelf.attach("a.png", picture("PNG"))
    with pytest.raises(Forbidden):
        remove_file(shelf.world.actor("ann"), attached.id)
    assert get_file(shelf.alice, attached.id).state == "attached"


# --- upkeep ---------------------------------------------------------------------------------------


def live_export(shelf, snapshot: int | None) -> Export:
    export = Export(
        tenant_id=shelf.world.acme.id,
        owner_id=shelf.alice.user_id,
        kind="report",
        subject=str(uuid4()),
        request_key=str(uuid4()),
        name="report",
        params="{}",
        state="building",
        snapshot_revision=snapshot,
        deadline=clock.now() + timedelta(hours=6),
    )
    begin_writing()
    db.session.add(export)
    db.session.commit()
    return export


def test_a_removed_files_bytes_are_swept_after_a_while(shelf) -> None:
    kept, removed = (shelf.attach(name, picture("PNG")).id for name in ("a.png", "b.png"))
    remove_file(shelf.alice, removed)
    assert sweep_files(clock.now()) == 0
    assert sweep_files(clock.now() + timedelta(hours=2)) == 1
    assert sorted(shelf.stored_keys()) == [f"files/{kept}", f"previews/{kept}"]
    assert sweep_files(clock.now() + timedelta(hours=2)) == 0


def test_a_removed_file_stays_while_an_export_of_an_earlier_snapshot_lives(shelf) -> None:
    file_id = shelf.attach("a.png", picture("PNG")).id
    export = live_export(shelf, shelf.patient.revision)
    remove_file(shelf.alice, file_id)
    later = clock.now() + timedelta(days=3)
    assert sweep_files(later) == 0
    assert f"files/{file_id}" in shelf.stored_keys()
    begin_writing()
    db.session.get_one(Export, export.id).state = "cancelled"
    db.session.commit()
    assert sweep_files(later) == 1
    assert shelf.stored_keys() == []


def test_a_removed_file_stays_while_an_export_is_being_planned(shelf) -> None:
    file_id = shelf.attach("a.png", picture("PNG")).id
    before = shelf.patient.revision
    export = live_export(shelf, None)
    remove_file(shelf.alice, file_id)
    later = clock.now() + timedelta(days=3)
    assert sweep_files(later) == 0
    begin_writing()
    db.session.get_one(Export, export.id).snapshot_revision = before
    db.session.commit()
    assert sweep_files(later) == 0
    assert f"files/{file_id}" in shelf.stored_keys()
    begin_writing()
    db.session.get_one(Export, export.id).state = "failed"
    db.session.get_one(Export, export.id).reason = "It could not be built."
    db.session.get_one(Export, export.id).snapshot_revision = None
    db.session.commit()
    assert sweep_files(later) == 1
    assert shelf.stored_keys() == []


def test_an_export_of_a_later_snapshot_keeps_nothing(shelf) -> None:
    removed = remove_file(shelf.alice, shelf.attach("a.png", picture("PNG")).id)
    live_export(shelf, removed.removed_revision)
    assert sweep_files(clock.now() + timedelta(days=3)) == 1


def test_files_that_were_never_attached_are_swept_after_a_day(shelf) -> None:
    begin_writing()
    file_id = uuid4()
    db.session.add(
        StoredFile(
            id=file_id,
            tenant_id=shelf.world.acme.id,
            organization_id=shelf.world.northside.id,
            name="a.png",
            media_type="image/png",
            state="stored",
            storage_key=f"files/{file_id}",
        )
    )
    db.session.commit()
    with storage.publishing(f"files/{file_id}") as sink:
        sink.write(b"x")
    assert sweep_files(clock.now() + timedelta(hours=23)) == 0
    assert sweep_files(clock.now() + timedelta(hours=25)) == 1
    assert shelf.count(select(StoredFile)) == 0
    assert shelf.stored_keys() == []


def test_bytes_that_no_row_names_are_swept_after_a_day_and_other_rooms_are_left_alone(shelf) -> None:
    kept = shelf.attach("a.png", picture("PNG")).id
    for key in (f"files/{uuid4()}", f"previews/{uuid4()}", "files/not-ours", f"archives/{uuid4()}"):
        with storage.publishing(key) as sink:
            sink.write(b"x")
    assert sweep_files(clock.now() + timedelta(hours=23)) == 0
    assert len(shelf.stored_keys()) == 6
    assert sweep_files(clock.now() + timedelta(hours=25)) == 2
    left = [key for key in shelf.stored_keys() if not key.startswith("archives/")]
    assert sorted(left) == [f"files/{kept}", f"previews/{kept}"]
    assert len(shelf.stored_keys()) == 3


def test_the_files_of_a_deleted_entity_are_swept_like_removed_ones(shelf) -> None:
    file_id = shelf.attach("a.png", picture("PNG")).id
    begin_writing()
    entity = db.session.get_one(Entity, shelf.patient_id)
    delete_entity(entity, take_revision(shelf.world.acme.id), shelf.alice.user_id)
    db.session.commit()
    now = clock.now()
    assert sweep_files(now) == 0
    file = db.session.get_one(StoredFile, file_id)
    assert file.state == "removed"
    assert file.removed_revision == db.session.get_one(Tenant, shelf.world.acme.id).revision
    assert sweep_files(now + timedelta(hours=2)) == 1
    assert shelf.stored_keys() == []

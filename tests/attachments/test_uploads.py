from __future__ import annotations

import hashlib
import io
import sqlite3
import threading
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.attachments import begin_upload, get_file, list_files, receive
from app.attachments.intake import CHUNK, bind
from app.errors import Forbidden, Invalid, NotFound, TooLarge
from app.extensions import db
from app.models import StoredFile, begin_writing
from app.storage import storage
from tests.attachments.files import CT, ULTRASOUND, pdf, picture, program


class Unending(io.RawIOBase):
    """A body that goes on for ever, and remembers how much of it was read."""

    taken = 0

    def read(self, size: int = -1, /) -> bytes:
        self.taken += size
        return b"x" * size


class BreakingOff(io.RawIOBase):
    """A client that goes away in the middle."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int = -1, /) -> bytes:
        if self.content:
            content, self.content = self.content, b""
            return content
        raise ConnectionResetError


def test_an_attached_file_is_named_by_its_entity_kept_whole_and_recorded(shelf) -> None:
    content = CT.read_bytes()
    file = shelf.attach("thorax.dcm", content)
    named = {"id": str(file.id), "name": "thorax.dcm", "mimeType": "application/dicom", "size": len(content)}
    assert orjson.loads(shelf.patient.phi_attributes)["images"] == [named]
    assert (file.state, file.byte_count, file.modality) == ("attached", len(content), "CT")
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert shelf.bytes_of(file.storage_key) == content
    assert shelf.bytes_of(file.preview_key)[8:12] == b"WEBP"
    assert sorted(shelf.stored_keys()) == [f"files/{file.id}", f"previews/{file.id}"]
    assert list(shelf.incoming.iterdir()) == []
    (recorded,) = shelf.events("file.attach")
    assert (recorded.object_id, recorded.user_id, recorded.byte_count) == (
        str(file.id),
        shelf.alice.user_id,
        len(content),
    )


def test_attaching_makes_a_new_version_of_the_entity(shelf) -> None:
    before = shelf.patient.revision
    shelf.attach("a.png", picture("PNG"))
    assert shelf.patient.revision > before
    assert shelf.patient.changed_by == shelf.alice.user_id
    assert shelf.versions() == 1


def test_the_record_carries_no_file_name_because_people_put_patients_names_there(shelf) -> None:
    shelf.attach("CANARY Ana Ruiz.png", picture("PNG"))
    (recorded,) = shelf.events("file.attach")
    assert "CANARY" not in str(recorded.details)
    assert recorded.details["media_type"] == "image/png"


def test_a_single_file_attribute_names_the_one_file_and_not_a_list(shelf) -> None:
    file = shelf.attach("report.pdf", pdf(), "analysis_file")
    assert orjson.loads(shelf.patient.phi_attributes)["analysis_file"]["id"] == str(file.id)
    assert file.page_count == 2


def test_several_files_are_named_in_the_order_in_which_they_came(shelf) -> None:
    names = ["b.png", "a.png", "c.dcm"]
    for name, content in zip(names, (picture("PNG"), picture("PNG"), ULTRASOUND.read_bytes()), strict=True):
        shelf.attach(name, content)
    named = orjson.loads(shelf.patient.phi_attributes)["images"]
    assert [file["name"] for file in named] == names
    assert [file.name for file in list_files(shelf.alice, shelf.patient, "images")] == names


def test_text_is_stored_without_a_preview(shelf) -> None:
    file = shelf.attach("values.csv", b"a,b\n1,2\n", "analysis_file")
    assert file.preview_key is None
    assert shelf.stored_keys() == [f"files/{file.id}"]


def test_a_present_file_must_be_removed_before_the_next_of_a_single_file_attribute(shelf) -> None:
    shelf.attach("report.pdf", pdf(), "analysis_file")
    with pytest.raises(Invalid, match="Remove the present file first"):
        begin_upload(shelf.alice, shelf.patient_id, "analysis_file", "other.pdf")


def test_of_two_uploads_begun_at_once_for_one_place_the_second_is_refused_and_leaves_nothing(shelf) -> None:
    first = begin_upload(shelf.alice, shelf.patient_id, "analysis_file", "first.pdf")
    second = begin_upload(shelf.alice, shelf.patient_id, "analysis_file", "second.pdf")
    kept = receive(shelf.alice, first, io.BytesIO(pdf()))
    with pytest.raises(Invalid, match="Remove the present file first"):
        receive(shelf.alice, second, io.BytesIO(pdf()))
    assert {key.rpartition("/")[2] for key in shelf.stored_keys()} == {str(kept.id)}
    assert shelf.count(select(StoredFile)) == 1


def test_files_sent_at_the_same_time_are_all_named(app, shelf) -> None:
    faults: list[BaseException] = []
    start = threading.Barrier(3)

    def send(number: int) -> None:
        with app.app_context():
            try:
                start.wait(timeout=30)
                shelf.attach(f"{number}.png", picture("PNG"))
            except BaseException as fault:
                faults.append(fault)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert faults == []
    db.session.rollback()
    named = orjson.loads(shelf.patient.phi_attributes)["images"]
    assert sorted(file["name"] for file in named) == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize("stranger", ["rita", "boris"])
def test_who_may_not_see_the_entity_hears_that_there_is_none(shelf, stranger) -> None:
    actor = shelf.world.actor(stranger)
    with pytest.raises(NotFound) as hidden:
        begin_upload(actor, shelf.patient_id, "images", "a.png")
    with pytest.raises(NotFound) as unknown:
        begin_upload(actor, uuid4(), "images", "a.png")
    assert hidden.value.message == unknown.value.message


def test_who_may_only_look_may_not_attach(shelf) -> None:
    with pytest.raises(Forbidden):
        begin_upload(shelf.world.actor("ann"), shelf.patient_id, "images", "a.png")


@pytest.mark.parametrize("attribute", ["age", "no_such"])
def test_files_go_to_file_attributes_only(shelf, attribute) -> None:
    with pytest.raises(Invalid, match="no such file attribute"):
        begin_upload(shelf.alice, shelf.patient_id, attribute, "a.png")


@pytest.mark.parametrize(
    ("attribute", "name", "words"),
    [
        ("analysis_file", "a.png", r"Accepted: \.csv, \.log, \.pdf, \.txt"),
        ("images", "a.pdf", r"\.pdf are not accepted"),
        ("images", "a.svg", r"\.svg are not accepted"),
        ("images", "scan", "no ending"),
        ("images", "../", "no name"),
    ],
)
def test_a_name_is_asked_before_the_body(shelf, attribute, name, words) -> None:
    with pytest.raises(Invalid, match=words):
        begin_upload(shelf.alice, shelf.patient_id, attribute, name)


def test_a_name_that_climbs_is_kept_without_its_folders(shelf) -> None:
    assert shelf.attach("../../etc/cron.d/a.png", picture("PNG")).name == "a.png"


def test_a_name_of_three_hundred_characters_is_shortened_and_the_reception_says_so(shelf) -> None:
    reception = begin_upload(shelf.alice, shelf.patient_id, "images", "x" * 296 + ".png")
    assert reception.shortened
    file = receive(shelf.alice, reception, io.BytesIO(picture("PNG")))
    assert file.name == "x" * 124 + ".png"


def test_an_announced_length_above_the_limit_is_refused_before_the_body(shelf) -> None:
    with pytest.raises(TooLarge, match="at most 5 MB"):
        begin_upload(shelf.alice, shelf.patient_id, "analysis_file", "a.pdf", 5_000_001)
    assert begin_upload(shelf.alice, shelf.patient_id, "analysis_file", "a.pdf", 5_000_000).limit == 5_000_000


def test_the_deployments_bound_holds_where_the_templates_is_larger(shelf) -> None:
    bind(shelf.incoming, 1_000)
    with pytest.raises(TooLarge, match="at most 1 kB"):
        begin_upload(shelf.alice, shelf.patient_id, "images", "a.png", 1_001)


def test_a_body_without_a_length_is_stopped_at_the_limit(shelf) -> None:
    reception = begin_upload(shelf.alice, shelf.patient_id, "analysis_file", "a.txt", None)
    body = Unending()
    with pytest.raises(TooLarge, match="at most 5 MB"):
        receive(shelf.alice, reception, body)
    assert body.taken <= 5_000_000 + CHUNK
    shelf.assert_empty()


@pytest.mark.parametrize(
    ("name", "content", "declared", "words"),
    [
        ("a.png", picture("PNG")[:-10], len(picture("PNG")), "broke off"),
        ("a.png", picture("PNG"), 10, "More bytes came"),
        ("a.png", None, None, "broke off"),
        ("a.png", b"", None, "empty"),
        ("a.png", b"", 0, "empty"),
        ("a.png", program(), None, "Windows program"),
        ("a.dcm", CT.read_bytes()[:-9000], None, "cut off"),
    ],
)
def test_a_refused_or_broken_upload_leaves_nothing_behind(shelf, name, content, declared, words) -> None:
    body = BreakingOff(picture("PNG")[:50]) if content is None else io.BytesIO(content)
    reception = begin_upload(shelf.alice, shelf.patient_id, "images", name, declared)
    with pytest.raises(Invalid, match=words):
        receive(shelf.alice, reception, body)
    shelf.assert_empty()


def test_an_upload_whose_transaction_fails_leaves_nothing_behind(shelf) -> None:
    begin_writing()
    db.session.connection().exec_driver_sql(
        "CREATE TRIGGER no_more BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    )
    db.session.commit()
    with pytest.raises(Exception, match="the disk is full"):
        shelf.attach("a.png", picture("PNG"))
    shelf.assert_empty()


def test_an_upload_whose_preview_cannot_be_stored_leaves_nothing_behind(shelf) -> None:
    with storage.publishing("previews") as sink:  # an object where the previews' folder would be
        sink.write(b"in the way")
    with pytest.raises(ValueError, match="storage key"):
        shelf.attach("a.png", picture("PNG"))
    storage.delete("previews")
    shelf.assert_empty()


def test_bytes_stay_when_a_commit_came_through_although_it_was_reported_as_failed(shelf, monkeypatch) -> None:
    dialect = db.engine.dialect
    commit = dialect.do_commit

    def commit_and_lose_the_answer(connection) -> None:
        commit(connection)
        raise sqlite3.OperationalError("the answer was lost")

    monkeypatch.setattr(dialect, "do_commit", commit_and_lose_the_answer)
    with pytest.raises(OperationalError, match="the answer was lost"):
        shelf.attach("a.png", picture("PNG"))
    monkeypatch.undo()
    db.session.rollback()
    (named,) = orjson.loads(shelf.patient.phi_attributes)["images"]
    file = get_file(shelf.alice, UUID(named["id"]))
    assert shelf.bytes_of(file.storage_key) == picture("PNG")


def test_no_transaction_is_open_while_a_body_comes(shelf) -> None:
    """Else a slow upload would hold back every writer on SQLite, and be cut off on PostgreSQL."""
    reception = begin_upload(shelf.alice, shelf.patient_id, "images", "a.png")
    seen = []

    class Watching(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            seen.append(db.session.registry().in_transaction())
            return super().read(size)

    receive(shelf.alice, reception, Watching(picture("PNG")))
    assert seen
    assert not any(seen)

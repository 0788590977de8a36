"""Files that came by themselves are attached by an edit of the entity, or refused with nothing changed."""

from __future__ import annotations

import io
from uuid import UUID, uuid4

import pytest

from app.actor import Actor
from app.attachments import (
    expect_file,
    get_file,
    list_files,
    open_preview,
    receive_announced,
)
from app.attachments.editing import edit_with_files
from app.catalog import values_of
from app.errors import Forbidden, Gone, Invalid, NotFound, TooLarge
from app.extensions import db
from app.models import Entity, StoredFile
from tests.attachments.conftest import Shelf
from tests.attachments.files import pdf, picture


def came(actor: Actor, name: str = "report.pdf", content: bytes | None = None) -> UUID:
    """The id of a file whose bytes are there."""
    body = pdf() if content is None else content
    file_id = expect_file(actor, name, "application/octet-stream").id
    receive_announced(actor, file_id, io.BytesIO(body), len(body))
    return file_id


def attach(shelf: Shelf, *file_ids: UUID, attribute: str = "analysis_file", actor: Actor | None = None) -> Entity:
    return edit_with_files(actor or shelf.alice, shelf.patient_id, {}, {attribute: file_ids})


def value(shelf: Shelf, attribute: str = "analysis_file") -> object:
    db.session.rollback()
    return values_of(shelf.patient).get(attribute)


def assert_unchanged(shelf: Shelf, file_id: UUID, state: str = "stored") -> None:
    assert value(shelf) is None
    assert shelf.versions() == 0
    file = db.session.get(StoredFile, file_id)
    assert file is None or file.state == state
    assert shelf.events("file.attach") == []


def test_a_file_is_attached_together_with_the_other_values(shelf: Shelf) -> None:
    file_id = came(shelf.alice)
    edit_with_files(shelf.alice, shelf.patient_id, {"age": 41}, {"analysis_file": [file_id]})
    file = get_file(shelf.alice, file_id)
    assert value(shelf) == {
        "id": str(file_id), "name": "report.pdf", "mimeType": "application/pdf", "size": file.byte_count,
    }  # fmt: skip
    assert (file.state, file.entity_id, file.page_count) == ("attached", shelf.patient_id, 2)
    assert shelf.versions() == 1
    assert values_of(shelf.patient)["age"] == 41
    assert len(shelf.events("file.attach")) == 1


def test_an_image_has_its_small_picture(shelf: Shelf) -> None:
    file_id = came(shelf.alice, "scan.png", picture("PNG"))
    attach(shelf, file_id, attribute="images")
    with open_preview(shelf.alice, file_id)[1] as preview:
        assert preview.read(4) == b"RIFF"


def test_several_files_replace_what_was_held_and_keep_what_is_named_again(shelf: Shelf) -> None:
    first, second, third = (came(shelf.alice, f"{number}.png", picture("PNG")) for number in range(3))
    attach(shelf, first, second, attribute="images")
    attach(shelf, second, third, attribute="images")
    assert [file["id"] for file in value(shelf, "images")] == [str(second), str(third)]
    assert {file.id for file in list_files(shelf.alice, shelf.patient)} == {second, third}
    with pytest.raises(Gone):
        get_file(shelf.alice, first)


def test_nothing_detaches(shelf: Shelf) -> None:
    file_id = came(shelf.alice)
    attach(shelf, file_id)
    attach(shelf)
    assert value(shelf) is None
    with pytest.raises(Gone):
        get_file(shelf.alice, file_id)


def test_before_its_bytes_came_a_file_cannot_be_attached(shelf: Shelf) -> None:
    file_id = expect_file(shelf.alice, "report.pdf", "application/pdf").id
    with pytest.raises(Invalid, match="have not come yet") as refused:
        attach(shelf, file_id)
    assert set(refused.value.fields) == {"analysis_file"}
    assert_unchanged(shelf, file_id, "expected")


def test_a_file_belongs_to_one_record(shelf: Shelf) -> None:
    file_id = came(shelf.alice)
    attach(shelf, file_id)
    other = shelf.world.patient().id
    with pytest.raises(Invalid, match="attached before"):
        edit_with_files(shelf.alice, other, {}, {"analysis_file": [file_id]})
    assert get_file(shelf.alice, file_id).entity_id == shelf.patient_id
    assert values_of(db.session.get_one(Entity, other)).get("analysis_file") is None
    attach(shelf)
    with pytest.raises(Invalid, match="attached before"):
        attach(shelf, file_id)


def test_another_organizations_patient_gets_no_file(shelf: Shelf) -> None:
    rita = shelf.world.actor("rita")
    file_id = came(rita)
    with pytest.raises(NotFound):
        attach(shelf, file_id, actor=rita)
    assert_unchanged(shelf, file_id)


def test_another_organizations_file_is_as_unknown_as_one_that_is_not(shelf: Shelf) -> None:
    foreign = [came(shelf.world.actor(name)) for name in ("rita", "boris")]
    words = set()
    for file_id in (*foreign, uuid4()):
        with pytest.raises(Invalid) as refused:
            attach(shelf, file_id)
        words.add(refused.value.message)
        assert_unchanged(shelf, file_id)
    assert len(words) == 1


def test_a_colleagues_file_may_be_attached(shelf: Shelf) -> None:
    file_id = came(shelf.world.actor("adam"))
    attach(shelf, file_id)
    assert get_file(shelf.alice, file_id).state == "attached"


def test_an_administrators_file_moves_into_the_patients_organization(shelf: Shelf) -> None:
    maximilian = shelf.world.actor("max")
    file_id = came(maximilian)
    attach(shelf, file_id, actor=maximilian)
    assert get_file(shelf.alice, file_id).organization_id == shelf.patient.organization_id


def test_a_file_over_the_templates_size_is_refused(shelf: Shelf) -> None:
    file_id = came(shelf.alice, "long.csv", b"1,2,3\n" * 1_000_000)
    with pytest.raises(TooLarge, match="at most 5 MB"):
        attach(shelf, file_id)
    assert_unchanged(shelf, file_id)


@pytest.mark.parametrize(("name", "content"), [("scan.png", picture("PNG")), ("notes.xyz", b"what is this")])
def test_a_kind_that_the_template_does_not_take_is_refused(shelf: Shelf, name: str, content: bytes) -> None:
    file_id = came(shelf.alice, name, content)
    with pytest.raises(Invalid, match="not accepted here"):
        attach(shelf, file_id)
    assert_unchanged(shelf, file_id)


def test_more_files_than_the_attribute_holds_are_refused(shelf: Shelf) -> None:
    ids = came(shelf.alice), came(shelf.alice)
    with pytest.raises(Invalid, match="at most 1 file"):
        attach(shelf, *ids)
    assert_unchanged(shelf, ids[0])


def test_a_fault_elsewhere_in_the_edit_attaches_nothing(shelf: Shelf) -> None:
    file_id = came(shelf.alice)
    with pytest.raises(Invalid):
        edit_with_files(shelf.alice, shelf.patient_id, {"age": "old"}, {"analysis_file": [file_id]})
    assert_unchanged(shelf, file_id)


def test_who_may_only_look_attaches_nothing(shelf: Shelf) -> None:
    file_id = came(shelf.alice)
    with pytest.raises(Forbidden):
        attach(shelf, file_id, actor=shelf.world.actor("ann"))
    with pytest.raises(Forbidden):
        expect_file(shelf.world.actor("ann"), "a.csv", "text/csv")
    assert_unchanged(shelf, file_id)


def test_what_is_not_a_file_attribute_takes_no_file(shelf: Shelf) -> None:
    file_id = came(shelf.alice)
    for attribute in ("notes", "unheard_of"):
        with pytest.raises(Invalid):
            attach(shelf, file_id, attribute=attribute)
        assert_unchanged(shelf, file_id)


def test_files_that_nobody_sends_are_not_expected_without_end(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.attachments.announced.MOST_EXPECTED", 2)
    for _ in range(2):
        expect_file(shelf.alice, "a.csv", "text/csv")
    with pytest.raises(Invalid, match="never sent"):
        expect_file(shelf.alice, "a.csv", "text/csv")
    expect_file(shelf.world.actor("adam"), "a.csv", "text/csv")

"""Files that come by themselves, on PostgreSQL: of several hands at once, one wins and the others leave nothing."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from app import attachments
from app.attachments import AlreadyStored
from app.attachments.editing import edit_with_files
from app.catalog import values_of
from app.errors import Invalid, Refusal
from app.extensions import db
from app.models import Entity, FilePiece, StoredFile
from app.storage import storage
from tests.factories import World

LOG = b"2024-03-01T08:00:00Z,SN-0001,4.2\n"
HANDS = 4


@pytest.fixture
def domain(postgresql_app: tuple[Flask, World]) -> Iterator[World]:
    with postgresql_app[0].app_context():
        yield postgresql_app[1]


class Together(io.BytesIO):
    """A body whose end comes when every other hand's has come too."""

    def __init__(self, content: bytes, barrier: Barrier) -> None:
        super().__init__(content)
        self._barrier = barrier

    def read(self, size: int | None = -1, /) -> bytes:
        got = super().read(size)
        if not got:
            self._barrier.wait(30)
        return got


def at_once(app: Flask, deed: Callable[[int], object]) -> list[Refusal | None]:
    """What each of several hands heard that did the same at the same time; their numbers begin with 1."""

    def one(number: int) -> Refusal | None:
        with app.app_context():
            try:
                deed(number)
            except Refusal as refusal:
                return refusal
            finally:
                db.session.remove()
        return None

    with ThreadPoolExecutor(HANDS) as hands:
        return list(hands.map(one, range(1, HANDS + 1)))


def test_a_file_goes_its_whole_way(domain: World) -> None:
    alice, patient = domain.actor("alice"), domain.patient().id
    file_id = attachments.expect_file(alice, "log.csv", "text/csv", parts=1).id
    tag = attachments.receive_piece(alice, file_id, 7, io.BytesIO(LOG), len(LOG))
    attachments.join_pieces(alice, file_id, {7: f'"{tag}"'})
    edit_with_files(alice, patient, {}, {"analysis_file": [file_id]})
    assert values_of(db.session.get_one(Entity, patient))["analysis_file"]["id"] == str(file_id)
    assert db.session.scalar(select(FilePiece.number).where(FilePiece.file_id == file_id)) is None


def test_of_several_sendings_at_once_one_is_kept(postgresql_app: tuple[Flask, World], domain: World) -> None:
    alice, barrier = domain.actor("alice"), Barrier(HANDS)
    before = {found.key for found in storage.list_()}
    file_id = attachments.expect_file(alice, "log.csv", "text/csv").id
    db.session.rollback()

    def send(number: int) -> None:
        body = LOG * number
        attachments.receive_announced(alice, file_id, Together(body, barrier), len(body))

    heard = at_once(postgresql_app[0], send)
    winners = [number for number, refusal in enumerate(heard, start=1) if refusal is None]
    assert len(winners) == 1
    assert all(isinstance(refusal, AlreadyStored) for refusal in heard if refusal)
    file = db.session.get_one(StoredFile, file_id, populate_existing=True)
    assert file.byte_count == winners[0] * len(LOG)
    assert {found.key for found in storage.list_()} - before == {file.storage_key}


def test_of_several_edits_at_once_one_gets_the_file(postgresql_app: tuple[Flask, World], domain: World) -> None:
    alice = domain.actor("alice")
    patients: list[UUID] = [domain.patient().id for _ in range(HANDS)]
    file_id = attachments.expect_file(alice, "log.csv", "text/csv").id
    attachments.receive_announced(alice, file_id, io.BytesIO(LOG), None)
    db.session.rollback()
    heard = at_once(
        postgresql_app[0],
        lambda number: edit_with_files(alice, patients[number - 1], {}, {"analysis_file": [file_id]}),
    )
    assert [type(refusal) for refusal in heard if refusal] == [Invalid] * (HANDS - 1)
    holding = [one for one in patients if "analysis_file" in values_of(db.session.get_one(Entity, one))]
    assert holding == [db.session.get_one(StoredFile, file_id, populate_existing=True).entity_id]

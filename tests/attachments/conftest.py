"""What the tests of attached files have at hand."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.actor import Actor
from app.attachments import begin_upload, receive
from app.extensions import db
from app.models import AuditEvent, Entity, EntityHistory, StoredFile
from app.storage import storage
from tests.factories import World


class Shelf:
    """One patient of Northside, and what is kept of the files that were sent to it."""

    def __init__(self, world: World, data_dir: Path) -> None:
        self.world = world
        self.incoming = data_dir / "incoming"
        self.alice = world.actor("alice")
        self.patient_id = world.patient().id

    def attach(self, name: str, content: bytes, attribute: str = "images", actor: Actor | None = None) -> StoredFile:
        who = actor or self.alice
        reception = begin_upload(who, self.patient_id, attribute, name, len(content))
        return receive(who, reception, io.BytesIO(content))

    @property
    def patient(self) -> Entity:
        return db.session.get_one(Entity, self.patient_id, populate_existing=True)

    def versions(self) -> int:
        """Versions before the current one."""
        return self.count(select(EntityHistory).where(EntityHistory.id == self.patient_id))

    def events(self, action: str) -> list[AuditEvent]:
        return list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == action)))

    def count(self, rows) -> int:
        return db.session.scalar(select(func.count()).select_from(rows.subquery()))

    def stored_keys(self) -> list[str]:
        return [found.key for found in storage.list_()]

    def bytes_of(self, key: str) -> bytes:
        with storage.open(key) as stream:
            return stream.read()

    def assert_empty(self) -> None:
        """Nothing was left behind: no row, no object, finished or not, no temporary file, no version."""
        db.session.rollback()
        assert self.count(select(StoredFile)) == 0
        assert self.stored_keys() == []
        assert list(self.incoming.glob("*")) == []
        unfinished = self.incoming.parent / "storage" / ".unfinished"
        assert list(unfinished.glob("*")) == []
        assert self.versions() == 0
        assert self.events("file.attach") == []
        assert "images" not in self.patient.attributes


@pytest.fixture
def shelf(app: Flask, domain: World, config) -> Shelf:
    return Shelf(domain, config.data_dir)

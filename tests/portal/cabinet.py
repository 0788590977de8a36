"""One patient of Northside in a browser's reach, and what is kept of the files that were sent to it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app import catalog
from app.extensions import db
from app.models import AuditEvent, Entity, EntityHistory, StoredFile
from app.storage import storage
from tests.conftest import csrf_token
from tests.factories import World

SignedIn = Callable[[str], FlaskClient]


@dataclass
class Cabinet:
    """The patient's page at ``path``; sends files as the script does and as a plain form does."""

    app: Flask
    world: World
    data_dir: Path
    patient_id: UUID
    caption: str

    @property
    def path(self) -> str:
        return f"/entities/patient/{self.patient_id}"

    def send_raw(self, browser: FlaskClient, name: str, content: bytes, attribute: str = "images", **more: Any) -> Any:
        """One file as upload.js sends it."""
        headers = {"Accept": "application/json", "X-CSRFToken": self.token(browser)} | more.pop("headers", {})
        options: dict[str, Any] = {"content_type": "application/octet-stream", "data": content} | more
        path = f"{self.path}/files/{attribute}?name={quote(name)}"
        # The test's client leaves a length of nothing out.
        environ = {"CONTENT_LENGTH": str(len(content))}
        return browser.post(path, headers=headers, environ_overrides=environ, **options)

    def send_form(
        self,
        browser: FlaskClient,
        files: Sequence[tuple[str, bytes]],
        attribute: str = "images",
        **fields: Any,
    ) -> Any:
        """Files as a browser without script sends them."""
        sent = [FileStorage(io.BytesIO(content), filename=name) for name, content in files]
        data = {"csrf_token": self.token(browser), "file": sent} | fields
        # Encoded here: the client would put a large form into a temporary file that it never closes.
        boundary, body = encode_multipart(data)
        kind = f"multipart/form-data; boundary={boundary}"
        return browser.post(f"{self.path}/files/{attribute}", data=body, content_type=kind)

    def token(self, browser: FlaskClient) -> str:
        return csrf_token(browser, "/entities/")

    @contextmanager
    def inside(self) -> Iterator[None]:
        with self.app.app_context():
            yield

    def files(self) -> list[StoredFile]:
        with self.inside():
            found = list(db.session.scalars(select(StoredFile).order_by(StoredFile.created_at)))
            db.session.expunge_all()
            return found

    def events(self, action: str) -> int:
        with self.inside():
            chosen = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == action)
            return db.session.scalar(chosen) or 0

    def bytes_of(self, file: StoredFile) -> bytes:
        with self.inside(), storage.open(file.storage_key) as stream:
            return stream.read()

    def assert_empty(self) -> None:
        """Nothing was left behind: no row, no object, finished or not, no temporary file, no version.

        What other patients of the same portal hold is theirs.
        """
        with self.inside():
            rows = list(db.session.scalars(select(StoredFile)))
            assert [row for row in rows if row.entity_id == self.patient_id] == []
            named = {key for row in rows for key in (row.storage_key, row.preview_key) if key}
            versions = select(func.count()).select_from(EntityHistory).where(EntityHistory.id == self.patient_id)
            assert db.session.scalar(versions) == 0
            values = catalog.values_of(db.session.get_one(Entity, self.patient_id))
            assert not {"images", "analysis_file"} & set(values)
        stored = self.data_dir / "storage"
        assert {str(kept.relative_to(stored)) for kept in stored.rglob("*") if kept.is_file()} == named
        assert list((self.data_dir / "incoming").glob("*")) == []
        assert self.events("file.attach") == len(rows)


def make_cabinet(app: Flask, world: World, data_dir: Path, **values: Any) -> Cabinet:
    with app.app_context():
        patient = world.patient(first_name="Ana", last_name="Ruiz", **values)
        return Cabinet(app, world, data_dir, patient.id, patient.caption)

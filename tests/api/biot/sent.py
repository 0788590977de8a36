"""Files as a program sends them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.extensions import db
from app.models import FilePiece, StoredFile
from app.storage import storage
from tests.api.conftest import Machine

UPLOAD, PARTS = "/file/v1/files/upload", "/file/v1/files/upload/parts/"
LOG = b"2024-03-01T08:00:00Z,SN-0001,4.2\n" * 100
MIB = 1024 * 1024


def announce(machine: Machine, name: str = "log.csv", media_type: str = "text/csv") -> dict[str, Any]:
    """What the server answers to the announcement of a file."""
    answer = machine.post(UPLOAD, json={"name": name, "mimeType": media_type})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def announce_parts(machine: Machine, parts: int, name: str = "log.csv") -> dict[str, Any]:
    answer = machine.post(PARTS, json={"name": name, "mimeType": "text/csv", "parts": parts})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def put(client: FlaskClient, url: str, content: bytes, **more: Any) -> TestResponse:
    """Bytes to a signed address: no token, no type, as the clients send them."""
    parts = urlsplit(url)
    return client.put(f"{parts.path}?{parts.query}", data=content, **more)


def fetch(client: FlaskClient, url: str, **more: Any) -> TestResponse:
    parts = urlsplit(url)
    return client.get(f"{parts.path}?{parts.query}", buffered=True, **more)


def sent(machine: Machine, content: bytes = LOG, name: str = "log.csv", media_type: str = "text/csv") -> str:
    """The id of a file whose bytes have come."""
    made = announce(machine, name, media_type)
    answer = put(machine.client, made["signedUrl"], content)
    assert answer.status_code == 200, answer.text
    return made["id"]


def refused(answer: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The body of a refusal in the contract's shape."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.get_json()
    assert set(body) == {"code", "message", "serviceName", "traceId", "details"}
    assert body["message"]
    assert code is None or body["code"] == code
    return body


def state_of(file_id: str) -> str | None:
    """Inside an application context."""
    db.session.rollback()
    return db.session.scalar(select(StoredFile.state).where(StoredFile.id == UUID(file_id)))


def pieces_of(file_id: str) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(FilePiece.file_id == UUID(file_id))) or 0


def stored_keys() -> list[str]:
    return [found.key for found in storage.list_()]

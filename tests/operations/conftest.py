"""An installation in which something of everything is there to be counted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from sqlalchemy import update

from app import clock, exports, outbox
from app.attachments import begin_upload, receive
from app.exports import ReportParams
from app.exports.claims import claim_part
from app.exports.settling import fail_export
from app.extensions import db
from app.models import Export, ExportPart, OutboxMessage, begin_writing
from app.models.types import EPOCH
from config import Config
from tests.factories import BEGINNING, World
from tests.services.valkey import Valkey
from tests.test_doors import png

PATIENTS = ReportParams(data_types=("patient",), period="creation", start=BEGINNING, end=None)
REASON = "The database did not answer. It was tried 8 times."


@dataclass(frozen=True)
class Made:
    """What :func:`make_of_everything` made."""

    ready: UUID
    late: UUID
    failed: UUID
    waiting: UUID
    archive_bytes: int
    file_bytes: int


def ask(world: World, who: str = "alice", callback_url: str | None = None) -> UUID:
    return exports.request_export(
        world.actor(who), "report", PATIENTS, request_key=uuid4().hex, callback_url=callback_url
    ).id


def fail(world: World, who: str = "alice") -> UUID:
    """An export of that person's that failed."""
    export_id = ask(world, who)
    begin_writing()
    fail_export(export_id, REASON)
    db.session.commit()
    return export_id


def hold_late(world: World) -> UUID:
    """An export of which a worker holds a part, and has not said in time that it lives."""
    export_id = ask(world)
    claimed = claim_part("a worker that was never heard of again")
    assert claimed is not None
    assert claimed.export_id == export_id
    begin_writing()
    db.session.execute(update(ExportPart).where(ExportPart.export_id == export_id).values(lease_until=EPOCH))
    db.session.commit()
    return export_id


def make_of_everything(world: World) -> Made:
    """An export of each state, a file, messages that wait, fail and were given up. Within an application context."""
    patient, picture = world.patient(), png()
    receive(world.actor("alice"), begin_upload(world.actor("alice"), patient.id, "images", "p.png", len(picture)),
            io.BytesIO(picture))  # fmt: skip
    ready = ask(world, callback_url="https://hooks.invalid/told")
    exports.work_until_idle("counting")
    late, failed = hold_late(world), fail(world)
    waiting = ask(world)
    begin_writing()
    db.session.execute(
        update(Export).where(Export.id == waiting).values(requested_at=clock.now() - timedelta(seconds=90))
    )
    db.session.execute(update(OutboxMessage).values(attempts=1, last_error="It answered 500."))
    outbox.post(world.acme.id, "mail.link", {"link": "none"})
    outbox.post(world.acme.id, "mail.link", {"link": "none"}).given_up_at = clock.now()
    db.session.commit()
    archive_bytes = db.session.get_one(Export, ready).archive_bytes or 0
    db.session.remove()
    return Made(ready, late, failed, waiting, archive_bytes, len(picture))


@pytest.fixture
def made(app: Flask, world: World) -> Made:
    with app.app_context():
        return make_of_everything(world)


@pytest.fixture
def worker(valkey: Valkey, config: Config) -> Iterator[Callable[[], Worker]]:
    """``worker()``: one more worker that has registered itself, as worker.py's does when it starts."""
    with Redis.from_url(valkey.url) as connection:
        queue = Queue(config.queue_name, connection=connection, serializer=JSONSerializer)

        def be_born() -> Worker:
            born = Worker([queue], connection=connection, serializer=JSONSerializer)
            born.register_birth()
            return born

        yield be_born

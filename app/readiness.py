"""Whether what Chartroom leans on answers: database, Valkey, storage, a live worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app import clock
from app.errors import Misconfigured, Unavailable
from app.extensions import db
from app.jobqueue import bell
from app.storage import StorageFault, storage

log = logging.getLogger(__name__)

REMEMBERED_FOR = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked; ``words`` reveal no address and no version."""

    name: str
    ok: bool
    words: str


def check_everything() -> tuple[Check, ...]:
    """Ask each of them; one that fails does not keep the others from being asked."""
    return tuple(
        _ask(name, question)
        for name, question in (
            ("database", _ask_database),
            ("valkey", _ask_valkey),
            ("storage", storage.check),
            ("worker", _ask_for_worker),
        )
    )


class Remembered:
    """The answers of this process, asked for anew at most once in :data:`REMEMBERED_FOR`.

    Strangers may ask as often as they like, and each answer costs a write to the disk.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._answered: tuple[datetime, tuple[Check, ...]] | None = None

    def checks(self) -> tuple[Check, ...]:
        """As :func:`check_everything`, at most that old."""
        with self._asking:
            if self._answered is None or not timedelta(0) <= clock.now() - self._answered[0] < REMEMBERED_FOR:
                checks = check_everything()
                self._answered = clock.now(), checks
            return self._answered[1]


def is_outage(error: BaseException | None) -> bool:
    """Whether an unexpected exception only says that the database or Valkey is away."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return isinstance(error, RedisError | StorageFault | Misconfigured)


def _ask(name: str, question: Callable[[], None]) -> Check:
    try:
        question()
    except (Unavailable, Misconfigured) as refusal:
        return Check(name, False, refusal.message)
    except (DBAPIError, RedisError, StorageFault, OSError) as fault:
        log.warning("not ready: %s (%s)", name, type(fault).__name__)
        return Check(name, False, "does not answer")
    return Check(name, True, "answers")


def _ask_database() -> None:
    try:
        db.session.execute(text("SELECT 1 FROM alembic_version"))
    finally:
        db.session.rollback()


def _ask_valkey() -> None:
    with bell.connection() as connection:
        connection.ping()


def _ask_for_worker() -> None:
    with bell.connection() as connection:
        if not any(workers_alive(connection)):
            raise Unavailable("no worker is alive")


def workers_alive(connection: Redis) -> Iterator[BaseWorker]:
    """The workers of this deployment that have said in time that they live."""
    for worker in Worker.all(queue=bell.queue(connection), serializer=JSONSerializer):
        seen = worker.last_heartbeat
        # A killed worker leaves its key behind for as long as a living one may be silent.
        if seen is not None and (clock.now() - seen).total_seconds() <= worker.worker_ttl:
            yield worker

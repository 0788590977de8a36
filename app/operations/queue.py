"""What Valkey knows: unanswered rings, and the workers that listen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq.worker import BaseWorker

from app import jobqueue, readiness

DOING = ("exports", "imports", "nothing")
"""What a worker may be at."""


@dataclass(frozen=True, slots=True)
class Queue:
    """``rings``: how many nobody has answered yet. ``workers``: how many of those alive do what; see :data:`DOING`."""

    rings: int
    workers: Mapping[str, int]

    @property
    def alive(self) -> int:
        return sum(self.workers.values())


def look_at_queue() -> Queue | None:
    """The queue as it is now; ``None`` when Valkey does not answer."""
    try:
        with jobqueue.bell.connection() as connection:
            queue = jobqueue.bell.queue(connection)
            doing = Counter(_doing(worker) for worker in readiness.workers_alive(connection))
            return Queue(int(queue.count), {what: doing[what] for what in DOING})
    except RedisError:
        return None


def _doing(worker: BaseWorker) -> str:
    try:
        job = worker.get_current_job()
    except NoSuchJobError:
        # It ended just now.
        job = None
    if job is None:
        return "nothing"
    return "imports" if job.func_name == jobqueue.IMPORTS else "exports"

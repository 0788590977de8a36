"""The bell: wakes a worker by a dotted name, carrying nothing. What to do is asked of the database."""

from __future__ import annotations

import logging

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

JOB = "app.jobs.work_on_exports"
IMPORTS = "app.jobs.work_on_imports"

log = logging.getLogger(__name__)


class Bell:
    """Rings through Redis; a bell that cannot ring is not an error, for the reconciler rings again."""

    def __init__(self) -> None:
        self._url: str | None = None
        self._queue_name = "chartroom"
        self._queue: Queue | None = None

    def bind(self, url: str, queue_name: str) -> None:
        self._url, self._queue_name, self._queue = url, queue_name, None

    def connection(self, *, patient: bool = False) -> Redis:
        """A connection to Redis; a ``patient`` one retries for a while when it is away (workers)."""
        if self._url is None:
            raise RuntimeError("the bell is not bound to an application")
        retry = Retry(ExponentialBackoff(cap=2, base=0.1), 20) if patient else Retry(ExponentialBackoff(), 1)
        # A worker blocks on the queue for minutes, so only the impatient connection limits how long it waits.
        limit = None if patient else 2.0
        return Redis.from_url(self._url, retry=retry, socket_connect_timeout=2.0, socket_timeout=limit)

    def queue(self, connection: Redis | None = None) -> Queue:
        if connection is not None:
            return Queue(self._queue_name, connection=connection, serializer=JSONSerializer)
        if self._queue is None:
            self._queue = Queue(self._queue_name, connection=self.connection(), serializer=JSONSerializer)
        return self._queue

    def ring(self, job: str = JOB) -> bool:
        """Wake one worker. Returns whether the bell rang; nothing is lost when it did not.

        :param job: the dotted name of what it should do
        """
        try:
            self.queue().enqueue(job, job_timeout=-1, result_ttl=0, failure_ttl=3600)
        except RedisError as fault:
            log.warning("the bell could not ring; the reconciler will: %s", fault)
            return False
        return True

    def waiting(self) -> int:
        """How many unanswered rings there are.

        :raises RedisError: Redis does not answer
        """
        return int(self.queue().count)


bell = Bell()
bind = bell.bind
ring = bell.ring

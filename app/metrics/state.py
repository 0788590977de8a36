"""What rows and Valkey say, as gauges: computed when somebody asks, so that no process must keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app import operations
from app.operations import Installation, Queue

KINDS = {"export.settled": "callback", "mail.link": "mail"}
"""What the kinds of messages in the outbox are called for those who watch them."""


class State(Collector):
    """The installation at one moment; ``None`` stands for what did not answer."""

    def __init__(self, rows: Installation | None, queue: Queue | None) -> None:
        self._rows = rows
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        yield _one("database_up", "Whether the database answered.", float(self._rows is not None))
        yield _one("valkey_up", "Whether Valkey answered.", float(self._queue is not None))
        if self._queue is not None:
            yield from _of_queue(self._queue)
        if self._rows is not None:
            yield from _of_rows(self._rows)


def _of_queue(queue: Queue) -> Iterator[Metric]:
    yield _one("queue_depth", "Rings for a worker that nobody has answered yet.", queue.rings)
    yield _several("workers", "Workers alive, by what they do.", "doing", queue.workers.items())


def _of_rows(rows: Installation) -> Iterator[Metric]:
    backlog = rows.backlog
    yield _several("exports", "Exports, by state.", "state", rows.exports.items())
    yield _one("oldest_waiting_seconds", "How long the export that waits longest for its first worker has waited.",
               backlog.oldest_seconds)  # fmt: skip
    yield _one("parts_waiting", "Parts of exports that wait for a worker.", backlog.parts_waiting)
    leases = {"held": backlog.leases_held - backlog.leases_late, "late": backlog.leases_late}
    yield _several("leases", "Parts that a worker holds; late: it has not said in time that it lives.", "state",
                   leases.items())  # fmt: skip
    yield _one("callbacks_failing", "Callbacks that were tried in vain and will be tried again.",
               rows.callbacks.failing)  # fmt: skip
    outbox = _family("outbox_messages", "Messages that are not delivered: waiting, or given up.", "kind", "state")
    for kind, box in rows.outbox.items():
        outbox.add_metric([KINDS.get(kind, kind), "waiting"], box.waiting)
        outbox.add_metric([KINDS.get(kind, kind), "failed"], box.given_up)
    yield outbox
    storage = _family("storage_bytes", "Bytes kept for a tenant.", "tenant", "holds")
    for slug, kept in rows.storage.items():
        storage.add_metric([slug, "files"], kept.file_bytes)
        storage.add_metric([slug, "archives"], kept.archive_bytes)
    yield storage


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"chartroom_{name}", words, value=value)


def _several(name: str, words: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = _family(name, words, label)
    for value_of, value in values:
        family.add_metric([value_of], value)
    return family


def _family(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"chartroom_{name}", words, labels=labels)


def look() -> CollectorRegistry:
    """The installation as it is now."""
    registry = CollectorRegistry()
    registry.register(State(operations.look_at_database(), operations.look_at_queue()))
    return registry

"""Requests, counted and timed by each process of the web, and added up in the folder that they share."""

from __future__ import annotations

import time
from pathlib import Path

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, multiprocess

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds. A page of the portal should stay below 0.1."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """What this process counts. The pattern of an address is a label, never the address: it may name a patient."""

    def __init__(self, app: Flask, folder: Path | None) -> None:
        """:param folder: where all processes of the web keep their counts; None: this process is the only one"""
        # When each series began is one more series for each, and of no use here.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._folder = folder
        self._own = CollectorRegistry()
        self._count = Counter(
            "chartroom_requests", "Requests answered, by the pattern of their address.", ("route", "method", "status"),
            registry=self._own,
        )  # fmt: skip
        self._seconds = Histogram(
            "chartroom_request_seconds", "Seconds from a request's arrival until its answer began.",
            ("route", "method"), buckets=BUCKETS, registry=self._own,
        )  # fmt: skip
        app.before_request(self._begin)
        app.after_request(self._end)

    def registry(self) -> CollectorRegistry:
        """What all processes counted together."""
        if self._folder is None:
            return self._own
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together, str(self._folder))  # type: ignore[no-untyped-call]
        return together

    @staticmethod
    def _begin() -> None:
        g.request_began = time.perf_counter()

    def _end(self, response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        self._count.labels(route, method, response.status_code).inc()
        self._seconds.labels(route, method).observe(time.perf_counter() - g.request_began)
        return response

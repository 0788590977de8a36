"""Logs as JSON lines with the request's number. No patient data, no passwords: names and numbers only.

An exception's own message is left out, for databases put values into it; its type and its frames are kept.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

Event = MutableMapping[str, Any]


class JsonLines(logging.Handler):
    """Writes to whatever is standard error at the moment; a second application in one process replaces it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def init(level: str) -> None:
    """Send everything that is logged to standard error as JSON.

    :param level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _frames_instead_of_messages,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = JsonLines()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for former in [known for known in root.handlers if isinstance(known, JsonLines)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level.upper())


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Name in each line of this thread, until it is left, what it is about: ``export_id``, ``request_id``.

    :param ids: what is ``None`` is left out
    """
    known = {name: str(value) for name, value in ids.items() if value is not None}
    with structlog.contextvars.bound_contextvars(**known):
        yield


def _frames_instead_of_messages(_logger: Any, _method: str, event: Event) -> Event:
    info = event.pop("exc_info", None)
    error = _error_of(info)
    if error is not None:
        event["exception"] = _chain(error)
    return event


def _error_of(info: Any) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return sys.exc_info()[1] if info else None


def _chain(error: BaseException) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.extract_tb(current.__traceback__)
        told.append(
            {
                "type": f"{type(current).__module__}.{type(current).__qualname__}",
                "frames": [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames],
            }
        )
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return told

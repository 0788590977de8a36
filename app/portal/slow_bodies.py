"""How long a request's body may take to arrive: a server thread waits for it, and there are few of them."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from flask import Flask, current_app, request
from werkzeug.exceptions import RequestTimeout

from app.portal.signed_in import settings

UPLOADS = frozenset({"portal.files.upload"})
"""Large bodies on slow lines: only silence breaks them off. A view of another face says so by an attribute of its own,
``view.takes_uploads = True``."""
SMALL: dict[str, int] = {"portal.auth.submit": 16 * 1024}
"""The most bytes that an endpoint open to strangers reads."""


def init_app(app: Flask) -> None:
    """Watch over each body; before anything reads one."""
    app.before_request(_watch)


def _watch() -> None:
    if request.endpoint in SMALL:
        request.max_content_length = SMALL[request.endpoint]
    connection = request.environ.get("gunicorn.socket")
    if connection is None:  # another server, with clocks of its own
        return
    known, body = settings(), request.environ["wsgi.input"]
    if request.endpoint in UPLOADS or _takes_uploads():
        watched = WatchedBody(body, connection, idle=known.upload_idle_seconds)
    else:
        watched = WatchedBody(body, connection, idle=known.body_idle_seconds, whole=known.body_seconds)
    request.environ["wsgi.input"] = watched


def _takes_uploads() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, "takes_uploads", False))


class WatchedBody:
    """A body whose reading ends with :class:`~werkzeug.exceptions.RequestTimeout` when it does not come."""

    def __init__(self, body: Any, connection: socket.socket, *, idle: float, whole: float | None = None) -> None:
        """
        :param body: the server's own ``wsgi.input``
        :param idle: seconds without any byte
        :param whole: seconds from the first read to the last byte; None for as long as bytes come
        """
        self._body, self._connection, self._idle, self._whole = body, connection, idle, whole
        self._until: float | None = None

    def read(self, size: int = -1) -> bytes:
        """As the server's own.

        :raises RequestTimeout: it did not come in time
        """
        return bytes(self._in_time(self._body.read, size))

    def readline(self, size: int = -1) -> bytes:
        """As the server's own.

        :raises RequestTimeout: it did not come in time
        """
        return bytes(self._in_time(self._body.readline, size))

    def _in_time(self, reading: Any, size: int) -> Any:
        left = self._left()
        if left is not None and left <= 0:
            raise RequestTimeout
        # A server reads until it has all that was asked for, so drops of bytes keep one call waiting: only closing
        # the way in ends it. The way out stays open for the answer.
        bell = None if left is None else threading.Timer(left, self._close_way_in)
        former = self._connection.gettimeout()
        self._connection.settimeout(self._idle)
        try:
            if bell is not None:
                bell.daemon = True
                bell.start()
            got = reading(size)
        except TimeoutError:
            raise RequestTimeout from None
        except Exception:
            if self._is_over():
                raise RequestTimeout from None
            raise
        finally:
            if bell is not None:
                bell.cancel()
            # What is sent has other clocks.
            self._connection.settimeout(former)
        if not got and self._is_over():
            raise RequestTimeout
        return got

    def _left(self) -> float | None:
        if self._whole is None:
            return None
        if self._until is None:
            self._until = time.monotonic() + self._whole
        return self._until - time.monotonic()

    def _is_over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _close_way_in(self) -> None:
        with suppress(OSError):  # the client was quicker
            self._connection.shutdown(socket.SHUT_RD)

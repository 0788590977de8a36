"""The bodies of uploads: where a form's files lie while it is read, and what happens to a body nobody reads."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from flask import Flask, Request, Response, request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from app import attachments
from app.errors import Invalid, TooLarge, Unavailable
from app.extensions import csrf
from app.portal.file_cards import MOST_AT_ONCE
from app.sending import HEARD

FORM_OVERHEAD = 64 * 1024
"""Bytes of a form besides its files: boundaries, part headers, the token."""
LINGER_BYTES = 512 * 1024 * 1024
LINGER_SECONDS = 30.0
_IDLE_SECONDS = 3.0
_CHUNK = 256 * 1024


class RoomyRequest(Request):
    """A request whose form may hold large files: they lie where uploads lie, without a name, until it ends.

    Only where :func:`read_form` is called: elsewhere a form with a file in it is refused with 415, for each file
    takes a descriptor, and strangers may send forms too.
    """

    takes_files = False

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if not self.takes_files:
            raise UnsupportedMediaType
        body = attachments.open_private()
        # Of a form that breaks off in the middle nobody else knows the files.
        self.__dict__.setdefault("file_bodies", []).append(body)
        return body

    def close(self) -> None:
        """End the files of the form."""
        super().close()
        for body in self.__dict__.get("file_bodies", ()):
            body.close()


def read_form(limit: int) -> None:
    """Read the multipart form of this request, with at most :data:`MOST_AT_ONCE` files of ``limit`` bytes.

    :raises TooLarge: announced or arriving larger than that
    :raises Invalid: it broke off
    :raises Unavailable: no room to put it down
    """
    most = limit * MOST_AT_ONCE + FORM_OVERHEAD
    too_large = TooLarge(
        f"At most {MOST_AT_ONCE} files of {attachments.size_in_words(limit)} each are accepted at once. "
        "Nothing was stored."
    )
    if (request.content_length or 0) > most:
        raise too_large
    cast(RoomyRequest, request).takes_files = True
    request.max_content_length = most
    request.max_form_parts = MOST_AT_ONCE + 5  # the token and what a browser's add-on may put in
    try:
        is_empty = not request.form and not request.files
    except RequestEntityTooLarge:
        raise too_large from None
    except (BadRequest, RequestTimeout):  # the client went away or fell silent, or the parts cannot be read
        raise Invalid(attachments.BROKEN_OFF) from None
    except OSError as fault:
        raise Unavailable("The server has no room for this upload just now. Nothing was stored.") from fault
    if is_empty:  # Werkzeug answers nothing at all for a form without an end
        raise Invalid(attachments.BROKEN_OFF)


@contextmanager
def raw_body(limit: int) -> Iterator[None]:
    """The raw body of this request, while it is taken in: the token is asked for before it is read.

    :param limit: bytes; one more is let in, so that the words for too much are the domain's
    :raises Invalid: it broke off
    """
    request.max_content_length = limit + 1
    csrf.protect()
    try:
        yield
    except (ClientDisconnected, RequestTimeout):
        raise Invalid(attachments.BROKEN_OFF) from None


def init_app(app: Flask) -> None:
    """Let refusals of uploads be heard, whichever face they were sent to."""
    app.after_request(_let_the_rest_arrive)


def _let_the_rest_arrive(response: Response) -> Response:
    """After a refusal, read and forget what is still on its way, within bounds, once the answer is sent.

    A server that closes while a browser still sends resets the connection, and the browser then shows its own
    complaint in place of our words.
    """
    environ = request.environ
    if environ.get(HEARD) and response.status_code >= 400 and environ.get("wsgi.input_terminated"):
        response.call_on_close(lambda: _drain(environ))
    return response


def _drain(environ: dict[str, Any]) -> None:
    body, until, left = cast(IO[bytes], environ["wsgi.input"]), time.monotonic() + LINGER_SECONDS, LINGER_BYTES
    try:
        while left > 0 and time.monotonic() < until and _has_more(environ):
            chunk = body.read(_CHUNK)
            if not chunk:
                return
            left -= len(chunk)
    except (OSError, RequestTimeout):  # the client went away: nobody is left to read the answer
        return


def _has_more(environ: dict[str, Any]) -> bool:
    socket = environ.get("gunicorn.socket")
    return socket is None or bool(select.select([socket], [], [], _IDLE_SECONDS)[0])

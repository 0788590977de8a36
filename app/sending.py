"""Sending bytes away: one range of them or all, named by us, checkable, and never kept or run by a browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import BinaryIO, Protocol

from flask import Response, request
from werkzeug.http import http_date, parse_date, quote_etag

from app import clock
from app.disposition import content_disposition

PIECE = 256 * 1024
HEARD = "chartroom.heard"
"""A key of a request's ``environ``, set by a view that takes uploads from somebody it has let in: a refusal should
reach a client that is still sending, so what is on its way is then read and forgotten, within bounds."""
CSP = "sandbox; default-src 'none'"

_RANGES = re.compile(r"bytes[ \t]*=(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"([0-9]*)-([0-9]*)", re.ASCII)
_MOST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Representation:
    """What is sent, as far as conditions and ranges ask. ``etag`` is strong and has no quotes."""

    size: int
    etag: str
    modified_at: datetime | None = None

    @property
    def modified_second(self) -> datetime | None:
        """As HTTP dates say it."""
        return None if self.modified_at is None else self.modified_at.replace(microsecond=0)


class Download(Protocol):
    """What :func:`send_download` sends, as the domain hands it out or as an :class:`Opened`."""

    @property
    def stream(self) -> BinaryIO:
        """Seekable."""

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""

    @property
    def name(self) -> str:
        """Any text; what reaches the header is made by :func:`~app.disposition.content_disposition`."""

    @property
    def media_type(self) -> str: ...

    @property
    def etag(self) -> str:
        """A strong validator, without quotes."""

    @property
    def modified_at(self) -> datetime | None: ...

    @property
    def sha256_hex(self) -> str | None:
        """Of the whole stream, for ``Repr-Digest``."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A :class:`Download` of a stream and what is known of it."""

    stream: BinaryIO
    size: int
    name: str
    media_type: str
    etag: str
    modified_at: datetime | None = None
    sha256_hex: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from ``first`` up to, and without, ``end``."""

    first: int
    end: int


def send_download(opened: Download, *, disposition: str = "attachment") -> Response:
    """Send a stream: all of it, or the one range that was asked for. The stream is closed in any case.

    Conditions and ranges follow RFC 9110: 304, 412, 206, 416; several ranges at once are answered with the whole.
    """
    stream, size = opened.stream, opened.size
    try:
        what = Representation(size, opened.etag, opened.modified_at)
        status, span = _answer_to(what)
        response = _response(what, status, opened.name, opened.media_type, disposition)
        response.headers["Accept-Ranges"] = "bytes"
        if status == 416:
            response.headers["Content-Range"] = f"bytes */{size}"
        if status == 206:
            response.headers["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{size}"
        if status in (200, 206):
            response.content_length = span.end - span.first
            _say_digest(response, opened.sha256_hex)
        if status in (200, 206) and request.method != "HEAD":
            stream.seek(span.first)
            response.response = _pieces(stream, span.end - span.first)
            response.call_on_close(stream.close)
        else:
            stream.close()
    except BaseException:
        stream.close()
        raise
    return response


def send_chunks(
    chunks: Iterator[bytes],
    *,
    size: int,
    name: str,
    media_type: str,
    etag: str,
    encoding: str | None = None,
    sha256_hex: str | None = None,
) -> Response:
    """Send bytes that are made while they are sent, so that there are no ranges of them; ``chunks`` is always closed.

    :param size: bytes as sent, so in the ``encoding`` if there is one
    :param encoding: ``gzip``, or None for bytes as they are; the answer says that it depends on what is accepted
    :param sha256_hex: of the bytes as sent
    """
    # A generator that was never begun does not run its ends: begun, it closes what it holds. And what fails at
    # once fails before the first header is sent.
    first = next(chunks, b"")
    try:
        what = Representation(size, etag)
        status = _condition(what) or 200
        response = _response(what, status, name, media_type, "attachment")
        response.headers["Accept-Ranges"] = "none"
        response.vary.add("Accept-Encoding")
        if status == 200:
            response.content_length = size
            if encoding is not None:
                response.headers["Content-Encoding"] = encoding
            _say_digest(response, sha256_hex)
        if status == 200 and request.method != "HEAD":
            response.response = chain([first], chunks)
            response.call_on_close(lambda: _close(chunks))
        else:
            _close(chunks)
    except BaseException:
        _close(chunks)
        raise
    return response


def accepts_gzip() -> bool:
    """Whether the client takes ``Content-Encoding: gzip`` at least as gladly as plain bytes."""
    accepted = request.accept_encodings
    return bool(0 < accepted.quality("gzip") >= accepted.quality("identity"))


def begins_download(what: Representation) -> bool:
    """Whether the answer to this request begins to send a download: what the record keeps.

    A HEAD, an answer without bytes, and the continuation of these very bytes (a later range, with ``If-Range``)
    begin nothing.
    """
    first = first_byte_sent(what)
    return first is not None and (first == 0 or "If-Range" not in request.headers)


def first_byte_sent(what: Representation) -> int | None:
    """Where in the whole stream the answer to this request begins to send; ``None`` when it sends nothing of it, as to
    a HEAD, or with 304, 412 and 416."""
    status, span = _answer_to(what)
    return None if request.method == "HEAD" or status not in (200, 206) else span.first


def _answer_to(what: Representation) -> tuple[int, Span]:
    """The status and the bytes, in the order of RFC 9110, 13.2.2."""
    whole = Span(0, what.size)
    status = _condition(what)
    if status is not None:
        return status, whole
    if request.method != "GET" or not _range_holds(what):
        return 200, whole
    asked = _asked_range(request.headers.get("Range", ""))
    if asked is None:
        return 200, whole
    span = _span(asked, what.size)
    return (416, whole) if span is None else (206, span)


def _condition(what: Representation) -> int | None:
    """412 or 304 when a condition of the request says so."""
    headers, changed = request.headers, what.modified_second
    if "If-Match" in headers:
        if not request.if_match.contains(what.etag):
            return 412
    elif (limit := parse_date(headers.get("If-Unmodified-Since"))) and changed and changed > limit:
        return 412
    if "If-None-Match" in headers:
        return 304 if request.if_none_match.contains_weak(what.etag) else None
    since = parse_date(headers.get("If-Modified-Since"))
    return 304 if since and changed and changed <= since else None


def _range_holds(what: Representation) -> bool:
    """Whether ``If-Range`` lets the range count: the same strong tag, or the very date, old enough to be strong."""
    given = request.headers.get("If-Range")
    if given is None:
        return True
    if '"' in given:
        return given.strip() == quote_etag(what.etag)
    changed = what.modified_second
    if changed is None or parse_date(given) != changed:
        return False
    return (clock.now() - changed).total_seconds() >= 2


def _asked_range(header: str) -> tuple[str, str] | None:
    """The two ends of the one range asked for; None for no range, several, or what is no range at all."""
    unit = _RANGES.fullmatch(header.strip())
    if unit is None:
        return None
    listed = [one.strip(" \t") for one in unit[1].split(",") if one.strip(" \t")]
    if len(listed) != 1:
        return None
    ends = _RANGE.fullmatch(listed[0])
    if ends is None or ends[0] == "-":
        return None
    first, last = ends[1], ends[2]
    if first and last and _number(last) < _number(first):
        return None
    return first, last


def _span(asked: tuple[str, str], size: int) -> Span | None:
    """What of the representation is meant; None when none of it is."""
    first, last = asked
    if not first:
        span = Span(max(0, size - _number(last)), size)
    elif not last:
        span = Span(_number(first), size)
    else:
        span = Span(_number(first), min(_number(last) + 1, size))
    return span if span.first < span.end else None


def _number(digits: str) -> int:
    # Beyond any size; Python refuses to read digits by the thousand.
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _response(what: Representation, status: int, name: str, media_type: str, disposition: str) -> Response:
    response = Response(status=status)
    headers = response.headers
    headers["ETag"] = quote_etag(what.etag)
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = CSP
    if what.modified_second is not None:
        headers["Last-Modified"] = http_date(what.modified_second)
    if status in (200, 206):
        headers["Content-Type"] = media_type
        headers["Content-Disposition"] = content_disposition(name, disposition)
    else:
        del headers["Content-Type"]
    return response


def _say_digest(response: Response, sha256_hex: str | None) -> None:
    if sha256_hex:
        digest = base64.b64encode(bytes.fromhex(sha256_hex)).decode("ascii")
        response.headers["Repr-Digest"] = f"sha-256=:{digest}:"


def _pieces(stream: BinaryIO, length: int) -> Iterator[bytes]:
    left = length
    while left:
        piece = stream.read(min(PIECE, left))
        if not piece:
            # The promised length cannot be kept: the connection must break, so that nobody takes a part for all.
            raise OSError("the stored bytes end before their size")
        left -= len(piece)
        yield piece


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()

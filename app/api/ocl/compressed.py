"""``Compress: true`` on any GET: the same JSON as ``application/zip`` with one member, ``export.json``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator

from flask import Response, request

NAME = "export.json"
WORDS = ("true", "1")
LEVEL = 1
_DATE = (1980, 1, 1, 0, 0, 0)


def compress(response: Response) -> Response:
    """After each request: zip what would have been sent, piece by piece as it is made."""
    wanted = request.headers.get("Compress", "").strip().lower() in WORDS
    if not wanted or request.method not in ("GET", "HEAD") or response.status_code != 200:
        return response
    if response.mimetype != "application/json":
        return response
    response.headers["Content-Type"] = "application/zip"
    response.headers.pop("Content-Length", None)
    response.vary.add("Compress")
    if request.method == "GET":
        made = response.response
        if hasattr(made, "close"):
            # Whoever gives up early must end what makes the pieces, too.
            response.call_on_close(made.close)
        response.response = zipped(response.iter_encoded())
    return response


def zipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """An archive that holds the pieces as ``export.json``, in pieces."""
    out = _Written()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        info = zipfile.ZipInfo(NAME, _DATE)
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                yield from out.taken()
    yield from out.taken()


class _Written(io.RawIOBase):
    """What was written and not yet taken; nobody can seek in it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def taken(self) -> Iterator[bytes]:
        parts, self._parts = self._parts, []
        if parts:
            yield b"".join(parts)

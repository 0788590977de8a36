"""Bytes of stored files, as they are."""

from __future__ import annotations

from collections.abc import Iterator

from app.builder.fragments import Made, Recipe
from app.errors import NotFound
from app.storage import Storage

_READ_BYTES = 1 << 20


def make_copy(storage: Storage, recipe: Recipe) -> Made:
    """The bytes ``[begin, end)`` of the object ``key``; no records.

    :raises NotFound: while it is read: the bytes are gone from storage, or shorter than they were
    """
    return Made(_read(storage, recipe["key"], recipe["begin"], recipe["end"]))


def _read(storage: Storage, key: str, begin: int, end: int) -> Iterator[bytes]:
    left = end - begin
    with storage.open(key) as stream:
        stream.seek(begin)
        while left:
            data = stream.read(min(_READ_BYTES, left))
            if not data:
                raise NotFound("An attached file is shorter in storage than when it was stored.")
            left -= len(data)
            yield data

"""What tests of storage do all the time."""

from __future__ import annotations

from app.storage import Storage

KEYS = ["a-b", "a.b", "a/b", "a/b-c", "a/bc/d", "ab", "b/c/d/e", "b0"]


def put(storage: Storage, key: str, content: bytes = b"x") -> None:
    with storage.publishing(key) as sink:
        sink.write(content)


def read(storage: Storage, key: str) -> bytes:
    with storage.open(key) as stream:
        return stream.read()


def keys_of(storage: Storage, prefix: str = "") -> list[str]:
    return sorted(found.key for found in storage.list_(prefix))

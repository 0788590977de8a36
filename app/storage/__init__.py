"""Bytes by key. Domain code does ``from app.storage import storage``; only in this room is a path a path.

``storage`` is unbound until the application binds it, like the other shared objects of the house.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from app.storage.errors import StorageFault, StorageFull, StorageUnavailable
from app.storage.interface import Publication, Storage, StoredObject
from app.storage.local import LocalStorage

__all__ = [
    "LocalStorage",
    "Publication",
    "SharedStorage",
    "Storage",
    "StorageFault",
    "StorageFull",
    "StorageUnavailable",
    "StoredObject",
    "storage",
]


class SharedStorage(Storage):
    """The application's storage, whichever that is. Every method is that of what was bound last."""

    def __init__(self) -> None:
        self._bound: Storage | None = None

    def bind(self, root: Path) -> None:
        """Keep objects on the local disk below ``root``, which is made at the first write."""
        self._bound = LocalStorage(root)

    @property
    def _beneath(self) -> Storage:
        if self._bound is None:
            raise RuntimeError("storage is not bound; create_app() binds it")
        return self._bound

    def publishing(self, key: str) -> Publication:
        return self._beneath.publishing(key)

    def open(self, key: str) -> BinaryIO:
        return self._beneath.open(key)

    def stat(self, key: str) -> StoredObject:
        return self._beneath.stat(key)

    def delete(self, key: str) -> None:
        self._beneath.delete(key)

    def list_(self, prefix: str = "") -> Iterator[StoredObject]:
        return self._beneath.list_(prefix)

    def free_bytes(self) -> int | None:
        return self._beneath.free_bytes()

    def sweep_unfinished(self, older_than: datetime) -> int:
        return self._beneath.sweep_unfinished(older_than)


storage = SharedStorage()

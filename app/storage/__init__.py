"""Bytes by key. Domain code does ``from app.storage import storage``; only in this room is a path a path.

``storage`` is unbound until the application binds it, like the other shared objects of the house.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from app.storage.errors import StorageFault, StorageFull, StorageRefused, StorageUnavailable
from app.storage.interface import Publication, Storage, StoredObject
from app.storage.local import LocalStorage
from app.storage.settings import StorageSettings

__all__ = [
    "LocalStorage",
    "Publication",
    "SharedStorage",
    "Storage",
    "StorageFault",
    "StorageFull",
    "StorageRefused",
    "StorageSettings",
    "StorageUnavailable",
    "StoredObject",
    "open_storage",
    "storage",
]


def open_storage(settings: StorageSettings) -> Storage:
    """The storage that the settings describe. Nothing is touched or asked yet."""
    if settings.kind == "local":
        return LocalStorage(Path(settings.root))
    # boto3 takes its time and its memory to import: only who uses it pays.
    from app.storage.s3 import S3Storage

    return S3Storage(settings)


class SharedStorage(Storage):
    """The application's storage, whichever that is. Every method is that of what was bound last."""

    def __init__(self) -> None:
        self._bound: Storage | None = None
        self._settings: StorageSettings | None = None

    def bind(self, settings: StorageSettings) -> None:
        """Keep objects where the settings say."""
        self._bound, self._settings = open_storage(settings), settings

    @property
    def settings(self) -> StorageSettings:
        """What was bound last: from it another process opens the same storage."""
        if self._settings is None:
            raise RuntimeError("storage is not bound; create_app() binds it")
        return self._settings

    @property
    def _beneath(self) -> Storage:
        if self._bound is None:
            raise RuntimeError("storage is not bound; create_app() binds it")
        return self._bound

    @property
    def joins(self) -> bool:
        return self._beneath.joins

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

    def signed_url(
        self, key: str, *, file_name: str, media_type: str, seconds: int, disposition: str = "attachment"
    ) -> str | None:
        return self._beneath.signed_url(
            key, file_name=file_name, media_type=media_type, seconds=seconds, disposition=disposition
        )

    def signed_put(self, key: str, *, seconds: int) -> str | None:
        return self._beneath.signed_put(key, seconds=seconds)


storage = SharedStorage()

"""Storage on a local disk: a file for each object, published by rename.

Unfinished bytes lie in ``.unfinished/`` under the same root, so that the rename never crosses a file system.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat as stat_bits
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from app.errors import NotFound
from app.storage.errors import StorageUnavailable, faults_in_words
from app.storage.interface import (
    PROBES,
    Publication,
    Storage,
    StoredObject,
    check_key,
    check_prefix,
    copied,
    ends_too_soon,
)

_UNFINISHED: Final = ".unfinished"
_GATHER_BYTES: Final = 1 << 18
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_FILE_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class LocalStorage(Storage):
    """Objects as files below ``root``, for this user only (files 600, folders 700).

    Touches the disk only when asked something, so an absent disk is an answer of :meth:`check`, not of
    start-up.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def publishing(self, key: str) -> LocalPublication:
        path = self._path(key)
        with faults_in_words():
            return LocalPublication(self._root, path)

    def open(self, key: str) -> BinaryIO:
        path = self._path(key)
        with faults_in_words():
            try:
                descriptor = os.open(path, os.O_RDONLY | _FILE_FLAGS)
            except (FileNotFoundError, NotADirectoryError):
                raise _missing() from None
            if not stat_bits.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise _missing()
            return os.fdopen(descriptor, "rb")

    def stat(self, key: str) -> StoredObject:
        path = self._path(key)
        with faults_in_words():
            try:
                found = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                raise _missing() from None
        if not stat_bits.S_ISREG(found.st_mode):
            raise _missing()
        return _stored(key, found)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with faults_in_words():
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            except IsADirectoryError:
                return  # the beginning of other keys, not a key
            _fsync_folder(path.parent)
            self._prune(path.parent)

    def list_(self, prefix: str = "") -> Iterator[StoredObject]:
        check_prefix(prefix)
        folder, _, begin = prefix.rpartition("/")
        return self._walk(self._root / folder, f"{folder}/" if folder else "", begin)

    def free_bytes(self) -> int:
        with faults_in_words():
            room = os.statvfs(_nearest_existing(self._root))
        return room.f_bavail * room.f_frsize

    def sweep_unfinished(self, older_than: datetime) -> int:
        if older_than.utcoffset() is None:
            raise ValueError("older_than needs a time zone")
        limit = older_than.timestamp()
        with faults_in_words():
            removed = sum(_remove_if_older(entry, limit) for entry in _entries(self._root / _UNFINISHED))
        for probe in list(self.list_(f"{PROBES}/")):
            if probe.modified_at < older_than:
                self.delete(probe.key)
                removed += 1
        return removed

    def signed_url(
        self, key: str, *, file_name: str, media_type: str, seconds: int, disposition: str = "attachment"
    ) -> None:
        check_key(key)

    def signed_put(self, key: str, *, seconds: int) -> None:
        check_key(key)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _prune(self, folder: Path) -> None:
        """Remove folders that a delete left empty; a publication that needs one makes it anew."""
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def _walk(self, folder: Path, before: str, begin: str) -> Iterator[StoredObject]:
        with faults_in_words():
            # Sorted with the slash in place, so that keys come in the order of their text: a-b, a.b, a/b.
            names = sorted(
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in _entries(folder)
                if entry.name.startswith(begin) and not entry.name.startswith(".")
            )
        for name in names:
            if name.endswith("/"):
                yield from self._walk(folder / name, before + name, "")
            else:
                try:
                    yield self.stat(before + name)
                except (NotFound, ValueError):
                    continue  # gone meanwhile, a link, or a name that is not ours (lost+found)


class LocalPublication(Publication):
    """A file without a key yet. Made by :meth:`LocalStorage.publishing`."""

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path
        self._length = 0
        self._gathered = bytearray()
        self._torn = False
        self._settled = False
        self._committed = False
        unfinished = root / _UNFINISHED
        _make_folders(unfinished)
        self._temporary = unfinished / secrets.token_hex(16)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE_FLAGS
        self._descriptor: int | None = os.open(self._temporary, flags, _FILE_MODE)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        if self._descriptor is None or self._torn:
            raise ValueError("nothing may be written after settle(), commit(), discard() or a failed write")
        with memoryview(data) as given, given.cast("B") as view:
            # A bytearray cannot be emptied while a view of it is held, so gathered bytes go out first.
            if len(self._gathered) + len(view) >= _GATHER_BYTES:
                self._pour(self._descriptor)
            if len(view) >= _GATHER_BYTES:
                self._write_through(self._descriptor, view)
            else:
                self._gathered += view
            self._length += len(view)
            return len(view)

    def copy(self, key: str, begin: int, length: int) -> None:
        if self._descriptor is None or self._torn:
            raise ValueError("nothing may be written after settle(), commit(), discard() or a failed write")
        if begin < 0 or length < 0:
            raise ValueError("a range begins and ends within its object")
        with LocalStorage(self._root).open(key) as stream:
            if begin + length > os.fstat(stream.fileno()).st_size:
                raise ends_too_soon()
            with faults_in_words():
                stream.seek(begin)
            for piece in copied(stream, length):
                self.write(piece)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        if self._descriptor is not None and not self._torn:
            self._pour(self._descriptor)

    def settle(self) -> None:
        if self._settled:
            return
        if self._descriptor is None or self._torn:
            raise ValueError("the publication was discarded, or a write to it failed")
        self._pour(self._descriptor)
        with self._or_torn():
            os.fsync(self._descriptor)
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
        self._settled = True

    def commit(self) -> None:
        if self._committed:
            return
        self.settle()
        with faults_in_words():
            self._rename()
            self._committed = True
            _fsync_folder(self._path.parent)

    def discard(self) -> None:
        self._gathered.clear()
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):  # the bytes were to be dropped anyway
                os.close(descriptor)
        if not self._committed:
            self._settled = False
            with suppress(OSError):  # sweep_unfinished() finds what is left
                self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _or_torn(self) -> Iterator[None]:
        """After a failed write or fsync the kernel may have dropped bytes and say "done" the second time."""
        try:
            with faults_in_words():
                yield
        except BaseException:
            self._torn = True
            raise

    def _pour(self, descriptor: int) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, bytearray()
            self._write_through(descriptor, memoryview(gathered))

    def _write_through(self, descriptor: int, view: memoryview) -> None:
        with self._or_torn():
            while view:
                view = view[os.write(descriptor, view) :]

    def _rename(self) -> None:
        """Rename, making the folders; again when a delete elsewhere pruned one between the two."""
        for _ in range(100):
            try:
                _make_folders(self._path.parent)
                self._temporary.rename(self._path)
                return
            except FileNotFoundError:
                if not self._temporary.exists():
                    raise StorageUnavailable("Unfinished bytes were swept away while still in use.") from None
            except (IsADirectoryError, NotADirectoryError):
                raise ValueError("a storage key cannot be the beginning of another key") from None
        raise StorageUnavailable


def _missing() -> NotFound:
    return NotFound("These bytes are not stored here.")


def _stored(key: str, found: os.stat_result) -> StoredObject:
    return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_if_older(entry: os.DirEntry[str], limit: float) -> bool:
    try:
        if entry.stat(follow_symlinks=False).st_mtime >= limit:
            return False
        Path(entry.path).unlink()
    except FileNotFoundError:
        return False
    return True


def _make_folders(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, each durable and for this user only."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    try:
        folder.mkdir(mode=_FOLDER_MODE)
    except FileExistsError:
        if folder.is_file() or folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
        _make_folders(folder)  # made by another, and perhaps pruned again since
    except FileNotFoundError:
        _make_folders(folder)  # its parent was pruned between the two
    else:
        _fsync_folder(folder.parent)


def _fsync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # pruned meanwhile: nothing in it is left to keep
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _nearest_existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder

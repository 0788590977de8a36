"""What the rest of the house may ask of storage, whatever lies beneath it."""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import BinaryIO, Final, Self

from app.errors import NotFound
from app.storage.errors import StorageUnavailable

# A segment never begins with a dot: such names are storage's own.
_SEGMENT: Final = r"[a-z0-9_-][a-z0-9._-]*"
_KEY: Final = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*", re.ASCII)
_PREFIX: Final = re.compile(rf"({_SEGMENT}/)*({_SEGMENT})?", re.ASCII)
_LONGEST_KEY: Final = 512
_LONGEST_SEGMENT: Final = 200
_COPIED_AT_ONCE: Final = 1 << 20
PROBES: Final = "readiness-probe"


def check_key(key: str) -> str:
    """The key itself. Keys are made by our code, never from a user's text.

    :raises ValueError: not lower-case segments of ``a-z 0-9 . _ -`` joined by ``/``, or a segment that begins
        with a dot or holds two in a row, or too long
    """
    if not _KEY.fullmatch(key) or not _fits(key):
        raise ValueError(f"not a storage key: {key[:80]!r}")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself: the beginning of a key, possibly cut inside a segment, possibly empty.

    :raises ValueError: no key could begin so
    """
    if not _PREFIX.fullmatch(prefix) or not _fits(prefix):
        raise ValueError(f"not the beginning of a storage key: {prefix[:80]!r}")
    return prefix


def _fits(key: str) -> bool:
    segments = key.split("/")
    return len(key) <= _LONGEST_KEY and all(len(one) <= _LONGEST_SEGMENT and ".." not in one for one in segments)


def copied(stream: BinaryIO, length: int) -> Iterator[bytes]:
    """The next ``length`` bytes of a stored object, in pieces.

    :raises NotFound: it ends before
    """
    while length:
        piece = stream.read(min(length, _COPIED_AT_ONCE))
        if not piece:
            raise ends_too_soon()
        length -= len(piece)
        yield piece


def ends_too_soon() -> NotFound:
    """The refusal for a range beyond the end of an object."""
    return NotFound("What is stored here is shorter than it was.")


@dataclass(frozen=True)
class StoredObject:
    """One published object: ``size`` in bytes, ``modified_at`` (UTC) is when its bytes were written.

    ``etag`` is what an object store calls these bytes, without quotes; a local disk has none.
    """

    key: str
    size: int
    modified_at: datetime
    etag: str | None = None


class Publication(ABC):
    """Bytes on their way to a key; nobody sees any of them before :meth:`commit`.

    As a context manager it commits when its block ends well and discards when the block raises. Code that
    must act between the steps (a fence asked once more, a failpoint) calls them itself::

        with storage.publishing(key) as sink:
            sink.write(...)
            sink.settle()     # every byte is safe, under no key yet
            ...               # a process killed here leaves garbage for sweep_unfinished(), and no object
            sink.commit()     # now the key names the whole object
            ...               # a process killed here leaves the object
    """

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take all of ``data``; returns its length in bytes.

        :raises StorageFull: no room
        :raises StorageUnavailable: any other trouble below
        :raises ValueError: settled, committed or discarded before
        """

    @abstractmethod
    def copy(self, key: str, begin: int, length: int) -> None:
        """Take ``length`` bytes of a stored object from ``begin`` on, as if they were written here.

        An object store joins long ranges by itself, without sending them through us; ranges that follow each
        other in one object count as one. So what they hold is not looked at here: check it before.

        :raises NotFound: no such object, or it ends before the range does
        :raises StorageFault: as :meth:`write`
        :raises ValueError: settled, committed or discarded before, or a range that cannot be
        """

    @abstractmethod
    def tell(self) -> int:
        """Bytes taken so far."""

    @abstractmethod
    def settle(self) -> None:
        """Make every byte durable, still unseen. A second call does nothing. Raises like :meth:`write`.

        An object store has no place for a few megabytes that nobody sees: those are sent by :meth:`commit` alone.
        """

    @abstractmethod
    def commit(self) -> None:
        """Settle, then make the object appear under its key, whole and durably.

        A key is meant to be published once: a local disk puts the later object in place of the earlier one, an
        object store keeps the earlier one and raises :class:`StorageUnavailable`. A second call does nothing. Raises
        like :meth:`write`; after an exception call :meth:`discard` (the context manager does), and take the object for
        absent unless :meth:`Storage.exists` says otherwise.
        """

    @abstractmethod
    def discard(self) -> None:
        """Drop what was written, leaving nothing behind; after a commit it does nothing. Never raises."""

    @abstractmethod
    def flush(self) -> None:
        """Asked by libraries that write to files; promises nothing, unlike :meth:`settle`."""

    def writable(self) -> bool:
        """Asked by libraries that write to files."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.discard()


class Storage(ABC):
    """Bytes by key. Objects appear whole, are never changed in place and never appended to.

    Every method that takes a key raises :class:`ValueError` for one that :func:`check_key` refuses,
    :class:`~app.storage.errors.StorageFault` when what lies beneath fails, so that trying again makes sense, and
    :class:`~app.storage.errors.StorageRefused` when an operator has to act first.
    """

    @property
    def joins(self) -> bool:
        """Whether :meth:`Publication.copy` spares sending the bytes."""
        return False

    @abstractmethod
    def publishing(self, key: str) -> Publication:
        """Begin an object; see :class:`Publication`. Of two at once on one key one stays, whole."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """The object's bytes, buffered and seekable; the caller closes it.

        It never gives other bytes if the key is published anew or deleted meanwhile: a local disk goes on with the
        same ones, an object store raises :class:`StorageUnavailable`.

        :raises NotFound: no such object
        """

    @abstractmethod
    def stat(self, key: str) -> StoredObject:
        """What is known of the object without reading it.

        :raises NotFound: no such object
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object; nothing happens when there is none."""

    @abstractmethod
    def list_(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose keys begin with ``prefix`` (text, not a folder: ``a/b`` also finds ``a/bc``), by
        key on a local disk; in the store's own order, which need not be that, in an object store.

        Objects that come or go meanwhile may or may not be among them.
        """

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Room left for us in bytes; None when no bound is known."""

    @abstractmethod
    def sweep_unfinished(self, older_than: datetime) -> int:
        """Remove publications that nobody has written to since ``older_than``; their writers were killed.

        Choose a moment further back than the longest pause a living writer may make.

        :param older_than: a moment with a time zone, by the wall clock
        :return: how many were removed
        """

    @abstractmethod
    def signed_url(
        self, key: str, *, file_name: str, media_type: str, seconds: int, disposition: str = "attachment"
    ) -> str | None:
        """An address from which anybody may download the object for a while; None: serve it yourself.

        Not asked: whether there is such an object.

        :param file_name: what the download is called; any text, see :mod:`app.disposition`
        :param seconds: how long a download may begin, 1 to 3600
        :param disposition: ``attachment`` or ``inline``
        """

    @abstractmethod
    def signed_put(self, key: str, *, seconds: int) -> str | None:
        """An address to which anybody may send an object's bytes by PUT for a while; None: take them yourself.

        Until then, and again and again, they become the object, whatever they are and however many: copy it to
        another key before anything trusts it.

        :param seconds: how long a sending may begin, 1 to 3600
        """

    def size(self, key: str) -> int:
        """The object's length in bytes.

        :raises NotFound: no such object
        """
        return self.stat(key).size

    def exists(self, key: str) -> bool:
        """Whether the key names an object just now."""
        try:
            self.stat(key)
        except NotFound:
            return False
        return True

    def check(self) -> None:
        """Write, read back and delete a small object: readiness.

        :raises StorageFull: no room for even that
        :raises StorageUnavailable: any of the three failed, or gave back other bytes
        :raises StorageRefused: storage will not let us
        """
        token = secrets.token_hex(16)
        key = f"{PROBES}/{token}"
        try:
            with self.publishing(key) as sink:
                sink.write(token.encode())
            with self.open(key) as stream:
                if stream.read() != token.encode():
                    raise StorageUnavailable("The server's storage gave back other bytes than it was given.")
        finally:
            self.delete(key)

"""Where uploads lie while they are looked at, and how large one may be; bound by the application."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from app.errors import Invalid, TooLarge
from app.storage.errors import StorageFault, faults_in_words

CHUNK = 256 * 1024
BROKEN_OFF = "The upload broke off before the file was complete. Please send it again."
MORE_THAN_ANNOUNCED = "More bytes came than were announced, so the file was not accepted. Please send it again."


class Readable(Protocol):
    """A body as it arrives: up to ``size`` bytes, empty at its end."""

    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    """Where a body goes."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


class Intake:
    """The private folder for bytes that nobody has looked at yet, and the deployment's bound on one file."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.max_bytes = 200 * 1024 * 1024

    @contextmanager
    def private_file(self) -> Iterator[IO[bytes]]:
        """A file without a name: whatever ends this process, nothing of it is left behind.

        :raises StorageFault: the folder cannot be written
        """
        with self.open_private() as body:
            yield body

    def open_private(self) -> IO[bytes]:
        """As :meth:`private_file`; the caller closes it."""
        with faults_in_words():
            if self.folder is not None:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return tempfile.TemporaryFile(dir=self.folder)


intake = Intake()


def open_private() -> IO[bytes]:
    """A file without a name for bytes that a face must put down before it can offer them; the caller closes it.

    Whatever ends this process, nothing of it is left behind.

    :raises StorageFault: the folder cannot be written
    """
    return intake.open_private()


def bind(folder: Path, max_bytes: int) -> None:
    """Keep arriving bytes below ``folder``, which is made at the first upload; unbound, the system's own.

    :param max_bytes: most bytes of one file, whatever a template allows
    """
    intake.folder = folder
    intake.max_bytes = max_bytes


def take_body(stream: Readable, into: Writable, *, limit: int, declared: int | None, too_large: str) -> tuple[int, str]:
    """Read a body into a file, counting; answers its length and SHA-256 (hex).

    :param limit: most bytes accepted
    :param declared: the length that was announced, when it was
    :param too_large: the words for a body above the limit
    :raises TooLarge: at the first byte above the limit; no more is read
    :raises Invalid: fewer or more bytes came than were announced, or none
    :raises StorageFault: no room for them
    """
    length, digest = 0, hashlib.sha256()
    while chunk := _read(stream):
        length += len(chunk)
        if length > limit:
            raise TooLarge(too_large)
        if declared is not None and length > declared:
            raise Invalid(MORE_THAN_ANNOUNCED)
        digest.update(chunk)
        with faults_in_words():
            into.write(chunk)
    if declared is not None and length < declared:
        raise Invalid(BROKEN_OFF)
    if length == 0:
        raise Invalid("This file is empty (0 bytes).")
    with faults_in_words():
        into.flush()
    return length, digest.hexdigest()


def _read(stream: Readable) -> bytes:
    try:
        return stream.read(CHUNK)
    except StorageFault:
        raise
    except OSError:  # the client went away
        raise Invalid(BROKEN_OFF) from None

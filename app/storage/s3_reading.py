"""Read an object of a store as a file: from anywhere, in pieces that grow while it is read straight on."""

from __future__ import annotations

import io
from typing import Any, Final

from botocore.exceptions import ClientError

from app.storage.errors import StorageUnavailable
from app.storage.s3_bucket import Bucket
from app.storage.s3_words import BREAKS, faults_in_words

_FIRST_WINDOW: Final = 256 * 1024
_LARGEST_WINDOW: Final = 16 * 1024 * 1024
_BUFFER: Final = 128 * 1024
_TRIES: Final = 4


def buffered(bucket: Bucket, key: str, size: int, etag: str) -> io.BufferedReader:
    """The object's bytes, seekable. Nothing is fetched before the first read.

    :param etag: which bytes: a read raises :class:`StorageUnavailable` once the key holds others, or none
    """
    return io.BufferedReader(ObjectReader(bucket, key, size, etag), _BUFFER)


class ObjectReader(io.RawIOBase):
    """Asks for a window of the object and streams it; the next window, if it follows, is twice as large.

    An answer that breaks off is asked for again from where it broke.
    """

    def __init__(self, bucket: Bucket, key: str, size: int, etag: str) -> None:
        super().__init__()
        self._bucket, self._name, self._size, self._etag = bucket, bucket.name_of(key), size, etag
        self._position = 0
        self._body: Any = None
        self._body_at = self._body_end = 0
        self._window = _FIRST_WINDOW

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if begin + offset < 0:
            raise ValueError("a position before the first byte")
        self._position = begin + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        with memoryview(buffer) as given, given.cast("B") as view:
            want = min(len(view), self._size - self._position)
            if want <= 0:
                return 0
            piece = self._read(want)
            view[: len(piece)] = piece
            self._position += len(piece)
            return len(piece)

    def readall(self) -> bytes:
        left = bytearray(max(0, self._size - self._position))
        with memoryview(left) as view:
            done = 0
            while done < len(left):
                done += self.readinto(view[done:])
        return bytes(left)

    def close(self) -> None:
        if not self.closed:
            self._drop_body()
        super().close()

    def _read(self, want: int) -> bytes:
        for _ in range(_TRIES - 1):
            try:
                return self._read_once(want)
            except BREAKS:
                self._drop_body()
        with faults_in_words():
            return self._read_once(want)

    def _read_once(self, want: int) -> bytes:
        self._go_to_position(want)
        piece: bytes = self._body.read(min(want, self._body_end - self._body_at))
        if not piece:
            raise ConnectionError("the answer ended before its length")
        self._body_at += len(piece)
        return piece

    def _go_to_position(self, want: int) -> None:
        gap = self._position - self._body_at
        if self._body is not None and 0 <= gap <= _FIRST_WINDOW and self._position < self._body_end:
            while self._body_at < self._position:
                passed = self._body.read(self._position - self._body_at)
                if not passed:
                    raise ConnectionError("the answer ended before its length")
                self._body_at += len(passed)
            return
        goes_on = self._body is not None and self._position == self._body_end
        self._drop_body()
        self._window = min(self._window * 2, _LARGEST_WINDOW) if goes_on else _FIRST_WINDOW
        self._open_body(min(self._size, self._position + max(self._window, min(want, _LARGEST_WINDOW))))

    def _open_body(self, end: int) -> None:
        asked = f"bytes={self._position}-{end - 1}"
        try:
            answer = self._bucket.ask_plainly("get_object", Key=self._name, Range=asked, IfMatch=self._etag)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in ("PreconditionFailed", "NoSuchKey", "InvalidRange"):
                raise StorageUnavailable("These bytes were replaced or deleted while they were read.") from error
            with faults_in_words():
                raise
        self._body, self._body_at, self._body_end = answer["Body"], self._position, end

    def _drop_body(self) -> None:
        if self._body is not None:
            body, self._body = self._body, None
            body.close()

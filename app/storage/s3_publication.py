"""Bytes on their way into an object store: small ones by one request, larger ones in parts."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final, cast

from botocore.exceptions import ClientError

from app.errors import Refusal
from app.storage.errors import StorageUnavailable
from app.storage.interface import Publication, copied, ends_too_soon
from app.storage.s3_bucket import Bucket
from app.storage.s3_parts import LEAST_PART_BYTES, PART_BYTES, Parts, Source, content_md5
from app.storage.s3_reading import buffered
from app.storage.s3_words import BREAKS, TAKEN, in_words, status_of

_MARK: Final = "publication"
_MEDIA_TYPE: Final = "application/octet-stream"


class S3Publication(Publication):
    """An object without a key yet. Made by :meth:`S3Storage.publishing`.

    Fewer than PART_BYTES are kept in memory, and sent by :meth:`commit`; more are on the store when
    :meth:`settle` returns, as parts of an upload that nobody sees.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        # By this the object is known as ours when the answer to its last request was lost.
        self._token = secrets.token_hex(16)
        self._about: dict[str, Any] = {"ContentType": _MEDIA_TYPE, "Metadata": {_MARK: self._token}}
        self._parts = Parts(bucket, key, self._about)
        self._gathered = bytearray()
        self._to_copy: Source | None = None
        self._sources: dict[str, tuple[int, str]] = {}
        self._length = 0
        self._state = "open"

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        self._must_be_open()
        with self._or_torn(), memoryview(data) as given, given.cast("B") as view:
            self._copy_now()
            self._gather(view)
            self._length += len(view)
            return len(view)

    def copy(self, key: str, begin: int, length: int) -> None:
        self._must_be_open()
        if begin < 0 or length < 0:
            raise ValueError("a range begins and ends within its object")
        with self._or_torn():
            size, etag = self._source(key)
            if begin + length > size:
                raise ends_too_soon()
            joined = self._to_copy
            if joined and (joined.key, joined.begin + joined.length) == (key, begin):
                self._to_copy = Source(key, etag, joined.begin, joined.length + length)
            elif length:
                self._copy_now()
                self._to_copy = Source(key, etag, begin, length)
            self._length += length

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        """Parts go out when they are full."""

    def settle(self) -> None:
        if self._state in ("settled", "committed"):
            return
        if self._state != "open":
            raise ValueError("the publication was discarded, or a write to it failed")
        with self._or_torn():
            self._copy_now()
            if self._parts.has_begun:
                self._pour()
                self._parts.wait()
        self._state = "settled"

    def commit(self) -> None:
        if self._state == "committed":
            return
        self.settle()
        try:
            answer = self._parts.complete() if self._parts.has_begun else self._put()
            whole = "ETag" in answer
        except (ClientError, *BREAKS) as error:
            if not self._is_ours():
                raise _refusal(error) from error
        else:
            # An error may come in the body of a 200; then there is no tag in it.
            if not whole and not self._is_ours():
                raise StorageUnavailable
        self._gathered = bytearray()
        self._state = "committed"

    def discard(self) -> None:
        if self._state != "committed":
            self._state = "discarded"
            self._gathered, self._to_copy = bytearray(), None
            self._parts.abort()

    def _gather(self, view: memoryview) -> None:
        while view:
            room = self._parts.next_bytes - len(self._gathered)
            self._gathered += view[:room]
            view = view[room:]
            if len(self._gathered) >= self._parts.next_bytes:
                self._pour()

    def _pour(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, bytearray()
            self._parts.send(gathered)

    def _copy_now(self) -> None:
        """Take the range that waits. It waited so that ranges that follow each other become one."""
        if self._to_copy is None:
            return
        source, self._to_copy = self._to_copy, None
        # A part may not be too small, so what was gathered before is filled up from the range's beginning.
        head = max(0, LEAST_PART_BYTES - len(self._gathered)) if self._gathered else 0
        rest = source.length - head
        if source.length < PART_BYTES or rest < LEAST_PART_BYTES:
            self._read_and_gather(source, source.length)
            return
        self._read_and_gather(source, head)
        self._pour()
        self._parts.copy(Source(source.key, source.etag, source.begin + head, rest))

    def _read_and_gather(self, source: Source, length: int) -> None:
        size, etag = self._sources[source.key]
        with cast(BinaryIO, buffered(self._bucket, source.key, size, etag)) as stream:
            stream.seek(source.begin, io.SEEK_SET)
            for piece in copied(stream, length):
                with memoryview(piece) as view:
                    self._gather(view)

    def _source(self, key: str) -> tuple[int, str]:
        if key not in self._sources:
            found = self._bucket.head(key)
            self._sources[key] = int(found["ContentLength"]), str(found["ETag"])
        return self._sources[key]

    def _put(self) -> Any:
        return self._bucket.ask_plainly(
            "put_object",
            Key=self._bucket.name_of(self._key),
            Body=self._gathered,
            ContentMD5=content_md5(self._gathered),
            IfNoneMatch="*",
            **self._about,
        )

    def _is_ours(self) -> bool:
        """Whether the object stands under its key although its commit was reported as failed."""
        with suppress(Refusal):
            return bool(self._bucket.head(self._key).get("Metadata", {}).get(_MARK) == self._token)
        return False

    def _must_be_open(self) -> None:
        if self._state != "open":
            raise ValueError("nothing may be written after settle(), commit(), discard() or a failed write")

    @contextmanager
    def _or_torn(self) -> Iterator[None]:
        """After a failed write a part may be missing: nothing but :meth:`discard` makes sense."""
        try:
            yield
        except BaseException:
            self._state = "torn"
            raise


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, ClientError):
        if status_of(error) == 412:
            return StorageUnavailable(TAKEN)
        return in_words(error)
    return StorageUnavailable()

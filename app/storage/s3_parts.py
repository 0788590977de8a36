"""The parts of one multipart upload: a few on their way at once, memory bounded."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from app.storage.s3_bucket import Bucket
from app.storage.s3_words import faults_in_words

MEBIBYTE: Final = 1 << 20
PART_BYTES: Final = 8 * MEBIBYTE
LEAST_PART_BYTES: Final = 5 * MEBIBYTE
"""Every part but the last has at least so many: the store's rule."""
_MOST_PARTS: Final = 10_000
_COPIED_BYTES: Final = 256 * MEBIBYTE
_GROWS_EVERY: Final = 2_500
_IN_FLIGHT: Final = 3
_IN_FLIGHT_BYTES: Final = _IN_FLIGHT * PART_BYTES


@dataclass(frozen=True, slots=True)
class Source:
    """A range of another object: ``length`` bytes from ``begin`` on. ``etag`` says which bytes are meant."""

    key: str
    etag: str
    begin: int
    length: int


def content_md5(data: bytes | bytearray) -> str:
    """The header by which the store checks what arrived."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")


class Parts:
    """Sends parts under one upload, begun with the first of them.

    Its methods raise what :meth:`Bucket.ask` raises; a fault of a part under way comes at the next call.
    """

    def __init__(self, bucket: Bucket, key: str, about: dict[str, Any]) -> None:
        self._bucket = bucket
        self._name = bucket.name_of(key)
        self._about = about
        self._upload_id: str | None = None
        self._sending: ThreadPoolExecutor | None = None
        self._under_way: deque[tuple[int, Future[str]]] = deque()
        self._etags: dict[int, str] = {}
        self._numbers = 0

    @property
    def has_begun(self) -> bool:
        return self._upload_id is not None

    @property
    def next_bytes(self) -> int:
        """How many bytes the next part should have: they grow, so that 10,000 parts are enough for 300 GB."""
        return PART_BYTES << min(3, self._numbers // _GROWS_EVERY)

    def send(self, data: bytearray) -> None:
        """Send the next part; ``data`` is not to be changed any more."""
        self._start(self._upload, len(data), data)

    def copy(self, source: Source) -> None:
        """Let the store take the next parts from another object of the bucket: at least LEAST_PART_BYTES of it."""
        pieces = -(-source.length // _COPIED_BYTES)
        ends = [source.length * number // pieces for number in range(pieces + 1)]
        for begin, end in pairwise(ends):
            piece = Source(source.key, source.etag, source.begin + begin, end - begin)
            self._start(self._upload_copy, PART_BYTES, piece)

    def wait(self) -> None:
        """Return when every part has arrived."""
        while self._under_way:
            self._take_oldest()
        self._end_sending()

    def complete(self) -> Any:
        """Join the parts into the object, unless the key is taken; boto3's own exceptions."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._etags.items())]
        return self._bucket.ask_plainly(
            "complete_multipart_upload",
            Key=self._name,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": parts},
            IfNoneMatch="*",
        )

    def abort(self) -> None:
        """Drop every part. Never raises; what stays is found by the sweep."""
        for _, future in self._under_way:
            future.cancel()
        self._under_way.clear()
        self._end_sending()
        if self._upload_id is not None:
            with suppress(Exception):
                self._bucket.ask("abort_multipart_upload", Key=self._name, UploadId=self._upload_id)
            self._upload_id = None

    def _start(self, sends: Any, weight: int, what: object) -> None:
        if self._upload_id is None:
            begun = self._bucket.ask("create_multipart_upload", Key=self._name, **self._about)
            self._upload_id = str(begun["UploadId"])
            self._sending = ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="upload")
        if self._sending is None or self._numbers == _MOST_PARTS:
            raise ValueError("an object of too many parts, or parts after the last")
        while len(self._under_way) >= max(1, min(_IN_FLIGHT, _IN_FLIGHT_BYTES // weight)):
            self._take_oldest()
        self._numbers += 1
        self._under_way.append((self._numbers, self._sending.submit(sends, self._numbers, what)))

    def _take_oldest(self) -> None:
        number, future = self._under_way.popleft()
        with faults_in_words():
            self._etags[number] = future.result()

    def _upload(self, number: int, data: bytearray) -> str:
        answer = self._bucket.ask_plainly(
            "upload_part",
            Key=self._name,
            UploadId=self._upload_id,
            PartNumber=number,
            Body=data,
            ContentMD5=content_md5(data),
        )
        return str(answer["ETag"])

    def _upload_copy(self, number: int, source: Source) -> str:
        answer = self._bucket.ask_plainly(
            "upload_part_copy",
            Key=self._name,
            UploadId=self._upload_id,
            PartNumber=number,
            CopySource={"Bucket": self._bucket.name, "Key": self._bucket.name_of(source.key)},
            CopySourceRange=f"bytes={source.begin}-{source.begin + source.length - 1}",
            CopySourceIfMatch=source.etag,
        )
        return str(answer["CopyPartResult"]["ETag"])

    def _end_sending(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            sending.shutdown(wait=True, cancel_futures=True)

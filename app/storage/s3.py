"""Storage in a bucket of an S3 object store: whole objects by one conditional request, never over another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO, Final, cast

from botocore.exceptions import ClientError

from app.disposition import content_disposition
from app.storage.interface import (
    PROBES,
    Publication,
    Storage,
    StoredObject,
    check_key,
    check_prefix,
)
from app.storage.s3_bucket import Bucket
from app.storage.s3_publication import S3Publication
from app.storage.s3_reading import buffered
from app.storage.s3_words import faults_in_words, status_of
from app.storage.settings import StorageSettings

_LONGEST_SIGNED: Final = 3600


class S3Storage(Storage):
    """Objects of a bucket whose names begin with our prefix.

    Nothing is asked of the store before a method is called, so an absent one is an answer of :meth:`check`.
    """

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._bucket = Bucket(settings)

    @property
    def joins(self) -> bool:
        return True

    def publishing(self, key: str) -> Publication:
        return S3Publication(self._bucket, check_key(key))

    def open(self, key: str) -> BinaryIO:
        found = self._bucket.head(check_key(key))
        return cast(BinaryIO, buffered(self._bucket, key, int(found["ContentLength"]), str(found["ETag"])))

    def stat(self, key: str) -> StoredObject:
        found = self._bucket.head(check_key(key))
        return StoredObject(key, int(found["ContentLength"]), found["LastModified"], _bare(found["ETag"]))

    def delete(self, key: str) -> None:
        self._bucket.ask("delete_object", Key=self._bucket.name_of(check_key(key)))

    def list_(self, prefix: str = "") -> Iterator[StoredObject]:
        return self._listed(check_prefix(prefix))

    def free_bytes(self) -> None:
        return None

    def sweep_unfinished(self, older_than: datetime) -> int:
        if older_than.utcoffset() is None:
            raise ValueError("older_than needs a time zone")
        stale = [upload for upload in self._uploads() if self._last_written(upload, older_than) < older_than]
        for upload in stale:
            self._bucket.ask("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
        probes = [probe.key for probe in self.list_(f"{PROBES}/") if probe.modified_at < older_than]
        for key in probes:
            self.delete(key)
        return len(stale) + len(probes)

    def signed_url(
        self, key: str, *, file_name: str, media_type: str, seconds: int, disposition: str = "attachment"
    ) -> str | None:
        if not self._may_sign(key, seconds):
            return None
        answers = {
            "Key": self._bucket.name_of(key),
            "ResponseContentDisposition": content_disposition(file_name, disposition),
            "ResponseContentType": media_type,
            "ResponseCacheControl": "no-store",
        }
        return self._bucket.sign("get_object", answers, seconds)

    def signed_put(self, key: str, *, seconds: int) -> str | None:
        if not self._may_sign(key, seconds):
            return None
        return self._bucket.sign("put_object", {"Key": self._bucket.name_of(key)}, seconds)

    def _may_sign(self, key: str, seconds: int) -> bool:
        check_key(key)
        if not 1 <= seconds <= _LONGEST_SIGNED:
            raise ValueError(f"a signed address lasts from 1 to {_LONGEST_SIGNED} seconds")
        return self._settings.signed_downloads

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        for found in self._walked("list_objects_v2", "Contents", prefix):
            key = self._bucket.key_of(found["Key"])
            try:
                check_key(key)
            except ValueError:
                continue  # somebody else's
            yield StoredObject(key, int(found["Size"]), found["LastModified"], _bare(found["ETag"]))

    def _uploads(self) -> list[dict[str, Any]]:
        """The unfinished uploads below our prefix."""
        return list(self._walked("list_multipart_uploads", "Uploads", ""))

    def _walked(self, operation: str, what: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = iter(self._bucket.pages(operation, Prefix=self._bucket.name_of(prefix)))
        while True:
            with faults_in_words():
                page = next(pages, None)
            if page is None:
                return
            yield from page.get(what, [])

    def _last_written(self, upload: dict[str, Any], limit: datetime) -> datetime:
        """When its newest part came; asked only of uploads that were begun before the limit."""
        begun: datetime = upload["Initiated"]
        if begun >= limit:
            return begun
        with faults_in_words():
            try:
                pages = self._bucket.pages("list_parts", Key=upload["Key"], UploadId=upload["UploadId"])
                return max((part["LastModified"] for page in pages for part in page.get("Parts", [])), default=begun)
            except ClientError as error:
                if status_of(error) == 404:
                    return limit  # finished or aborted meanwhile
                raise


def _bare(etag: object) -> str:
    return str(etag).strip('"')

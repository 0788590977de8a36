"""One bucket of an object store, and our part of it: who asks, how long we wait, how often we ask again."""

from __future__ import annotations

import os
import threading
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from app.errors import NotFound
from app.storage.errors import StorageRefused
from app.storage.s3_words import NO_BUCKET, faults_in_words, missing, status_of
from app.storage.settings import StorageSettings

_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 30
_ATTEMPTS: Final = 3
_CONNECTIONS: Final = 16


class Bucket:
    """Asks the object store. Its connections are this process's own: a forked child makes its own at its first word."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._clients: dict[str | None, Any] = {}
        self._owner = os.getpid()
        self._making = threading.Lock()

    def name_of(self, key: str) -> str:
        """The key in the bucket."""
        return self._settings.prefix + key

    def key_of(self, name: str) -> str:
        """The key that :meth:`name_of` made the name from."""
        return name.removeprefix(self._settings.prefix)

    @property
    def name(self) -> str:
        return self._settings.bucket

    def ask(self, operation: str, **params: Any) -> Any:
        """One request about the bucket.

        :param operation: a method of boto3's client
        :raises NotFound: no such object
        :raises StorageFault: the store does not answer, or not now
        :raises StorageRefused: it will not, and trying again does not help
        """
        with faults_in_words():
            return self.ask_plainly(operation, **params)

    def ask_plainly(self, operation: str, **params: Any) -> Any:
        """As :meth:`ask`, with boto3's own exceptions."""
        client = self._client(self._settings.endpoint_url)
        return getattr(client, operation)(Bucket=self._settings.bucket, **params)

    def pages(self, operation: str, **params: Any) -> Any:
        """The pages of a listing; boto3's own exceptions come while they are walked."""
        client = self._client(self._settings.endpoint_url)
        return client.get_paginator(operation).paginate(Bucket=self._settings.bucket, **params)

    def head(self, key: str) -> Any:
        """What is known of an object.

        :raises NotFound: no such object; a missing bucket is :class:`StorageRefused`, as everywhere
        """
        try:
            return self.ask("head_object", Key=self.name_of(key))
        except NotFound:
            # An answer without a body does not say which of the two is missing.
            self._see_bucket()
            raise missing() from None

    def sign(self, operation: str, params: dict[str, Any], seconds: int) -> str:
        """An address, good for some seconds, by which anybody may do this one thing."""
        client = self._client(self._settings.public_endpoint_url or self._settings.endpoint_url)
        with faults_in_words():
            bound = {"Bucket": self._settings.bucket, **params}
            return str(client.generate_presigned_url(operation, Params=bound, ExpiresIn=seconds))

    def _see_bucket(self) -> None:
        try:
            self.ask_plainly("head_bucket")
        except ClientError as error:
            if status_of(error) == 404:
                raise StorageRefused(NO_BUCKET) from error

    def _client(self, endpoint_url: str | None) -> Any:
        if self._owner != os.getpid():
            # A forked child: the connections are its parent's, and the lock may have been held when it was forked.
            self._clients, self._owner, self._making = {}, os.getpid(), threading.Lock()
        with self._making:
            if endpoint_url not in self._clients:
                self._clients[endpoint_url] = self._made(endpoint_url)
            return self._clients[endpoint_url]

    def _made(self, endpoint_url: str | None) -> Any:
        given = self._settings
        keys = (
            {"aws_access_key_id": given.access_key_id, "aws_secret_access_key": given.secret_access_key}
            if given.access_key_id
            else {}
        )
        return boto3.session.Session().client(
            "s3",
            region_name=given.region,
            endpoint_url=endpoint_url,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if given.path_style else "virtual"},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=_CONNECTIONS,
                tcp_keepalive=True,
                # We send Content-MD5, which every store checks; the newer checksums are refused by some.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
            **keys,
        )

"""What an object store says when it cannot or will not, in our words. Its own words go no further than our log."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from urllib3.exceptions import HTTPError

from app.errors import NotFound, Refusal
from app.storage.errors import StorageFull, StorageRefused, StorageUnavailable

log = logging.getLogger(__name__)

BREAKS: Final = (BotoCoreError, HTTPError, OSError)
"""What an answer may break off with while its body is read."""
_PASSING: Final = frozenset(
    {
        *("BadDigest", "IncompleteBody", "InvalidPart", "OperationAborted", "RequestThrottled", "RequestTimeout"),
        *("SlowDown", "Throttling", "ThrottlingException", "XAmzContentSHA256Mismatch"),
    }
)
_FULL: Final = frozenset({"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded"})
_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,60}", re.ASCII)

NO_BUCKET: Final = (
    "The bucket that Chartroom keeps its files in does not exist. Trying again will not help: an operator has to make "
    "it, or to correct the setting that names it."
)
FORBIDDEN: Final = (
    "The server's storage refuses Chartroom's keys, or they may not do this. Trying again will not help: an operator "
    "has to correct the keys or their permissions."
)
SKEWED: Final = (
    "The server's clock differs too much from its storage's clock. Trying again will not help: an operator has to set "
    "it right."
)
SWEPT: Final = "Unfinished bytes were swept away while still in use."
TAKEN: Final = "Another object has been published under the same key."


def missing() -> NotFound:
    """The refusal for a key without an object."""
    return NotFound("These bytes are not stored here.")


@contextmanager
def faults_in_words() -> Iterator[None]:
    """Turn what boto3 raises into refusals of ours; refusals of ours pass."""
    try:
        yield
    except ClientError as error:
        raise in_words(error) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StorageRefused(FORBIDDEN) from error
    except BREAKS as error:
        raise StorageUnavailable from error


def code_of(error: ClientError) -> str:
    """The store's short word for what happened: ``NoSuchKey``; a number when the answer had no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status of the answer; 0 when there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def in_words(error: ClientError) -> Refusal:
    """The refusal that an answer of the store comes to."""
    code, status = code_of(error), status_of(error)
    if code in ("NoSuchKey", "NotFound", "404"):
        return missing()
    log.warning(
        "the object store answered %s with %s %s",
        error.operation_name,
        status,
        code if _PLAIN_CODE.fullmatch(code) else "",
    )
    if code == "NoSuchUpload":
        return StorageUnavailable(SWEPT)
    if status == 507 or code in _FULL:
        return StorageFull()
    if code in _PASSING or status in (0, 408, 409, 412, 429) or (status >= 500 and status != 501):
        return StorageUnavailable()
    return StorageRefused(_why_refused(code, status))


def _why_refused(code: str, status: int) -> str:
    if code == "NoSuchBucket":
        return NO_BUCKET
    if code == "RequestTimeTooSkewed":
        return SKEWED
    if status in (401, 403):
        return FORBIDDEN
    return StorageRefused().message

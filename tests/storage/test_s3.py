"""What an object store does by itself: joins on the server, keeps the first object, signs addresses."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.storage import Storage, StorageSettings, StorageUnavailable, open_storage
from tests.services.faulty import FaultyProxy
from tests.services.seaweedfs import SeaweedFS
from tests.storage.keeping import keys_of, put, read

MIB = 1 << 20
SOON = timedelta(hours=1)


def uploads(server: SeaweedFS, bucket: str) -> list[str]:
    found = server.client().list_multipart_uploads(Bucket=bucket)
    return [upload["Key"] for upload in found.get("Uploads", [])]


def test_long_ranges_are_joined_by_the_store_without_being_read(
    s3: Storage, faulty: Storage, faulty_s3: FaultyProxy
) -> None:
    source = os.urandom(24 * MIB)
    put(s3, "staging/source", source)
    with faulty.publishing("exports/joined") as sink:
        for begin in range(0, 22 * MIB, MIB):
            sink.copy("staging/source", begin, MIB)
    assert read(s3, "exports/joined") == source[: 22 * MIB]
    assert faulty_s3.count("GET ") == 0
    assert faulty_s3.count("partNumber=") == 1


def test_what_stands_before_a_long_range_is_filled_up_to_a_whole_part(
    s3: Storage, s3_server: SeaweedFS, s3_bucket: str, faulty: Storage, faulty_s3: FaultyProxy
) -> None:
    source = os.urandom(24 * MIB)
    put(s3, "source", source)
    sink = faulty.publishing("joined")
    sink.write(b"a header")
    sink.copy("source", 0, 24 * MIB)
    sink.write(b"a directory")
    sink.settle()
    client = s3_server.client()
    (upload,) = client.list_multipart_uploads(Bucket=s3_bucket)["Uploads"]
    parts = client.list_parts(Bucket=s3_bucket, Key=upload["Key"], UploadId=upload["UploadId"])["Parts"]
    assert [part["Size"] for part in parts] == [5 * MIB, 24 * MIB + 8 - 5 * MIB, len(b"a directory")]
    sink.commit()
    assert read(s3, "joined") == b"a header" + source + b"a directory"
    assert faulty_s3.count("GET ") <= 6


def test_large_objects_are_on_the_store_and_unseen_before_the_commit(
    s3: Storage, s3_server: SeaweedFS, s3_bucket: str
) -> None:
    with s3.publishing("a") as sink:
        sink.write(os.urandom(20 * MIB))
        sink.settle()
        assert uploads(s3_server, s3_bucket) == ["our/part/a"]
        assert keys_of(s3) == []
    assert uploads(s3_server, s3_bucket) == []
    assert keys_of(s3) == ["a"]


@pytest.mark.parametrize("size", [10, 9 * MIB])
def test_the_first_object_under_a_key_stays(s3: Storage, size: int) -> None:
    put(s3, "a", b"the first")
    with pytest.raises(StorageUnavailable, match="same key"):
        put(s3, "a", b"x" * size)
    assert read(s3, "a") == b"the first"
    assert s3.sweep_unfinished(datetime.now(UTC) + SOON) == 0


@pytest.mark.parametrize("size", [10, 9 * MIB])
def test_of_two_writers_of_one_key_one_object_stays_whole(s3: Storage, size: int) -> None:
    one, other = s3.publishing("a"), s3.publishing("a")
    one.write(b"1" * size)
    other.write(b"2" * size)
    one.commit()
    with pytest.raises(StorageUnavailable, match="same key"):
        other.commit()
    other.discard()
    assert read(s3, "a") == b"1" * size


def test_a_reader_never_gets_bytes_of_another_object(s3: Storage) -> None:
    put(s3, "a", b"1" * MIB)
    with s3.open("a") as stream:
        assert stream.read(10) == b"1" * 10
        s3.delete("a")
        put(s3, "a", b"2" * MIB)
        stream.seek(900_000)
        with pytest.raises(StorageUnavailable, match="replaced"):
            stream.read()


def test_a_small_read_fetches_little_and_a_long_one_asks_seldom(
    s3: Storage, faulty: Storage, faulty_s3: FaultyProxy
) -> None:
    content = os.urandom(30 * MIB)
    put(s3, "a", content)
    with faulty.open("a") as stream:
        assert faulty_s3.count("GET ") == 0
        stream.seek(20 * MIB)
        assert stream.read(100) == content[20 * MIB : 20 * MIB + 100]
        stream.seek(-5, os.SEEK_END)
        assert stream.read() == content[-5:]
        assert faulty_s3.count("GET ") == 2
        stream.seek(0)
        pieces = b"".join(iter(lambda: stream.read(70_000), b""))
    assert pieces == content
    assert faulty_s3.count("GET ") <= 12


def test_only_abandoned_uploads_of_our_part_are_swept(s3: Storage, s3_server: SeaweedFS, s3_bucket: str) -> None:
    s3_server.client().create_multipart_upload(Bucket=s3_bucket, Key="somebody/else")
    abandoned = s3.publishing("a")
    abandoned.write(b"x" * 9 * MIB)
    abandoned.settle()
    put(s3, "readiness-probe/left")
    put(s3, "published")
    assert s3.sweep_unfinished(datetime.now(UTC) - SOON) == 0
    assert s3.sweep_unfinished(datetime.now(UTC) + SOON) == 2
    assert uploads(s3_server, s3_bucket) == ["somebody/else"]
    assert keys_of(s3) == ["published"]
    with pytest.raises(StorageUnavailable, match="swept"):
        abandoned.commit()
    abandoned.discard()
    assert keys_of(s3) == ["published"]


def test_an_upload_that_is_still_written_to_is_not_swept(s3: Storage) -> None:
    with s3.publishing("a") as sink:
        sink.write(b"x" * 9 * MIB)
        begun = datetime.now(UTC)
        # Dates of a store have no fractions of a second.
        threading.Event().wait(2)
        sink.write(b"x" * 9 * MIB)
        sink.settle()
        assert s3.sweep_unfinished(begun.replace(microsecond=0) + timedelta(seconds=1)) == 0
    assert s3.size("a") == 18 * MIB


def test_objects_of_somebody_else_are_not_ours(s3: Storage, s3_server: SeaweedFS, s3_bucket: str) -> None:
    for name in ("a", "our/b", "our/part/Shouting", "our/partly"):
        s3_server.client().put_object(Bucket=s3_bucket, Key=name, Body=b"x")
    put(s3, "a")
    assert keys_of(s3) == ["a"]


def test_without_a_prefix_the_whole_bucket_is_ours(
    s3_settings: StorageSettings, s3_server: SeaweedFS, s3_bucket: str
) -> None:
    storage = open_storage(replace(s3_settings, prefix=""))
    put(storage, "exports/a", b"x" * 9 * MIB)
    assert keys_of(storage, "exp") == ["exports/a"]
    assert s3_server.client().head_object(Bucket=s3_bucket, Key="exports/a")["ContentLength"] == 9 * MIB
    assert storage.free_bytes() is None


def signed(storage: Storage, key: str = "a", name: str = "患者.zip", seconds: int = 60) -> str:
    url = storage.signed_url(key, file_name=name, media_type="application/zip", seconds=seconds)
    assert url is not None
    return url


def fetched(url: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.status, answer.headers, answer.read()


def test_a_signed_address_downloads_under_our_name_and_type(s3: Storage) -> None:
    content = os.urandom(9 * MIB)
    put(s3, "a", content)
    status, headers, body = fetched(signed(s3))
    assert (status, body) == (200, content)
    assert headers["Content-Type"] == "application/zip"
    wanted = "attachment; filename=\"download.zip\"; filename*=UTF-8''%E6%82%A3%E8%80%85.zip"
    assert headers["Content-Disposition"] == wanted
    assert headers["Cache-Control"] == "no-store"
    status, headers, body = fetched(signed(s3), Range="bytes=5-9")
    assert (status, body) == (206, content[5:10])


@pytest.mark.parametrize(
    "alter",
    [
        lambda url: url.replace("/our/part/a?", "/our/part/b?"),
        lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        lambda url: url.replace("application%2Fzip", "text%2Fhtml"),
        lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url: url.partition("?")[0],
    ],
    ids=["another object", "longer", "another type", "another signature", "no signature"],
)
def test_an_altered_address_is_refused(s3: Storage, alter: Callable[[str], str]) -> None:
    put(s3, "a", b"secret")
    put(s3, "b", b"secret")
    altered = alter(signed(s3))
    assert altered != signed(s3)
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetched(altered)
    assert refused.value.code == 403
    refused.value.close()


def test_an_address_ends(s3: Storage) -> None:
    put(s3, "a")
    url = signed(s3, seconds=1)
    # Its last second is the server's to count.
    threading.Event().wait(3)
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetched(url)
    assert refused.value.code == 403
    refused.value.close()


def test_an_address_lasts_at_most_an_hour(s3: Storage) -> None:
    assert parse_qs(urlsplit(signed(s3, seconds=3600)).query)["X-Amz-Expires"] == ["3600"]
    for seconds in (0, 3601):
        with pytest.raises(ValueError, match="3600"):
            signed(s3, seconds=seconds)


def test_browsers_get_the_public_address(s3_settings: StorageSettings, s3: Storage, faulty_s3: FaultyProxy) -> None:
    put(s3, "a", b"x")
    storage = open_storage(replace(s3_settings, public_endpoint_url=faulty_s3.url))
    url = signed(storage)
    assert url.startswith(f"{faulty_s3.url}/")
    assert fetched(url)[2] == b"x"


def test_signed_addresses_may_be_switched_off(s3_settings: StorageSettings) -> None:
    storage = open_storage(replace(s3_settings, signed_downloads=False))
    assert storage.signed_url("a", file_name="a", media_type="a/b", seconds=60) is None

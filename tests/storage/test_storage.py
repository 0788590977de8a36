"""What either storage promises: whole or absent, read from anywhere, refused in the same words."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import NotFound
from app.storage import Publication, Storage
from tests.storage.keeping import KEYS, keys_of, put, read

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SIZES = [1_000_000, 9_000_000]
"""An object store takes the first by one request, the other in parts."""


def nothing_unfinished(storage: Storage) -> bool:
    return storage.sweep_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 0


@pytest.mark.parametrize("size", [0, *SIZES, 8 << 20, 17_000_001])
def test_what_was_published_is_read_back(storage: Storage, size: int) -> None:
    content = os.urandom(size)
    with storage.publishing("exports/a1/archive-3.zip") as sink:
        for start in range(0, len(content), 70_000):
            assert sink.write(content[start : start + 70_000]) == len(content[start : start + 70_000])
        assert sink.tell() == len(content)
    assert read(storage, "exports/a1/archive-3.zip") == content
    assert storage.size("exports/a1/archive-3.zip") == len(content)
    assert storage.exists("exports/a1/archive-3.zip")


def test_any_buffer_may_be_written_and_changed_afterwards(storage: Storage) -> None:
    buffer = bytearray(b"first")
    with storage.publishing("a") as sink:
        sink.write(buffer)
        buffer[:] = b"other"
        sink.flush()
        sink.write(memoryview(buffer))
    assert read(storage, "a") == b"firstother"


def test_an_opened_object_can_be_read_from_anywhere(storage: Storage) -> None:
    put(storage, "a", b"0123456789")
    with storage.open("a") as stream:
        assert stream.seekable()
        stream.seek(7)
        assert stream.read() == b"789"
        stream.seek(-9, io.SEEK_END)
        assert stream.read(2) == b"12"


@pytest.mark.parametrize("size", SIZES)
def test_nobody_sees_an_object_before_it_is_whole(storage: Storage, size: int) -> None:
    with storage.publishing("a/b") as sink:
        sink.write(b"x" * size)
        assert not storage.exists("a/b")
        sink.settle()
        assert not storage.exists("a/b")
        assert list(storage.list_()) == []
        sink.commit()
        assert storage.size("a/b") == size


def break_while_publishing(
    storage: Storage, key: str, size: int, after: Callable[[Publication], object] = Publication.tell
) -> None:
    with storage.publishing(key) as sink:
        sink.write(b"x" * size)
        after(sink)
        raise ZeroDivisionError


@pytest.mark.parametrize("size", SIZES)
def test_a_block_that_breaks_leaves_nothing_behind(storage: Storage, size: int) -> None:
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a/b", size)
    assert keys_of(storage) == []
    assert nothing_unfinished(storage)


@pytest.mark.parametrize("size", SIZES)
def test_a_block_that_breaks_between_the_steps_leaves_nothing_behind(storage: Storage, size: int) -> None:
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a", size, lambda sink: sink.settle())
    assert keys_of(storage) == []
    assert nothing_unfinished(storage)


@pytest.mark.parametrize("size", SIZES)
def test_a_block_that_breaks_after_the_commit_leaves_the_object(storage: Storage, size: int) -> None:
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a", size, lambda sink: sink.commit())
    assert keys_of(storage) == ["a"]
    assert nothing_unfinished(storage)


@pytest.mark.parametrize("size", SIZES)
def test_a_block_that_breaks_leaves_an_earlier_object_as_it_was(storage: Storage, size: int) -> None:
    put(storage, "a", b"earlier")
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a", size)
    assert read(storage, "a") == b"earlier"


def test_steps_taken_twice_do_nothing_the_second_time(storage: Storage) -> None:
    with storage.publishing("a") as sink:
        sink.write(b"x")
        sink.settle()
        sink.settle()
        sink.commit()
        storage.delete("a")
        sink.commit()
    assert not storage.exists("a")
    assert keys_of(storage) == []
    assert nothing_unfinished(storage)


def test_nothing_may_be_written_after_the_bytes_are_settled(storage: Storage) -> None:
    with storage.publishing("a") as sink:
        sink.settle()
        with pytest.raises(ValueError, match="settle"):
            sink.write(b"late")


def test_a_discarded_publication_cannot_be_committed(storage: Storage) -> None:
    sink = storage.publishing("a")
    sink.write(b"x")
    sink.discard()
    sink.discard()
    with pytest.raises(ValueError, match="discarded"):
        sink.commit()
    settled = storage.publishing("a")
    settled.settle()
    settled.discard()
    with pytest.raises(ValueError, match="discarded"):
        settled.commit()


@pytest.mark.parametrize("ask", ["open", "size", "stat"])
def test_a_missing_object_is_a_refusal(storage: Storage, ask: str) -> None:
    put(storage, "folder/a")
    for key in ("missing", "folder", "folder/a/b", "folder/missing"):
        with pytest.raises(NotFound):
            getattr(storage, ask)(key)
        assert not storage.exists(key)


@pytest.mark.parametrize(
    "key",
    [
        *("", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a..b", ".unfinished/x", "a/.b"),
        *("A", "a b", "ä", "a\\b", "a\n", "a\0", "~root", "a/" * 300 + "a", "n" * 201, "a/٣"),
    ],
)
def test_a_key_that_is_not_ours_is_refused_everywhere(storage: Storage, key: str) -> None:
    for ask in (storage.publishing, storage.open, storage.size, storage.exists, storage.delete):
        with pytest.raises(ValueError, match="not a storage key"):
            ask(key)


@pytest.mark.parametrize("prefix", ["/", "..", "a/../", ".unfinished/", "A", "a//"])
def test_a_prefix_that_is_not_ours_is_refused_at_once(storage: Storage, prefix: str) -> None:
    with pytest.raises(ValueError, match="storage key"):
        storage.list_(prefix)


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/bc/", "b/c/d", "b/c/d/e", "c", "c/d", "a-b/x"])
def test_listing_is_by_key_and_by_text(storage: Storage, prefix: str) -> None:
    for key in reversed(KEYS):
        put(storage, key, key.encode())
    listed = list(storage.list_(prefix))
    assert sorted(one.key for one in listed) == sorted(key for key in KEYS if key.startswith(prefix))
    assert [one.size for one in listed] == [len(one.key) for one in listed]


def test_listing_an_empty_storage_finds_nothing(storage: Storage) -> None:
    assert list(storage.list_()) == []


def test_a_sweep_wants_a_moment_with_a_time_zone(storage: Storage) -> None:
    assert storage.sweep_unfinished(LONG_AGO) == 0
    with pytest.raises(ValueError, match="time zone"):
        storage.sweep_unfinished(datetime(2024, 1, 1))  # noqa: DTZ001 - the point of the test


def test_a_storage_that_works_is_ready_and_keeps_no_probe(storage: Storage) -> None:
    storage.check()
    assert keys_of(storage) == []
    assert nothing_unfinished(storage)


def test_deleting_twice_is_deleting_once(storage: Storage) -> None:
    put(storage, "a/b/c")
    put(storage, "a/d")
    storage.delete("a/b/c")
    storage.delete("a/b/c")
    storage.delete("never/was")
    storage.delete("a")  # the beginning of a key, not a key
    assert keys_of(storage) == ["a/d"]


def test_objects_that_are_deleted_while_listing_do_not_break_it(storage: Storage) -> None:
    for key in KEYS:
        put(storage, key)
    listing = storage.list_()
    first = next(listing).key
    for key in KEYS:
        storage.delete(key)
    assert {first, *(one.key for one in listing)} <= set(KEYS)
    assert keys_of(storage) == []


def test_an_object_tells_when_it_was_written(storage: Storage) -> None:
    put(storage, "a")
    assert abs(storage.stat("a").modified_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert [one.modified_at.replace(microsecond=0) for one in storage.list_()] == [
        storage.stat("a").modified_at.replace(microsecond=0)
    ]


RANGES = [(5, 100), (0, 7_000_000), (6_999_990, 13_000_010), (0, 20_000_000), (19_999_999, 1), (20_000_000, 0)]


@pytest.mark.parametrize("before", [0, 30, 6_000_000])
def test_ranges_of_another_object_are_taken_as_if_they_were_written(storage: Storage, before: int) -> None:
    source, own = os.urandom(20_000_000), os.urandom(before)
    put(storage, "staging/source", source)
    with storage.publishing("joined") as sink:
        expected = bytearray()
        for begin, length in RANGES:
            sink.write(own)
            sink.copy("staging/source", begin, length)
            expected += own + source[begin : begin + length]
            assert sink.tell() == len(expected)
        sink.write(b"the end")
    assert read(storage, "joined") == expected + b"the end"
    assert nothing_unfinished(storage)


def test_ranges_that_follow_each_other_keep_their_order(storage: Storage) -> None:
    source = os.urandom(3_000_000)
    put(storage, "source", source)
    put(storage, "other", b"other")
    with storage.publishing("joined") as sink:
        for begin in range(0, len(source), 500_000):
            sink.copy("source", begin, 500_000)
        sink.copy("other", 0, 5)
        sink.copy("source", 7, 0)
        sink.copy("source", 0, 5)
    assert read(storage, "joined") == source + b"other" + source[:5]


def test_a_range_that_is_not_there_is_a_refusal(storage: Storage) -> None:
    put(storage, "source", b"0123456789")
    for key, begin, length in (("missing", 0, 1), ("source", 5, 6), ("source", 11, 0)):
        with pytest.raises(NotFound), storage.publishing("joined") as sink:
            sink.copy(key, begin, length)
    for begin, length in ((-1, 2), (0, -1)):
        with pytest.raises(ValueError, match="range"), storage.publishing("joined") as sink:
            sink.copy("source", begin, length)
    with storage.publishing("settled") as sink:
        sink.settle()
        with pytest.raises(ValueError, match="settle"):
            sink.copy("source", 0, 1)
    assert keys_of(storage) == ["settled", "source"]

"""Bytes by key on a real disk: whole or absent, private, and in words when the disk says no."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NotFound
from app.storage import LocalStorage, Publication, SharedStorage, StorageUnavailable

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "objects"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    return LocalStorage(root)


def put(storage: LocalStorage, key: str, content: bytes = b"x") -> None:
    with storage.publishing(key) as sink:
        sink.write(content)


def read(storage: LocalStorage, key: str) -> bytes:
    with storage.open(key) as stream:
        return stream.read()


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_what_was_published_is_read_back(storage: LocalStorage) -> None:
    content = os.urandom(3_000_000)
    with storage.publishing("exports/a1/archive-3.zip") as sink:
        for start in range(0, len(content), 70_000):
            assert sink.write(content[start : start + 70_000]) == len(content[start : start + 70_000])
        assert sink.tell() == len(content)
    assert read(storage, "exports/a1/archive-3.zip") == content
    assert storage.size("exports/a1/archive-3.zip") == len(content)
    assert storage.exists("exports/a1/archive-3.zip")


@given(pieces=st.lists(st.integers(0, 600_000), max_size=6))
def test_pieces_of_any_size_arrive_in_order(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[int]
) -> None:
    storage = LocalStorage(tmp_path_factory.mktemp("pieces"))
    contents = [bytes([number + 1]) * length for number, length in enumerate(pieces)]
    with storage.publishing("a") as sink:
        for content in contents:
            sink.write(content)
    assert read(storage, "a") == b"".join(contents)


def test_any_buffer_may_be_written_and_changed_afterwards(storage: LocalStorage) -> None:
    buffer = bytearray(b"first")
    with storage.publishing("a") as sink:
        sink.write(buffer)
        buffer[:] = b"other"
        sink.flush()
        sink.write(memoryview(buffer))
    assert read(storage, "a") == b"firstother"


def test_an_opened_object_can_be_read_from_anywhere(storage: LocalStorage) -> None:
    put(storage, "a", b"0123456789")
    with storage.open("a") as stream:
        assert stream.seekable()
        stream.seek(7)
        assert stream.read() == b"789"
        stream.seek(-9, io.SEEK_END)
        assert stream.read(2) == b"12"


def test_nobody_sees_an_object_before_it_is_whole(storage: LocalStorage) -> None:
    with storage.publishing("a/b") as sink:
        sink.write(b"x" * 1_000_000)
        assert not storage.exists("a/b")
        sink.settle()
        assert not storage.exists("a/b")
        assert list(storage.list_()) == []
        sink.commit()
        assert storage.size("a/b") == 1_000_000


def break_while_publishing(
    storage: LocalStorage, key: str, after: Callable[[Publication], object] = Publication.tell
) -> None:
    with storage.publishing(key) as sink:
        sink.write(b"x" * 1_000_000)
        after(sink)
        raise ZeroDivisionError


def test_a_block_that_breaks_leaves_nothing_behind(storage: LocalStorage, root: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a/b")
    assert files_below(root) == []
    assert not storage.exists("a/b")


def test_a_block_that_breaks_between_the_steps_leaves_nothing_behind(
    storage: LocalStorage, root: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a", lambda sink: sink.settle())
    assert files_below(root) == []


def test_a_block_that_breaks_after_the_commit_leaves_the_object(storage: LocalStorage, root: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a", lambda sink: sink.commit())
    assert files_below(root) == ["a"]


def test_a_block_that_breaks_leaves_an_earlier_object_as_it_was(storage: LocalStorage) -> None:
    put(storage, "a", b"earlier")
    with pytest.raises(ZeroDivisionError):
        break_while_publishing(storage, "a")
    assert read(storage, "a") == b"earlier"


def test_a_key_published_anew_holds_the_later_bytes_and_an_open_reader_the_earlier(
    storage: LocalStorage,
) -> None:
    put(storage, "a", b"earlier")
    with storage.open("a") as stream:
        put(storage, "a", b"later")
        assert stream.read() == b"earlier"
    assert read(storage, "a") == b"later"


def test_steps_taken_twice_do_nothing_the_second_time(storage: LocalStorage, root: Path) -> None:
    with storage.publishing("a") as sink:
        sink.write(b"x")
        sink.settle()
        sink.settle()
        sink.commit()
        storage.delete("a")
        sink.commit()
    assert not storage.exists("a")
    assert files_below(root) == []


def test_nothing_may_be_written_after_the_bytes_are_settled(storage: LocalStorage) -> None:
    with storage.publishing("a") as sink:
        sink.settle()
        with pytest.raises(ValueError, match="settle"):
            sink.write(b"late")


def test_a_discarded_publication_cannot_be_committed(storage: LocalStorage) -> None:
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


def test_only_this_user_may_read_what_is_kept(storage: LocalStorage, root: Path) -> None:
    earlier = os.umask(0)
    try:
        put(storage, "a/b/c")
    finally:
        os.umask(earlier)
    modes = {
        str(path.relative_to(root.parent)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")
    }
    assert modes.pop("objects/a/b/c") == 0o600
    assert set(modes.values()) == {0o700}
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.parametrize("ask", ["open", "size", "stat"])
def test_a_missing_object_is_a_refusal(storage: LocalStorage, ask: str) -> None:
    put(storage, "folder/a")
    for key in ("missing", "folder", "folder/a/b", "folder/missing"):
        with pytest.raises(NotFound):
            getattr(storage, ask)(key)
        assert not storage.exists(key)


def test_deleting_twice_is_deleting_once(storage: LocalStorage, root: Path) -> None:
    put(storage, "a/b/c")
    put(storage, "a/d")
    storage.delete("a/b/c")
    storage.delete("a/b/c")
    storage.delete("never/was")
    storage.delete("a")  # the beginning of a key, not a key
    storage.delete("a/d/e")
    assert files_below(root) == ["a/d"]
    assert not (root / "a/b").exists()


def test_an_open_reader_outlives_a_delete(storage: LocalStorage) -> None:
    put(storage, "a", b"still")
    with storage.open("a") as stream:
        storage.delete("a")
        assert stream.read() == b"still"


@pytest.mark.parametrize(
    "key",
    [
        *("", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a..b", ".unfinished/x", "a/.b"),
        *("A", "a b", "ä", "a\\b", "a\n", "a\0", "~root", "a/" * 300 + "a", "n" * 201, "a/٣"),
    ],
)
def test_a_key_that_is_not_ours_is_refused_everywhere(storage: LocalStorage, key: str) -> None:
    for ask in (storage.publishing, storage.open, storage.size, storage.exists, storage.delete):
        with pytest.raises(ValueError, match="not a storage key"):
            ask(key)


@pytest.mark.parametrize("prefix", ["/", "..", "a/../", ".unfinished/", "A", "a//"])
def test_a_prefix_that_is_not_ours_is_refused_at_once(storage: LocalStorage, prefix: str) -> None:
    with pytest.raises(ValueError, match="storage key"):
        storage.list_(prefix)


def test_a_key_cannot_be_the_beginning_of_another(storage: LocalStorage, root: Path) -> None:
    put(storage, "a/b")
    with pytest.raises(ValueError, match="beginning"):
        put(storage, "a")
    with pytest.raises(ValueError, match="beginning"):
        put(storage, "a/b/c/d")
    assert files_below(root) == ["a/b"]


def test_links_and_strangers_files_are_not_objects(storage: LocalStorage, root: Path, tmp_path: Path) -> None:
    put(storage, "a")
    (tmp_path / "outside").write_bytes(b"not ours")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "lost+found").mkdir()
    (root / "lost+found" / "x").write_bytes(b"")
    (root / "README.TXT").write_bytes(b"")
    assert [one.key for one in storage.list_()] == ["a"]
    with pytest.raises(NotFound):
        storage.stat("link")
    with pytest.raises((NotFound, StorageUnavailable)):
        storage.open("link")


KEYS = ["a-b", "a.b", "a/b", "a/b-c", "a/bc/d", "ab", "b/c/d/e", "b0"]


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/bc/", "b/c/d", "b/c/d/e", "c", "c/d", "a-b/x"])
def test_listing_is_by_key_and_by_text(storage: LocalStorage, prefix: str) -> None:
    for key in reversed(KEYS):
        put(storage, key, key.encode())
    listed = list(storage.list_(prefix))
    assert [one.key for one in listed] == sorted(key for key in KEYS if key.startswith(prefix))
    assert [one.size for one in listed] == [len(one.key) for one in listed]


def test_listing_an_empty_storage_finds_nothing(storage: LocalStorage) -> None:
    assert list(storage.list_()) == []


def test_objects_that_go_while_listing_are_passed_over(storage: LocalStorage) -> None:
    for key in KEYS:
        put(storage, key)
    listing = storage.list_()
    assert next(listing).key == "a-b"
    for key in KEYS[1:-1]:
        storage.delete(key)
    assert [one.key for one in listing] == ["b0"]


def test_an_object_tells_when_it_was_written(storage: LocalStorage, root: Path) -> None:
    put(storage, "a")
    os.utime(root / "a", (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    assert storage.stat("a").modified_at == LONG_AGO
    assert storage.stat("a").modified_at.utcoffset() == timedelta(0)


def test_publications_and_deletes_in_one_folder_do_not_trip_each_other(storage: LocalStorage) -> None:
    """A delete prunes the folder that it empties, perhaps just as another object is to appear in it."""
    faults: list[BaseException] = []

    def come_and_go(name: str) -> None:
        try:
            for _ in range(150):
                put(storage, f"deep/er/{name}")
                assert storage.exists(f"deep/er/{name}")
                storage.delete(f"deep/er/{name}")
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert list(storage.list_()) == []


def test_only_what_nobody_writes_to_any_more_is_swept(storage: LocalStorage, root: Path) -> None:
    abandoned = storage.publishing("a")
    abandoned.write(b"x")
    abandoned.settle()
    (left,) = (root / ".unfinished").iterdir()
    os.utime(left, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    put(storage, "readiness-probe/left", b"x")
    os.utime(root / "readiness-probe/left", (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    put(storage, "old-but-published", b"x")
    os.utime(root / "old-but-published", (LONG_AGO.timestamp(), LONG_AGO.timestamp()))

    with storage.publishing("b") as alive:
        alive.write(b"x")
        assert storage.sweep_unfinished(LONG_AGO) == 0
        assert storage.sweep_unfinished(LONG_AGO + timedelta(seconds=1)) == 2
    assert files_below(root) == ["b", "old-but-published"]


def test_a_writer_whose_bytes_were_swept_away_publishes_nothing(storage: LocalStorage) -> None:
    sink = storage.publishing("a")
    sink.write(b"x")
    assert storage.sweep_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1
    with pytest.raises(StorageUnavailable, match="swept"):
        sink.commit()
    sink.discard()
    assert not storage.exists("a")


def test_a_sweep_wants_a_moment_with_a_time_zone(storage: LocalStorage) -> None:
    assert storage.sweep_unfinished(LONG_AGO) == 0
    with pytest.raises(ValueError, match="time zone"):
        storage.sweep_unfinished(datetime(2024, 1, 1))  # noqa: DTZ001 - the point of the test


def test_room_is_known_before_anything_was_kept(storage: LocalStorage, root: Path) -> None:
    assert not root.exists()
    assert storage.free_bytes() > 0


def test_a_storage_that_works_is_ready_and_keeps_no_probe(storage: LocalStorage, root: Path) -> None:
    storage.check()
    assert files_below(root) == []


@pytest.fixture
def shared() -> SharedStorage:
    return SharedStorage()


def test_the_shared_storage_is_whatever_was_bound_last(shared: SharedStorage, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not bound"):
        shared.exists("a")
    shared.bind(tmp_path / "one")
    with shared.publishing("k/a") as sink:
        sink.write(b"in one")
    with shared.open("k/a") as stream:
        assert stream.read() == b"in one"
    assert shared.size("k/a") == shared.stat("k/a").size == 6
    assert [one.key for one in shared.list_("k/")] == ["k/a"]
    assert (shared.free_bytes() or 0) > 0
    assert shared.sweep_unfinished(LONG_AGO) == 0
    shared.check()
    shared.bind(tmp_path / "two")
    assert not shared.exists("k/a")
    shared.bind(tmp_path / "one")
    shared.delete("k/a")
    assert not shared.exists("k/a")

"""What only a local disk does: private files, the later object in place of the earlier one, keys in order."""

from __future__ import annotations

import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NotFound
from app.storage import LocalStorage, SharedStorage, StorageSettings, StorageUnavailable
from tests.storage.keeping import KEYS, put, read

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def storage(local: LocalStorage) -> LocalStorage:
    return local


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@given(pieces=st.lists(st.integers(0, 600_000), max_size=6))
def test_pieces_of_any_size_arrive_in_order(tmp_path_factory: pytest.TempPathFactory, pieces: list[int]) -> None:
    storage = LocalStorage(tmp_path_factory.mktemp("pieces"))
    contents = [bytes([number + 1]) * length for number, length in enumerate(pieces)]
    with storage.publishing("a") as sink:
        for content in contents:
            sink.write(content)
    assert read(storage, "a") == b"".join(contents)


def test_a_key_published_anew_holds_the_later_bytes_and_an_open_reader_the_earlier(
    storage: LocalStorage,
) -> None:
    put(storage, "a", b"earlier")
    with storage.open("a") as stream:
        put(storage, "a", b"later")
        assert stream.read() == b"earlier"
    assert read(storage, "a") == b"later"


def test_only_this_user_may_read_what_is_kept(storage: LocalStorage, root: Path) -> None:
    earlier = os.umask(0)
    try:
        put(storage, "a/b/c")
    finally:
        os.umask(earlier)
    modes = {str(path.relative_to(root.parent)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert modes.pop("objects/a/b/c") == 0o600
    assert set(modes.values()) == {0o700}
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


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


def test_room_is_known_before_anything_was_kept(storage: LocalStorage, root: Path) -> None:
    assert not root.exists()
    assert storage.free_bytes() > 0


@pytest.fixture
def shared() -> SharedStorage:
    return SharedStorage()


def test_the_shared_storage_is_whatever_was_bound_last(shared: SharedStorage, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not bound"):
        shared.exists("a")
    with pytest.raises(RuntimeError, match="not bound"):
        _ = shared.settings
    shared.bind(StorageSettings.local(tmp_path / "one"))
    with shared.publishing("k/a") as sink:
        sink.write(b"in one")
    with shared.open("k/a") as stream:
        assert stream.read() == b"in one"
    assert shared.size("k/a") == shared.stat("k/a").size == 6
    assert [one.key for one in shared.list_("k/")] == ["k/a"]
    assert (shared.free_bytes() or 0) > 0
    assert shared.sweep_unfinished(LONG_AGO) == 0
    shared.check()
    assert shared.signed_url("k/a", file_name="a.zip", media_type="application/zip", seconds=60) is None
    assert shared.settings == StorageSettings.local(tmp_path / "one")
    shared.bind(StorageSettings.local(tmp_path / "two"))
    assert not shared.exists("k/a")
    shared.bind(StorageSettings.local(tmp_path / "one"))
    shared.delete("k/a")
    assert not shared.exists("k/a")


def test_keys_are_listed_in_order(storage: LocalStorage) -> None:
    for key in reversed(KEYS):
        put(storage, key)
    assert [one.key for one in storage.list_()] == sorted(KEYS)

"""When the disk says no, or the process is killed: real full disks, real kills."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.storage import LocalStorage, StorageFault, StorageFull, StorageUnavailable

PROJECT = Path(__file__).parents[2]

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from app.storage import LocalStorage

with LocalStorage(Path(sys.argv[1])).publishing("exports/a.zip") as sink:
    sink.write(b"x" * 1_000_000)
    if sys.argv[2] == "mid-write":
        os.kill(os.getpid(), signal.SIGKILL)
    sink.settle()
    if sys.argv[2] == "before the rename":
        os.kill(os.getpid(), signal.SIGKILL)
    sink.commit()
    if sys.argv[2] == "after the rename":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("moment", "published"),
    [("mid-write", False), ("before the rename", False), ("after the rename", True)],
)
def test_a_writer_killed_at_any_step_leaves_the_whole_object_or_none(
    tmp_path: Path, moment: str, published: bool
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_AT, str(tmp_path), moment], cwd=PROJECT, check=False)
    assert killed.returncode == -signal.SIGKILL
    storage = LocalStorage(tmp_path)
    assert storage.exists("exports/a.zip") is published
    if published:
        assert storage.size("exports/a.zip") == 1_000_000
    left = 0 if published else 1
    assert storage.sweep_unfinished(datetime.now(UTC) + timedelta(hours=1)) == left
    assert list((tmp_path / ".unfinished").iterdir()) == []


@pytest.fixture
def disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unfinished files open as the kernel's own full device, so each write is really refused with ENOSPC."""
    really_open = os.open

    def opened_on_a_full_disk(path: str | Path, flags: int, mode: int = 0o777) -> int:
        descriptor = really_open(path, flags, mode)
        if flags & os.O_CREAT:
            full = really_open("/dev/full", os.O_WRONLY)
            os.dup2(full, descriptor)
            os.close(full)
        return descriptor

    monkeypatch.setattr(os, "open", opened_on_a_full_disk)


@pytest.mark.usefixtures("disk_is_full")
@pytest.mark.parametrize("size", [10, 3_000_000], ids=["found when settling", "found when writing"])
def test_a_full_disk_is_told_in_words_and_leaves_nothing_behind(tmp_path: Path, size: int) -> None:
    storage = LocalStorage(tmp_path)
    with pytest.raises(StorageFull, match="full") as told, storage.publishing("a") as sink:
        sink.write(b"x" * size)
    assert isinstance(told.value, StorageFault)
    assert isinstance(told.value, Unavailable)
    assert isinstance(told.value.__cause__, OSError)
    assert str(tmp_path) not in str(told.value)
    assert not storage.exists("a")
    assert list((tmp_path / ".unfinished").iterdir()) == []


@pytest.mark.usefixtures("disk_is_full")
def test_a_write_that_failed_cannot_be_published_by_trying_again(tmp_path: Path) -> None:
    """The kernel may have dropped bytes: success at the second try would be a torn object."""
    sink = LocalStorage(tmp_path).publishing("a")
    try:
        with pytest.raises(StorageFull):
            sink.write(b"x" * 3_000_000)
        with pytest.raises(ValueError, match="failed"):
            sink.write(b"x")
        with pytest.raises(ValueError, match="failed"):
            sink.commit()
    finally:
        sink.discard()


@pytest.mark.usefixtures("disk_is_full")
def test_a_full_disk_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(StorageFull):
        LocalStorage(tmp_path).check()


def test_a_spent_quota_is_full_too() -> None:
    from app.storage.errors import faults_in_words

    with pytest.raises(StorageFull), faults_in_words():
        raise OSError(errno.EDQUOT, "Disk quota exceeded")


def test_a_root_that_is_no_folder_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    storage = LocalStorage(tmp_path / "file" / "below")
    for ask in (storage.check, lambda: storage.publishing("a")):
        with pytest.raises(StorageUnavailable, match="try again") as told:
            ask()
        assert str(tmp_path) not in str(told.value)


def test_an_input_output_error_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    storage = LocalStorage(tmp_path)
    with pytest.raises(StorageUnavailable) as told, storage.publishing("a") as sink:
        sink.write(b"x")
    assert isinstance(told.value.__cause__, OSError)
    assert not storage.exists("a")

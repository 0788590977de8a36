"""Run by every Python that the fault tests start: stops it at a place, fails its disk, or plants a fault.

The folder that FAULTS names is how the tests speak with it. ``armed/<place>``: the first process that reaches the place
takes it away, leaving ``reached/<place>.<process id>``, and stands still until ``released/<process id>`` appears.
Only the thread that builds stands still; its heart beats on. ``disk/<name of an error>.<number>``: one call that
touches the storage's folder fails with that error, and takes the file away. PLANTED names a fault of :data:`PLANTS`.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

MID_FRAGMENT = "mid-fragment"


def _visit(place: str) -> None:
    faults = Path(os.environ["FAULTS"])
    try:
        (faults / "armed" / place).rename(faults / "reached" / f"{place}.{os.getpid()}")
    except FileNotFoundError:
        return
    released = faults / "released" / str(os.getpid())
    while True:
        try:
            released.unlink()
        except FileNotFoundError:
            time.sleep(0.01)
        else:
            return


def _watch_the_places(failpoints: Any) -> None:
    failpoints.visit_with(_visit)


def _watch_the_builder(serving: Any) -> None:
    class Watched(serving.FragmentWriter):  # type: ignore[misc]
        def write(self, data: bytes) -> None:
            super().write(data)
            _visit(MID_FRAGMENT)

    serving.FragmentWriter = Watched


def _take_the_fence_away(claims: Any) -> None:
    from sqlalchemy import true

    claims.fenced = lambda _claim: true()


PLANTS: dict[str, tuple[str, Callable[[ModuleType], None]]] = {
    "no fence": ("app.exports.claims", _take_the_fence_away),
}


class _Disk:
    """Calls to the system that touch the storage's folder, each of which may be made to fail."""

    def __init__(self, folder: Path, faults: Path) -> None:
        self._folder, self._faults = str(folder), faults
        self._open, self._write, self._fsync = os.open, os.write, os.fsync

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if isinstance(path, str | Path) and str(path).startswith(self._folder):
            self._perhaps_fail("EIO")
        return self._open(path, flags, mode, dir_fd=dir_fd)

    def write(self, descriptor: int, data: Any) -> int:
        if self._is_ours(descriptor):
            self._perhaps_fail("ENOSPC", "EIO")
        return self._write(descriptor, data)

    def fsync(self, descriptor: Any) -> None:
        if isinstance(descriptor, int) and self._is_ours(descriptor):
            self._perhaps_fail("EIO")
        self._fsync(descriptor)

    def _is_ours(self, descriptor: int) -> bool:
        try:
            return str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(self._folder)
        except OSError:
            return False

    def _perhaps_fail(self, *names: str) -> None:
        for name in names:
            for planned in self._faults.glob(f"{name}.*"):
                try:
                    planned.unlink()
                except FileNotFoundError:
                    continue
                number = getattr(errno, name)
                raise OSError(number, os.strerror(number))


def _let_the_disk_fail() -> None:
    disk = _Disk(Path(os.environ["DATA_DIR"]) / "storage", Path(os.environ["FAULTS"]) / "disk")
    os.open, os.write, os.fsync = disk.open, disk.write, disk.fsync  # type: ignore[assignment]


class _Changed(Loader):
    """Loads a module as ever, then changes it."""

    def __init__(self, loader: Loader, change: Callable[[ModuleType], None]) -> None:
        self._loader, self._change = loader, change

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._change(module)


class _Finder(MetaPathFinder):
    def __init__(self, changes: dict[str, Callable[[ModuleType], None]]) -> None:
        self._changes = changes

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        change = self._changes.get(name)
        spec = PathFinder.find_spec(name, path) if change else None  # type: ignore[arg-type]
        if spec is not None and spec.loader is not None and change is not None:
            spec.loader = _Changed(spec.loader, change)
        return spec


def _changes() -> dict[str, Callable[[ModuleType], None]]:
    found: dict[str, Callable[[ModuleType], None]] = {
        "app.exports.failpoints": _watch_the_places,
        "app.builder.serving": _watch_the_builder,
    }
    if planted := os.environ.get("PLANTED"):
        name, change = PLANTS[planted]
        found[name] = change
    return found


if "FAULTS" in os.environ:
    _let_the_disk_fail()
    sys.meta_path.insert(0, _Finder(_changes()))

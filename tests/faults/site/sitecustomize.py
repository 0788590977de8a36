"""Run by every Python that the fault tests start: stops a builder at a place, or plants a fault.

The folder that FAULTS names is how the tests speak with it. ``armed/<place>``: the first process that reaches the place
takes it away, leaving ``reached/<place>.<process id>``, and stands still until ``released/<process id>`` appears.
Only the thread that builds stands still; its heart beats on. PLANTED names a fault of :data:`PLANTS`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


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


def _take_the_fence_away(claims: Any) -> None:
    from sqlalchemy import true

    claims.fenced = lambda _claim: true()


PLANTS: dict[str, tuple[str, Callable[[ModuleType], None]]] = {
    "no fence": ("app.exports.claims", _take_the_fence_away),
}


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
    found: dict[str, Callable[[ModuleType], None]] = {"app.exports.failpoints": _watch_the_places}
    if planted := os.environ.get("PLANTED"):
        name, change = PLANTS[planted]
        found[name] = change
    return found


if "FAULTS" in os.environ:
    sys.meta_path.insert(0, _Finder(_changes()))

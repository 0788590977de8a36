"""One folder of data and one way to start for all tests of `make run`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.ops.running import Run
from tests.services.tls import free_port

Start = Callable[..., Run]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For all runs (the demonstration data is loaded once), with a name that breaks careless scripts."""
    return tmp_path_factory.mktemp("ops") / "my d'ata 100% ünï"


@pytest.fixture(scope="module")
def start(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """``start()`` is `make run`; nothing of it outlives the module."""
    runs: list[Run] = []
    numbers = count()
    outputs = tmp_path_factory.mktemp("output")

    def make_run(*, port: int | None = None, data: str | None = None) -> Run:
        runs.append(Run(data or str(data_dir), port or free_port(), outputs / f"run-{next(numbers)}"))
        return runs[-1]

    yield make_run
    for run in runs:
        run.clear()


class Portals:
    """Portals over one folder, one at a time. Opening one takes long, so a test may leave its own to the next."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._last: Run | None = None

    def open(self, **how: object) -> Run:
        """Another one, when none is open."""
        self._last = self._start(**how).await_open()
        return self._last

    def outlives(self, kill: Callable[[Run], None]) -> None:
        """Kill a part of the one that is open: no orphan stays, and the next one starts where it was."""
        run = self.any()
        kill(run)
        run.await_end()
        again = self.open(port=run.port)
        assert again.answers()
        assert not Path(run.run_dir).exists()

    def begin(self) -> Run:
        """One that is on its way to be open, the folder being free for it."""
        if self._last and self._last.make.poll() is None:
            self._last.interrupt()
        return self._start()

    def any(self) -> Run:
        """The one that is open, or another one."""
        return self._last if self._last and self._last.make.poll() is None else self.open()


@pytest.fixture(scope="module")
def portals(start: Start) -> Portals:
    return Portals(start)

"""One folder of data and one way to start for all tests of `make run`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.ops.running import Run
from tests.services.tls import free_port


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For all runs (the demonstration data is loaded once), with a name that breaks careless scripts."""
    return tmp_path_factory.mktemp("ops") / "my d'ata 100% ünï"


@pytest.fixture(scope="module")
def start(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Run]]:
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

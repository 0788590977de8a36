"""`make run` leaves no process behind, however it ends, and the next run finds the data."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.ops.running import Run, until

Start = Callable[..., Run]


class Portals:
    """Portals over one folder, one at a time. Opening one takes long, so a test may leave its own to the next."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._last: Run | None = None

    def open(self, **how: object) -> Run:
        """Another one, when none is open."""
        self._last = self._start(**how).await_open()
        return self._last

    def any(self) -> Run:
        """The one that is open, or another one."""
        return self._last if self._last and self._last.make.poll() is None else self.open()


@pytest.fixture(scope="module")
def portals(start: Start) -> Portals:
    return Portals(start)


def rows(data_dir: Path) -> dict[str, int]:
    """How many rows each table holds."""
    address = f"file:{quote(str(data_dir / 'chartroom.sqlite3'))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}


def test_ctrl_c_leaves_no_process_and_the_data(portals: Portals, data_dir: Path) -> None:
    first = portals.any()
    for service in ("supervisor", "web", "worker", "reconciler", "valkey"):
        first.await_service(service)
    assert "Nothing is left running" in first.interrupt()
    assert not Path(first.run_dir).exists()
    before, key = rows(data_dir), (data_dir / "secret-key").read_bytes()
    credentials = (data_dir / "demo-credentials.json").read_bytes()
    # Once more, naming the folder as one does from the checkout.
    again = portals.open(data=os.path.relpath(data_dir))
    again.interrupt()
    assert rows(data_dir) == before
    assert sum(before.values()) > 1000
    assert (data_dir / "secret-key").read_bytes() == key
    assert (data_dir / "demo-credentials.json").read_bytes() == credentials


@pytest.mark.parametrize("killed", [pytest.param("supervisor", marks=pytest.mark.long), "make"])
def test_a_kill_9_leaves_no_orphans_and_the_next_run_starts(killed: str, portals: Portals) -> None:
    run = portals.any()
    os.kill(run.make.pid if killed == "make" else run.await_service(killed), signal.SIGKILL)
    run.await_end()
    again = portals.open(port=run.port)
    assert again.answers()
    assert not Path(run.run_dir).exists()


@pytest.mark.long
def test_a_killed_process_group_leaves_no_orphans_and_the_next_run_starts(portals: Portals) -> None:
    run = portals.any()
    os.killpg(run.make.pid, signal.SIGKILL)
    run.await_end()
    portals.open(port=run.port).interrupt()


def test_a_polite_end_of_make_alone_stops_everything(portals: Portals) -> None:
    run = portals.any()
    run.make.terminate()
    assert "Nothing is left running" in run.await_end()


@pytest.mark.long
def test_a_terminal_that_is_closed_stops_everything(portals: Portals) -> None:
    run = portals.any()
    os.killpg(run.make.pid, signal.SIGHUP)
    run.await_end()


@pytest.mark.long
def test_ctrl_c_before_it_is_open_leaves_nothing_running(start: Start) -> None:
    run = start()
    until(lambda: "Bringing the database" in run.said, "it prepares")
    run.interrupt()
    assert "Chartroom is open" not in run.said


@pytest.mark.long
def test_a_damaged_valkey_log_does_not_keep_the_portal_down(portals: Portals, data_dir: Path) -> None:
    portals.any().interrupt()
    log = next((data_dir / "valkey" / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nthis is no log\r\n" * 3)
    run = portals.open()
    until(lambda: (data_dir / "valkey" / "appendonlydir" / "appendonly.aof.manifest").exists(), "a new log")
    assert (data_dir / "valkey" / "appendonlydir.damaged").is_dir()
    run.interrupt()

"""`make run` leaves no process behind, whatever else ends it: what test_make_run.py does not try already."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.ops.conftest import Portals
from tests.ops.running import until

pytestmark = pytest.mark.long


def test_a_supervisor_that_is_killed_leaves_no_orphans_and_the_next_run_starts(portals: Portals) -> None:
    portals.outlives(lambda run: os.kill(run.await_service("supervisor"), signal.SIGKILL))


def test_a_killed_process_group_leaves_no_orphans_and_the_next_run_starts(portals: Portals) -> None:
    run = portals.any()
    os.killpg(run.make.pid, signal.SIGKILL)
    run.await_end()
    portals.open(port=run.port).interrupt()


def test_a_terminal_that_is_closed_stops_everything(portals: Portals) -> None:
    run = portals.any()
    os.killpg(run.make.pid, signal.SIGHUP)
    run.await_end()


def test_ctrl_c_before_it_is_open_leaves_nothing_running(portals: Portals) -> None:
    run = portals.begin()
    until(lambda: "Bringing the database" in run.said, "it prepares")
    run.interrupt()
    assert "Chartroom is open" not in run.said


def test_a_damaged_valkey_log_does_not_keep_the_portal_down(portals: Portals, data_dir: Path) -> None:
    portals.any().interrupt()
    log = next((data_dir / "valkey" / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nthis is no log\r\n" * 3)
    run = portals.open()
    until(lambda: (data_dir / "valkey" / "appendonlydir" / "appendonly.aof.manifest").exists(), "a new log")
    assert (data_dir / "valkey" / "appendonlydir.damaged").is_dir()
    run.interrupt()

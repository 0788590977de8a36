"""`make run` starts everything, says where it is, keeps it alive, and leaves nothing behind: a portal's whole life."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.ops.conftest import Portals, Start
from tests.ops.running import Run, until


@pytest.fixture
def running(portals: Portals) -> Run:
    """A portal that is open."""
    return portals.any()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rows(data_dir: Path) -> dict[str, int]:
    """How many rows each table holds."""
    address = f"file:{quote(str(data_dir / 'chartroom.sqlite3'))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}


def files(folder: Path) -> set[Path]:
    """What is in a folder; but what a worker has begun to write comes and goes while the portal runs."""
    found = {path for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if "storage" not in path.relative_to(folder).parts}


def test_it_says_where_the_portal_is_and_how_to_sign_in(running: Run, data_dir: Path) -> None:
    assert running.answers()
    kept = json.loads((data_dir / "demo-credentials.json").read_text())
    assert f"http://127.0.0.1:{running.port}" in running.said
    assert kept["tenant"] in running.said
    assert {"clinician", "analyst", "administrator"} <= {user["role"] for user in kept["users"]}
    for user in kept["users"]:
        assert user["email"] in running.said
        assert user["password"] in running.said


def test_what_is_secret_is_readable_by_its_owner_alone(running: Run, data_dir: Path) -> None:
    assert running.answers()
    assert mode(data_dir / "demo-credentials.json") == 0o600
    assert mode(data_dir / "secret-key") == 0o600
    assert mode(data_dir) == 0o700


def test_a_busy_port_is_refused_in_words_and_changes_nothing(running: Run, start: Start, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other data"
    refused = start(port=running.port, data=str(elsewhere))
    said = refused.await_end()
    assert refused.make.returncode != 0
    assert f"port {running.port} is already in use" in said
    assert not elsewhere.exists()
    assert running.answers()


def test_data_that_is_being_served_is_refused_to_a_second_portal(running: Run, start: Start, data_dir: Path) -> None:
    before = files(data_dir)
    refused = start()
    said = refused.await_end()
    assert refused.make.returncode != 0
    assert "another portal is running on the data" in said
    assert files(data_dir) == before
    assert running.answers()


@pytest.mark.parametrize("service", ["valkey", "web", "worker", "reconciler"])
def test_whatever_dies_is_started_again(service: str, running: Run) -> None:
    dead = running.await_service(service)
    os.kill(dead, signal.SIGKILL)
    running.await_service(service, other_than=dead)
    until(running.answers, "the portal answers again")


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


@pytest.mark.long
def test_a_kill_9_leaves_no_orphans_and_the_next_run_starts(portals: Portals) -> None:
    portals.outlives(lambda run: os.kill(run.make.pid, signal.SIGKILL))


def test_a_polite_end_of_make_alone_stops_everything(portals: Portals) -> None:
    run = portals.any()
    run.make.terminate()
    assert "Nothing is left running" in run.await_end()

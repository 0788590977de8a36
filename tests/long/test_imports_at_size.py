"""A million rows, and a gigabyte, on their way in: all of it is taken, and memory does not grow with the file.

How long it took is said (``pytest -s``): the promise is a million rows in under half a minute on SQLite.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from config import Config
from tests.factories import World

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]
MILLION = 1_000_000
GIGABYTE = 1_000_000_000
MOST_MEGABYTES = 500
"""Of the process at its peak: libraries, one block of the file, one step of values."""

CHILD = """
import io, json, sys, time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from app import create_app, imports
from app.accounts import actor_for_user
from app.extensions import db
from tests.conftest import config_for

class Rows(io.RawIOBase):
    '''A table that is written while it is read: a row for each second.'''

    def __init__(self, least):
        self.least, self.number, self.size, self.left = least, 0, 0, b"time,cd4,cd8\\n"

    def read(self, size=-1):
        while len(self.left) < size and self.more():
            start = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=self.number)
            self.left += "".join(
                f"{(start + timedelta(seconds=n)).isoformat()},{(self.number + n) % 997}.5,{n}\\n" for n in range(5000)
            ).encode()
            self.number += 5000
        given, self.left = self.left[:size], self.left[size:]
        self.size += len(given)
        return given

    def more(self):
        rows, size = self.least
        return self.number < rows or self.size + len(self.left) < size

def peak():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))) // 1024

asked = json.loads(sys.stdin.read())
app = create_app(replace(
    config_for(Path(asked["folder"])), max_upload_bytes=3_000_000_000, lease_seconds=60.0, beat_seconds=15.0,
    give_up_seconds=45.0,
))
told = {}
with app.app_context():
    actor, rows = actor_for_user(UUID(asked["user"])), Rows(asked["least"])
    import_id = imports.receive_file(actor, UUID(asked["device"]), "large.csv", rows, None).id
    columns = imports.Columns(time=0, time_kind="iso", metrics={1: "cd4", 2: "cd8"})
    for step in asked["steps"]:
        begun = time.monotonic()
        if step == "check":
            imports.request_check(actor, import_id, imports.Writing(), columns)
        else:
            imports.request_load(actor, import_id)
        imports.work_until_idle()
        told[step] = round(time.monotonic() - begun, 1)
    found = imports.get_import(actor, import_id)
    db.session.refresh(found)
    result = imports.result_of(found)
    told |= {"state": found.state, "rows": rows.number, "bytes": rows.size, "values": result.values,
             "refused": result.refused, "added": found.added, "peak": peak()}
print(json.dumps(told))
"""


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(app: Flask, world: World, config: Config) -> Run:
    """``run(rows, size, "check", "load")``: in a process of its own, a file of at least so many rows and bytes."""

    def start(rows: int, size: int, *steps: str) -> dict[str, Any]:
        with app.app_context():
            device = world.device(key="LARGE-1").id
            # The database is the child's from now on.
            db.session.remove()
            db.engine.dispose()
        asked = {
            "folder": str(config.data_dir), "user": str(world.users["alice"].id), "device": str(device),
            "least": [rows, size], "steps": steps,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", CHILD], input=json.dumps(asked), capture_output=True, text=True, cwd=PROJECT,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        sys.stdout.write(f"\n{told}\n")
        return told

    return start


def test_a_million_rows_are_loaded_whole(run: Run) -> None:
    told = run(MILLION, 0, "check", "load")
    assert (told["state"], told["refused"], told["added"]) == ("done", 0, 2 * MILLION)
    assert told["peak"] < MOST_MEGABYTES


def test_a_gigabyte_is_looked_at_in_flat_memory(run: Run) -> None:
    told = run(0, GIGABYTE, "check")
    assert (told["state"], told["refused"], told["values"]) == ("checked", 0, 2 * told["rows"])
    assert told["bytes"] >= GIGABYTE
    assert told["peak"] < MOST_MEGABYTES

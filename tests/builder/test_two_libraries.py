"""Python's SQLite and ADBC's never meet in one process: on one file each would drop the locks of the other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from app import exports
from app.exports import ReportParams, failpoints
from app.exports.builders import kept_builder
from tests.builder.children import ROOT, run
from tests.builder.maps import meet, sqlite_libraries
from tests.exports.test_life import LONG_AGO
from tests.factories import World


def test_in_the_middle_of_an_export_the_builder_has_adbcs_alone_and_its_parent_pythons_alone(domain: World) -> None:
    domain.many_patients(30)
    seen: list[tuple[set[str], set[str]]] = []

    def look(place: str) -> None:
        if place in (failpoints.MID_PART, failpoints.BEFORE_STAGING):
            child = kept_builder.here().pid
            assert child is not None
            seen.append((sqlite_libraries(child), sqlite_libraries(os.getpid())))

    failpoints.visit_with(look)
    try:
        params = ReportParams(("patient",), start=LONG_AGO)
        exports.request_export(domain.actor("alice"), "report", params, request_key=str(uuid4()))
        exports.work_until_idle("test")
    finally:
        failpoints.visit_with(None)
    assert len(seen) > 2
    assert set(map(repr, seen)) == {repr(({"adbc"}, {"python"}))}


WEB = """
import os, shutil, sys
from pathlib import Path
from tests.conftest import config_for
from app import create_app, exports
from app.exports import ReportParams
from app.extensions import db
from app.models import User
from app.accounts import actor_for_user
from tests.builder.maps import sqlite_libraries
from tests.exports.test_life import LONG_AGO
from tests.exports.timeseries import ALWAYS

app = create_app(config_for(Path(sys.argv[1])))
with app.app_context():
    actor = actor_for_user(db.session.scalars(db.select(User).filter_by(email="alice@example.org")).one().id)
    for form in ("json", "csv", "parquet"):
        exports.preview_report(actor, ReportParams(("patient", "measurements"), start=LONG_AGO, format=form))
    exports.preview_data_export(actor, ALWAYS)
print(sorted(sqlite_libraries(os.getpid())), "pyarrow" in sys.modules)
"""


def test_a_process_that_serves_previews_has_pythons_alone(domain: World, config: object) -> None:
    domain.device()
    domain.patient()
    told = run(WEB, str(config.data_dir))  # type: ignore[attr-defined]
    assert told.stdout.splitlines()[-1] == "['python'] True"


def test_a_process_that_loads_both_is_found() -> None:
    code = """
import sqlite3, sys
import adbc_driver_sqlite.dbapi as adbc
adbc.connect().close()
sqlite3.connect(":memory:").close()
print("ready", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as planted:
        assert planted.stdout is not None
        assert planted.stdout.readline() == b"ready\n"
        assert sqlite_libraries(planted.pid) == {"python", "adbc"}
        assert meet(planted.pid)
        assert planted.stdin is not None
        planted.stdin.close()


@pytest.mark.parametrize(
    ("imports", "libraries"),
    [
        ("import sqlite3", {"python"}),
        ("import adbc_driver_sqlite.dbapi as adbc; adbc.connect().close()", {"adbc"}),
        ("", set()),
    ],
)
def test_each_library_alone_is_told_apart(imports: str, libraries: set[str]) -> None:
    code = f"""
import os
from tests.builder.maps import sqlite_libraries
{imports}
print(sorted(sqlite_libraries(os.getpid())))
"""
    assert run(code).stdout.strip() == repr(sorted(libraries))


# One process, one file: Python's library writes, ADBC's opens the file, reads and closes it again, and with that drops
# every lock that this process holds on the file (POSIX: closing any descriptor of a file ends all of them). A second
# process writes too, and may now write while the first one still does.
RACE = """
import sqlite3, sys, threading, time
path, name, seconds, both = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "both"
stop = time.monotonic() + seconds
if both:
    import adbc_driver_sqlite.dbapi as adbc
    def meddle():
        while time.monotonic() < stop:
            try:
                with adbc.connect("file:" + path) as other, other.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM kept")
                    cursor.fetchall()
            except Exception:
                pass
    for _ in range(2):
        threading.Thread(target=meddle, daemon=True).start()
mine = sqlite3.connect(path, timeout=10, isolation_level=None)
committed = 0
while time.monotonic() < stop:
    try:
        mine.execute("BEGIN IMMEDIATE")
        for at in range(5):
            mine.execute("INSERT INTO kept VALUES (?, ?, ?)", (name, committed, at))
        mine.execute("COMMIT")
        committed += 1
    except sqlite3.Error as fault:
        print("fault", fault, file=sys.stderr)
        try:
            mine.execute("ROLLBACK")
        except sqlite3.Error:
            pass
print(committed, flush=True)
"""
AFTERWARDS = """
import sqlite3, sys
kept = sqlite3.connect(sys.argv[1])
try:
    found = dict(kept.execute("SELECT name, count(*) / 5.0 FROM kept GROUP BY name"))
    print(found.get("a", 0), found.get("b", 0), kept.execute("PRAGMA integrity_check").fetchone()[0])
except sqlite3.DatabaseError as fault:
    print(0, 0, fault)
"""
ROUND_SECONDS, ROUNDS = 4, 13


def race(path: Path, how: str) -> tuple[int, float, str]:
    """One round of two writing processes: transactions committed, transactions found again, and what SQLite says."""
    run("import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode=' + sys.argv[2]);"
        "c.execute('CREATE TABLE kept (name, number, at)'); c.commit(); c.close()", str(path), "WAL")  # fmt: skip
    told: list[subprocess.CompletedProcess[str]] = []
    writers = [
        threading.Thread(
            target=lambda name=name: told.append(run(RACE, str(path), name, str(ROUND_SECONDS), how, check=False))
        )
        for name in "ab"
    ]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    committed = sum(int(one.stdout.strip() or 0) for one in told)
    first, second, said = run(AFTERWARDS, str(path)).stdout.strip().split(" ", 2)
    return committed, float(first) + float(second), said


def is_whole(outcome: tuple[int, float, str]) -> bool:
    committed, found, said = outcome
    return said == "ok" and found >= committed


@pytest.mark.long
def test_the_race_that_all_this_prevents_loses_committed_rows(tmp_path: Path) -> None:
    assert is_whole(race(tmp_path / "alone.sqlite3", "alone"))
    outcomes = []
    for number in range(ROUNDS):
        outcomes.append(race(tmp_path / f"both-{number}.sqlite3", "both"))
        if not is_whole(outcomes[-1]):
            return
    pytest.skip(f"no loss was seen on this machine in {ROUNDS} rounds of {ROUND_SECONDS} s: {outcomes}")

"""The bench works at a tiny size, refuses ratios where contents differ, and leaves nothing running."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from bench import content
from bench.turns import Compared, Peer, Turn, take_turns

ROOT = Path(__file__).parents[2]
TINY = ("--values", "6000", "--entities", "300", "--devices", "4", "--pairs", "1")
PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """Where the data of this file's runs is kept; PostgreSQL's own user must be able to enter."""
    with TemporaryDirectory(prefix="chartroom-bench-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def command(cache: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench", *TINY, "--cache", str(cache), *arguments]


def run(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BENCH_SMALL_RUNS": "1", "BENCH_SAMPLE": "2"}
    return subprocess.run(
        command(cache, *arguments), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def rows_of(report: str, peer: str) -> list[list[str]]:
    """The cells of the peer's lines in the tables of turns."""
    lines = [line.replace("\\|", "/") for line in report.splitlines()]
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in tables if row[0].startswith(peer) and len(row) == 9]


def alive(cache: Path) -> list[str]:
    """The command lines of living processes that name the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if str(cache) in said:
            found.append(said)
    return found


@pytest.mark.long
def test_it_compares_on_sqlite_and_writes_its_report(cache: Path, tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    only = [part for name in ("wide", "patients", "memory") for part in ("--only", name)]
    done = run(cache, "--database", "sqlite", "--results", str(results), *only)
    assert done.returncode == 0, done.stderr
    report = results.read_text()
    for peer in ("sqlite3 / gzip -1", "sqlite3, epoch", "DuckDB", "pandas", "ORM + csv", "ORM + json"):
        assert rows_of(report, peer), f"{peer} is missing in\n{report}"
    assert all(row[4].endswith("×") for row in rows_of(report, "sqlite3 / gzip -1"))
    assert "builder's memory, entities as NDJSON, sqlite" in report
    assert str(ROOT) not in report
    assert os.uname().nodename not in report
    assert alive(cache) == []


@pytest.mark.long
def test_it_compares_on_postgresql(cache: Path) -> None:
    only = [part for name in ("long", "parquet", "month", "launch") for part in ("--only", name)]
    done = run(cache, "--database", "postgresql", *only)
    assert done.returncode == 0, done.stderr
    for peer in ("psql COPY / gzip -1", "psql COPY, AT TIME ZONE", "DuckDB COPY to parquet", "ORM + csv"):
        assert all(row[4].endswith("×") for row in rows_of(done.stdout, peer))
        assert rows_of(done.stdout, peer), f"{peer} is missing in\n{done.stdout}"
    assert "launch to link, ten patients, postgresql" in done.stdout


@pytest.mark.long
def test_there_is_no_ratio_where_a_peers_content_differs(cache: Path) -> None:
    only = ("--only", "long", "--only", "patients")
    done = run(cache, "--database", "sqlite", "--planted-fault", *only)
    assert done.returncode == 1, done.stderr
    rows = rows_of(done.stdout, "sqlite3") + rows_of(done.stdout, "ORM")
    assert len(rows) >= 5
    assert all(row[2].startswith("no ratio, the contents differ") for row in rows)
    assert "×" not in "".join(cell for row in rows for cell in row)
    assert "×," not in done.stderr
    assert "**no figure**" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_it_compares_exports_of_releases_and_times_releasing_and_diffs(cache: Path, database: str) -> None:
    done = run(cache, "--database", database, "--concepts", "500", "--only", "terminology")
    assert done.returncode == 0, done.stderr
    client = {"sqlite": "sqlite3", "postgresql": "psql COPY"}[database]
    rows = rows_of(done.stdout, f"{client} / gzip -1")
    assert len(rows) == 2
    assert all(row[4].endswith("×") for row in rows)
    for bar in ("500 concepts", "builder's memory, terminology", "releasing 500 concepts", "diff of two releases"):
        assert bar in done.stdout, done.stdout
    again = run(cache, "--database", database, "--concepts", "500", "--only", "terminology", "--planted-fault")
    assert again.returncode == 1
    assert "making" not in again.stderr
    assert all(row[2].startswith("no ratio") for row in rows_of(again.stdout, client))


@pytest.mark.long
def test_a_second_run_reuses_the_data(cache: Path) -> None:
    assert run(cache, "--database", "sqlite", "--prepare").returncode == 0
    [kept] = cache.glob("*/sqlite/chartroom.sqlite3")
    before = kept.stat().st_ino
    again = run(cache, "--database", "sqlite", "--prepare")
    assert again.returncode == 0
    assert "made in" not in again.stdout
    assert kept.stat().st_ino == before


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_goes_on_when_it_is_interrupted(cache: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        command(cache, "--database", "sqlite", "--only", "wide"),
        cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as bench:  # fmt: skip
        assert bench.stderr is not None
        begun = next(line for line in bench.stderr if "ours" in line)
        assert begun
        assert alive(cache)
        bench.send_signal(how)
        bench.stderr.close()
        assert bench.wait(PATIENCE_SECONDS) != 0
    give_up = time.monotonic() + PATIENCE_SECONDS
    while left := alive(cache):
        assert time.monotonic() < give_up, left
        time.sleep(0.05)


TIMES = np.array([1_704_067_200_123, 1_704_067_260_123])
NUMBERS = np.array([[1.5, np.nan], [2.0, 3.25]])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ((TIMES, NUMBERS), None),
        ((TIMES[::-1], NUMBERS), "another order"),
        ((TIMES[:1], NUMBERS[:1]), "2 and 1 rows"),
        ((TIMES, np.array([[1.5, 0.0], [2.0, 3.25]])), "other values"),
        ((TIMES, np.array([[1.5, np.nan], [2.0, 3.250001]])), "other values"),
    ],
)
def test_a_different_content_is_told_apart(other: content.Table, words: str | None) -> None:
    found = content.difference({"MON-1": (TIMES, NUMBERS)}, {"MON-1": other})
    assert found is None if words is None else words in (found or "")


def test_a_missing_device_is_a_different_content() -> None:
    assert "1 devices" in (content.difference({"MON-1": (TIMES, NUMBERS)}, {}) or "")


def test_lines_are_compared_as_json_in_their_order() -> None:
    ours = [b'{"a":1,"b":2.0}', b'{"a":2}']
    assert content.difference_of_lines(ours, [b'{"b": 2.0, "a": 1}', b'{"a":2}']) is None
    assert content.difference_of_lines(ours, ours[::-1]) == "line 1 differs"
    assert content.difference_of_lines(ours, ours[:1]) == "one of them ends after 1 lines"


def test_every_way_of_writing_an_instant_is_read(tmp_path: Path) -> None:
    written = (b"2024-01-01T00:00:00.120Z", b"2024-01-01 00:00:00.12", b"1704067200120")
    for text in written:
        path = tmp_path / "peer.gz"
        path.write_bytes(gzip.compress(b"MON-1," + text + b",1.5,\n"))
        times, numbers = content.wide_of_stream(path, ["one", "two"])["MON-1"]
        assert times.tolist() == [1_704_067_200_120]
        assert np.array_equal(numbers, [[1.5, np.nan]], equal_nan=True)


def test_a_ratio_is_the_median_of_neighbours_and_a_sample_stands_for_the_whole(tmp_path: Path) -> None:
    seconds = iter([9.0, 4.0, 1.0, 3.0])
    peer = Peer("sampled", False, lambda _: Turn(next(seconds), 1.0, 10, share=0.5), lambda _: None)
    [compared] = take_turns(lambda: Turn(2.0, 1.0, 10), [peer], 3, tmp_path, lambda _: None)
    assert compared.ratios == [4.0, 1.0, 3.0]
    assert compared.ratio == 3.0


def test_an_output_that_cannot_be_read_has_no_ratio(tmp_path: Path) -> None:
    def unreadable(_folder: Path) -> str | None:
        raise ValueError("not a number")

    peer = Peer("broken", True, lambda _: Turn(1.0, 1.0, 10), unreadable)
    [compared] = take_turns(lambda: Turn(2.0, 1.0, 10), [peer], 3, tmp_path, lambda _: None)
    assert compared.theirs == []
    with pytest.raises(ValueError, match="no ratio: it cannot be read"):
        _ = compared.ratio


def test_a_refused_comparison_gives_no_ratio() -> None:
    with pytest.raises(ValueError, match="no ratio"):
        _ = Compared(Peer("x", True, lambda _: Turn(1, 1, 1), lambda _: None), refused="they differ").ratios

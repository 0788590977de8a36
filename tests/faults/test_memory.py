"""What a worker takes of memory does not grow with the export."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.processes import ROOT


def measured(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "bench/memory.py", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.long
def test_a_worker_exports_two_hundred_thousand_entities_in_under_200_megabytes() -> None:
    said = measured()
    assert said.returncode == 0, said.stdout + said.stderr
    assert "200,000 entities" in said.stdout


@pytest.mark.long
def test_the_measurement_says_so_when_a_worker_takes_more_than_the_limit() -> None:
    said = measured("--entities", "1000", "--limit", "20")
    assert said.returncode == 1, said.stdout + said.stderr
    assert "the limit is 20 MiB" in said.stdout

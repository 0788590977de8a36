"""docs/security.md names tests that there are, and says of each row how and where, or that it is not met."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROW = re.compile(r"(\d+\.\d+(?:\.\d+)?)(?: \(L3\))?")


def rows_of(title: str) -> list[list[str]]:
    """The cells of the table below a heading, without those of its own heading."""
    part = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return lines[1:]


def test_every_test_that_is_named_is_there_and_holds_tests() -> None:
    named = set(re.findall(r"tests/[\w/]+\.py", PAGE))
    assert len(named) > 40
    for path in named:
        assert re.search(r"^def test_", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), path


def test_each_row_says_how_it_is_met_and_by_which_test_or_what_is_missing() -> None:
    seen: list[str] = []
    for numbers, how, tests in rows_of("Rows"):
        assert how.endswith(".")
        assert re.fullmatch(r"tests/[\w/]+\.py(, tests/[\w/]+\.py)*", tests), numbers
        seen += ROW.findall(numbers)
    missing = [(number, what) for numbers, what in rows_of("Not met") for number in ROW.findall(numbers)]
    assert all(len(what) > 30 for _, what in missing)
    everything = seen + [number for number, _ in missing]
    assert len(everything) == len(set(everything)), "a row is told twice"
    assert len(seen) > 70

"""``python -m bench``: make the data, take the turns, write the report. See docs/performance.md."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from bench.data import at_hand
from bench.report import report
from bench.results import Results
from bench.runs import SECTIONS, Runs
from bench.sizes import Asked, ask
from tests.services.valkey import running_valkey


def main() -> int:
    """Run what was asked for. Answers 1 when contents differ, so that a ratio is missing; a missed bar is no fault."""
    # In good order: what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, _leave)
    asked = ask()
    if unknown := set(asked.only) - set(SECTIONS):
        sys.exit(f"There is no section {sorted(unknown)[0]}; there are {', '.join(SECTIONS)}.")
    results = Results()
    for name in asked.databases:
        _run(name, asked, results)
    if asked.prepare_only:
        return 0
    written = report(results, asked.sizes)
    print(written)
    if asked.results is not None:
        asked.results.write_text(written, encoding="utf-8")
    return 1 if any(one.refused for section in results.sections for one in section.compared) else 0


def _run(name: str, asked: Asked, results: Results) -> None:
    with (
        running_valkey() as valkey,
        at_hand(name, asked.sizes, asked.cache, valkey.url) as kept,
        tempfile.TemporaryDirectory(prefix="chartroom-bench-", dir=asked.cache) as folder,
    ):
        if asked.prepare_only:
            return
        runs = Runs(kept, asked.sizes, Path(folder), results, _tell, planted=asked.planted)
        runs.run(asked.only or SECTIONS)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)

"""Python processes that never saw ``sqlite3``, in which a test reads through ADBC as a builder does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

READ = """
import json, sys
from app.rows.blocks import joined
from app.rows.source import Range, SourceFault, open_source

source = open_source(json.loads(sys.stdin.readline()))
for line in sys.stdin:
    kind, given = json.loads(line)
    try:
        if kind == "cells":
            told = {"cells": source.cells(given).decode()}
        elif kind == "documents":
            found = source.documents(given)
            told = {"documents": [found.count, bytes(found.text).decode()]}
        else:
            wanted = Range(tuple(given[0]), tuple(given[1]), *given[2:])
            if kind == "grids":
                times, columns = joined(source.grids(wanted), wanted.metrics)
                told = {"grids": [times.tolist(), *(list(map(float.hex, one.tolist())) for one in columns)]}
            else:
                found = source.values(wanted)
                told = {"values": [found.series.tolist(), found.times.tolist(), found.metrics.tolist(),
                                   list(map(float.hex, found.values.tolist()))]}
    except SourceFault as fault:
        told = {"fault": str(fault)}
    print(json.dumps(told), flush=True)
assert sys.modules.get("sqlite3") is None, "this process saw sqlite3"
source.close()
"""


def run(code: str, *arguments: str, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh Python at the root of the house."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], input=given, capture_output=True, text=True, cwd=ROOT, check=check
    )


def ask(url: str, *questions: tuple[str, Any]) -> list[dict[str, Any]]:
    """Put questions to a builder's source.

    ``("cells", statement)``, or ``documents`` with one; ``("values", [series, metrics, from, to, revision])``, or
    ``grids`` with the same, which tells the times and then a column for each metric. Values come as hexadecimal text.
    """
    told = run(READ, given="".join(json.dumps(one) + "\n" for one in (url, *questions)), check=False)
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


class Reader:
    """A process that stays, for many questions one after the other; see :func:`ask`."""

    def __init__(self, url: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", READ], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._say(url)

    def ask(self, *questions: tuple[str, Any]) -> list[dict[str, Any]]:
        assert self._child.stdout is not None
        told = []
        for question in questions:
            self._say(question)
            told.append(json.loads(self._child.stdout.readline()))
        return told

    def close(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        assert self._child.wait(30) == 0
        assert self._child.stdout is not None
        self._child.stdout.close()

    def _say(self, line: Any) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(line) + "\n")
        self._child.stdin.flush()

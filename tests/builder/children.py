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
from dataclasses import asdict
from app.rows.source import Range, SourceFault, open_source

asked = json.load(sys.stdin)
source = open_source(asked["url"])
for kind, given in asked["questions"]:
    try:
        if kind == "cells":
            told = {"cells": source.cells(given).decode()}
        else:
            found = source.values(Range(tuple(given[0]), tuple(given[1]), *given[2:]))
            told = {"values": [list(map(float.hex, found.values.tolist())) if name == "values" else
                               getattr(found, name).tolist() for name in ("series", "times", "metrics", "values")]}
    except SourceFault as fault:
        told = {"fault": str(fault)}
    print(json.dumps(told))
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

    ``("cells", statement)`` or ``("values", [series, metrics, from, to, revision])``; values come as hexadecimal text.
    """
    told = run(READ, given=json.dumps({"url": url, "questions": questions}), check=False)
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]

"""Where the numbers come from: the machine in general words, and the versions of what took part."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

LIBRARIES = ("pyarrow", "numpy", "isal", "psycopg", "adbc-driver-sqlite", "SQLAlchemy", "duckdb", "pandas", "rq")


def described() -> list[str]:
    """Lines about the machine; no name of it, no path."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{len(os.sched_getaffinity(0))} cores ({_processor()}), {memory:.0f} GiB of memory, {platform.system()}",
        f"PostgreSQL {_said('psql', '--version')} (shared_buffers 1 GB, fsync on, Unix socket, monthly partitions), "
        f"SQLite {_said('sqlite3', '--version')} (command line), Python {platform.python_version()}",
        f"{_said('gzip', '--version')} for gzip, {_said('igzip', '--version') or 'no'} igzip",
        ", ".join(f"{name} {version}" for name in LIBRARIES if (version := _version(name))),
    ]


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return re.sub(r"\s*@.*$", "", found[1]) if found else platform.machine()


def _said(program: str, option: str) -> str:
    try:
        told = subprocess.run([program, option], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?", told.stdout + told.stderr)
    return found[0] if found else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""

"""Which SQLite libraries a live process has loaded, by what the kernel says of its memory."""

from __future__ import annotations

from pathlib import Path

OURS = "_sqlite3."
"""Python's own module; the library proper may be inside it or beside it."""
ADBC = "libadbc_driver_sqlite"


def sqlite_libraries(pid: int) -> set[str]:
    """``python`` and ``adbc``: those of the two that the process has in its memory."""
    files = {Path(line.split(maxsplit=5)[5]).name for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
             if len(line.split(maxsplit=5)) == 6}  # fmt: skip
    found = set()
    if any(name.startswith((OURS, "libsqlite3.so")) for name in files):
        found.add("python")
    if any(name.startswith(ADBC) for name in files):
        found.add("adbc")
    return found


def meet(pid: int) -> bool:
    """Whether two SQLite libraries meet in a process: each would drop the other's locks."""
    return len(sqlite_libraries(pid)) > 1

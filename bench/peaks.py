"""How large a builder grows: its peak (VmHWM) beyond what its imports alone take."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench.servers import ROOT
from bench.turns import descendants, is_builder

# Every module that a builder of this database could import, and the process's peak once it has.
IMPORTS = """
import importlib, pkgutil, sys
import app.builder
for found in pkgutil.iter_modules(app.builder.__path__, "app.builder."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
importlib.import_module(sys.argv[1])
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(line.split()[1])
"""


@dataclass(slots=True)
class Watch:
    """Remembers the peaks of every builder below some workers; a peak only rises, so many looks find its end."""

    workers: list[int]
    builders: dict[int, int] = field(default_factory=dict)

    def look(self) -> None:
        for worker in self.workers:
            for pid in descendants(worker):
                if pid in self.builders or is_builder(pid):
                    self.builders[pid] = max(self.builders.get(pid, 0), peak_of(pid))

    @property
    def highest(self) -> float:
        """The peak of the largest builder, in MB.

        :raises RuntimeError: no builder was seen
        """
        if not self.builders:
            raise RuntimeError("no builder was seen: exports are not built by one, or it came and went too quickly")
        return max(self.builders.values()) * 1024 / 1e6


def peak_of_imports(on_postgresql: bool) -> float:
    """The peak in MB of a process that has imported all that a builder may, and done nothing."""
    room = "app.rows.postgresql" if on_postgresql else "app.rows.sqlite"
    told = subprocess.run([sys.executable, "-c", IMPORTS, room], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(told.stdout) * 1024 / 1e6


def peak_of(pid: int) -> int:
    """A process's peak in KiB; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)

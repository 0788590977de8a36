"""The command lines: psql or sqlite3, and gzip behind it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.data import Kept
from bench.turns import Turn, children_cpu, tree_cpu


def typed(kept: Kept, statements: Sequence[str], mode: str, packer: str) -> Callable[[Path], Turn]:
    """Runs the statements by the database's own command line and packs what it prints.

    :param mode: ``csv``, or ``text`` for ready lines
    :param packer: ``gzip -1`` or ``igzip -1``
    """

    def run(folder: Path) -> Turn:
        script, output = folder / "peer.sql", folder / "peer.gz"
        script.write_text(_script(kept, statements, mode))
        if kept.cluster:
            reader = f"psql --quiet --no-psqlrc {shlex.quote(kept.cluster.conninfo)} --file {shlex.quote(str(script))}"
        else:
            form = "-csv" if mode == "csv" else "-list"
            reader = f"sqlite3 -readonly {form} {shlex.quote(str(kept.sqlite_file))} < {shlex.quote(str(script))}"
        line = f"set -o pipefail; {reader} | {packer} > {shlex.quote(str(output))}"
        return timed(kept, ["bash", "-c", line], output)

    return run


def _script(kept: Kept, statements: Sequence[str], mode: str) -> str:
    if not kept.cluster:
        return "".join(f"{one};\n" for one in statements)
    form = " (FORMAT csv)" if mode == "csv" else ""
    return "".join(f"COPY ({one}) TO STDOUT{form};\n" for one in statements)


def timed(kept: Kept, command: Sequence[str], output: Path) -> Turn:
    """Run a command to its end; whatever it started goes with it when we are interrupted.

    :raises RuntimeError: it fails; carries what it said
    """
    server = [kept.cluster.pid] if kept.cluster else []
    cpu = children_cpu() + tree_cpu(*server)
    began = time.monotonic()
    child = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        _, said = child.communicate()
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    seconds = time.monotonic() - began
    if child.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{said.decode(errors='replace')[-2000:]}")
    return Turn(seconds, children_cpu() + tree_cpu(*server) - cpu, output.stat().st_size)

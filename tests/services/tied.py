"""Real programs as children of the tests, none of which outlives them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PREFIX = "chartroom-test-"
STOP_SECONDS = 20


def start(
    command: Sequence[str | Path],
    *,
    log: IO[bytes],
    death_signal: str = "KILL",
    user: str | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that the kernel ends when the tests end in whatever way, kill -9 included.

    :param death_signal: what it gets then, without SIG
    :param user: whom to become; needs root. None: stay who we are
    """
    become = becoming(user) if user else []
    tied = ["setpriv", *become, "--pdeathsig", death_signal, "--", *map(str, command)]
    # A session of its own: Ctrl-C in the terminal is for pytest, which then stops us in good order.
    return subprocess.Popen(tied, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, start_new_session=True)


def becoming(user: str) -> list[str]:
    """The options by which setpriv becomes a user, with that user's groups alone."""
    return ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--init-groups"]


def stop(child: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """Stop a child and see it gone; it is killed when it does not obey within STOP_SECONDS."""
    if child.poll() is None:
        child.send_signal(how)
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(STOP_SECONDS)


@contextmanager
def short_directory(name: str, *, owner: str | None = None) -> Iterator[Path]:
    """A directory with a short path (a socket's is under 108 bytes), removed at the end.

    Those of test runs that were killed are removed too, by the process id in their names.
    """
    root = Path("/tmp")  # noqa: S108  mkdtemp makes it ours, and TMPDIR may be long
    _sweep(root)
    made = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-{name}-", dir=root))
    try:
        if owner:
            shutil.chown(made, owner)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sweep(root: Path) -> None:
    for left in root.glob(f"{PREFIX}*"):
        pid = left.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)

"""The worker's face: what the bell's dotted name leads to. One call into the domain."""

from __future__ import annotations

import ctypes
import os
import signal
import socket

from flask import Flask

from app import exports, imports
from app.models.transactions import fresh_connections

_PR_SET_PDEATHSIG = 1
_app: Flask | None = None
_parent: int = 0


def bind(app: Flask) -> None:
    """Let the jobs of this worker, and of the processes that it forks for them, run in an application."""
    global _app, _parent
    _app, _parent = app, os.getpid()


def work_on_exports() -> int:
    """Answer the bell: do parts of exports until nothing is left to claim. Returns how many parts were done."""
    if _app is None:
        raise RuntimeError("the worker's face is not bound to an application")
    die_with_parent()
    with _app.app_context(), fresh_connections():
        return exports.work_until_idle(f"{socket.gethostname()}/{os.getpid()}")


def work_on_imports() -> int:
    """Answer the bell for measurements in files: until none waits. Returns how many were brought to their end."""
    if _app is None:
        raise RuntimeError("the worker's face is not bound to an application")
    die_with_parent()
    with _app.app_context(), fresh_connections():
        return imports.work_until_idle()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies: a killed worker must not leave a builder behind."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getpid() != _parent and os.getppid() != _parent:
        os._exit(0)  # it died before the kernel was told

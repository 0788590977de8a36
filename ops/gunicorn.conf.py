"""How the web process is served; every setting that differs from gunicorn's own default says why."""

import gc
import logging
import os
import shutil
import sys
import tempfile
import traceback
from typing import Any

from gunicorn.glogging import Logger

bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"

# Threads: a page waits on the database and a download on the network, neither on the processor. A download that is
# taken slowly holds one for as long, so there are more than sixty-four of those, should one process get them all.
# Two processes: one that dies or recycles leaves the other answering.
worker_class = "gthread"
workers = 2
threads = 80

# Never preload: a connection opened before the fork would be shared by both processes.
preload_app = False

# Stopping lets short requests end; a long download is taken up again by its Range.
graceful_timeout = 5
timeout = 60

# The application alone decides which proxies it trusts (TRUSTED_PROXIES), so gunicorn
# does not turn a header into a scheme by itself.
forwarded_allow_ips = ""

# On a disk, a stalled write to the heartbeat file would kill a healthy process.
MEMORY = "/dev/shm"  # noqa: S108  gunicorn makes its files there unguessable and unlinks them
worker_tmp_dir = MEMORY if os.access(MEMORY, os.W_OK) else None

# No control socket: signals are enough, and two portals of one user would share it.
control_socket_disable = True

# What each process counts for /metrics lies in files of its own, so that whichever is asked adds up all of them. The
# library reads the name of their folder when it is loaded, which is later, in the workers.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
if (os.environ.get("METRICS_TOKEN") or os.environ.get("METRICS_TOKEN_FILE")) and not os.environ.get(FOLDER):
    os.environ[FOLDER] = tempfile.mkdtemp(prefix=f"chartroom-metrics-{os.getpid()}-", dir=worker_tmp_dir)


def post_worker_init(_worker: Any) -> None:
    """The application is there for good: no request waits a tenth of a second while it is searched for garbage, or
    its models are settled."""
    # Not sooner: the application comes with the worker, and the server stays small.
    from app.models.transactions import settle_models

    settle_models()
    gc.collect()
    gc.freeze()


def on_exit(_server: Any) -> None:
    """Leave no counts behind: a server that starts again counts from nothing, as Prometheus expects."""
    folder = os.environ.get(FOLDER, "")
    if f"chartroom-metrics-{os.getpid()}-" in folder:
        shutil.rmtree(folder, ignore_errors=True)


class WithoutValues(Logger):  # type: ignore[misc]  # gunicorn carries no types
    """gunicorn's log without what people typed: no address asked for, no message of an exception.

    A search is a query string, and it may be a patient's name.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.addFilter(without_values)


def without_values(record: logging.LogRecord) -> bool:
    """Keep the words that gunicorn chose, the kind of the exception and its frames."""
    if record.msg == "Exception in worker process":
        return True  # it could not start: the message names the setting, and nobody has asked for anything yet
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        frames = " < ".join(
            f"{frame.filename}:{frame.lineno} in {frame.name}"
            for frame in reversed(traceback.extract_tb(error.__traceback__))
        )
        record.msg = f"{_words(record)} ({type(error).__qualname__}) {frames}"
    elif record.levelno >= logging.ERROR and sys.exc_info()[0] is not None:
        record.msg = f"{_words(record)} ({_kind()})"
    elif str(record.msg).startswith("Invalid request from ip="):
        # What follows quotes the request line or a header.
        record.msg = f"{str(record.msg).split(': ', 1)[0]} ({_kind()})"
    else:
        return True
    record.args, record.exc_info, record.exc_text = (), None, None
    return True


def _words(record: logging.LogRecord) -> str:
    """What is said before the first value."""
    return str(record.msg).split("%", 1)[0].splitlines()[0].strip() if record.msg else "A fault"


def _kind() -> str:
    kind = sys.exc_info()[0]
    return kind.__qualname__ if kind else "unreadable"


logger_class = WithoutValues

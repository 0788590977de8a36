"""The servers that a run needs, its own and gone at its end: PostgreSQL over the kept data, Valkey, workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from redis import Redis
from rq import Worker
from rq.worker import WorkerStatus

from tests.services import tied
from tests.services.postgresql import binaries

ROOT = Path(__file__).resolve().parents[1]
SUPERUSER = "chartroom"
DATABASE = "bench"
START_SECONDS = 60
# As somebody who looks after the machine would set it; fsync stays on, as everything that guards the data.
SETTINGS = (
    "shared_buffers=1GB",
    "work_mem=64MB",
    "maintenance_work_mem=512MB",
    "max_wal_size=2GB",
    "checkpoint_timeout=30min",
    "fsync=on",
    "listen_addresses=",
)


class Cluster:
    """A running PostgreSQL. ``url`` is for SQLAlchemy, ``conninfo`` for psql and psycopg."""

    def __init__(self, socket: Path, pid: int) -> None:
        self.pid = pid
        self.url = f"postgresql+psycopg://{SUPERUSER}@/{DATABASE}?host={socket}"
        self.conninfo = f"postgresql://{SUPERUSER}@/{DATABASE}?host={socket}"
        self._maintenance = f"postgresql://{SUPERUSER}@/postgres?host={socket}"

    def ensure_database(self) -> None:
        with psycopg.connect(self._maintenance, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")

    def answers(self) -> bool:
        try:
            psycopg.connect(self._maintenance).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgresql(data: Path) -> Iterator[Cluster]:
    """Run PostgreSQL over a data folder, which is made when it is not there; what it holds is kept."""
    owner = "postgres" if os.geteuid() == 0 else None
    with ExitStack() as stack:
        socket = stack.enter_context(tied.short_directory("bench", owner=owner))
        log = stack.enter_context((socket / "log").open("wb"))
        if not (data / "PG_VERSION").exists():
            _initialise(data, owner)
        settings = [part for setting in SETTINGS for part in ("-c", setting)]
        child = tied.start(
            [binaries() / "postgres", "-D", data, "-k", socket, *settings],
            log=log, death_signal="INT", user=owner, cwd=socket,
        )  # fmt: skip
        stack.callback(tied.stop, child, signal.SIGINT)
        cluster = Cluster(socket, child.pid)
        give_up = time.monotonic() + START_SECONDS
        while not cluster.answers():
            if child.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"PostgreSQL does not start:\n{(socket / 'log').read_text()}")
            time.sleep(0.05)
        cluster.ensure_database()
        yield cluster


def _initialise(data: Path, owner: str | None) -> None:
    data.mkdir(parents=True, exist_ok=True)
    if owner:
        shutil.chown(data, owner)
    become = ["setpriv", *tied.becoming(owner), "--"] if owner else []
    made = subprocess.run(
        [*become, binaries() / "initdb", "-D", data, "-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8"],
        cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"initdb failed (may the user {owner} reach {data.parent}?):\n{made.stdout}{made.stderr}")


@contextmanager
def running_workers(count: int, environment: Mapping[str, str], log: Path) -> Iterator[list[int]]:
    """So many real workers and a reconciler, over a Valkey that ``environment`` names and that nobody else uses.

    Yields the workers' process ids when all of them wait for the bell; they are ended when the block is left.
    """
    passed = [f"{key}={value}" for key, value in environment.items()]
    with ExitStack() as stack:
        written = stack.enter_context(log.open("ab"))

        def keep(*command: str) -> int:
            # setpriv and env become the program itself, so the process id is the program's.
            child = tied.start(["env", *passed, sys.executable, *command], log=written, cwd=ROOT)
            stack.callback(_end, child)
            return child.pid

        pids = [keep("worker.py") for _ in range(count)]
        keep("-m", "flask", "reconcile")
        _await_idle(count, environment["REDIS_URL"], pids, log)
        yield pids


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait(tied.STOP_SECONDS)


def _await_idle(count: int, redis_url: str, pids: list[int], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    with Redis.from_url(redis_url) as connection:
        while sum(worker.get_state() == WorkerStatus.IDLE for worker in Worker.all(connection=connection)) < count:
            if time.monotonic() > give_up or any(not Path("/proc", str(pid)).exists() for pid in pids):
                raise RuntimeError(f"the workers do not wait for the bell:\n{log.read_text()[-4000:]}")
            time.sleep(0.05)

"""A whole running portal: gunicorn, worker and reconciler over one folder, each a real process that tests may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import create_app
from app.extensions import db
from config import NUMBERS, Config
from tests.browser.peopled import Contents
from tests.conftest import SECRET
from tests.factories import World
from tests.faults.processes import RECONCILER, ROOT, WORKER, Kept, until
from tests.services import tied
from tests.services.tls import free_port
from tests.services.valkey import Valkey

GUNICORN = [sys.executable, "-m", "gunicorn", "--config", "ops/gunicorn.conf.py", "wsgi:app"]


class Web:
    """gunicorn on a port that stays its own, whatever becomes of the process."""

    def __init__(self, config: Config, log: Path, port: int | None = None, **settings: str) -> None:
        """
        :param settings: what this process is told beside the portal's own settings (``PUBLIC_URL=…``)
        """
        self.port = port or free_port()
        self.log = log
        told = environment(config) | {"PORT": str(self.port)} | settings
        self._command = ["env", *(f"{name}={value}" for name, value in told.items()), *GUNICORN]
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start, and return when it answers."""
        with self.log.open("ab") as log:
            self._child = tied.start(self._command, log=log, death_signal="TERM", cwd=ROOT)
        until(lambda: self.answers("/healthz"), f"the web process answers; it said:\n{self.said()}")

    def answers(self, path: str) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, self.said()
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.HTTPError, OSError):
            return False

    def kill(self) -> None:
        """End it and its children at once, as a crash of the machine would."""
        if self._child is not None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(tied.STOP_SECONDS)

    def stop(self) -> None:
        if self._child is not None:
            tied.stop(self._child)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""


class Portal:
    """What a person's browser meets, and the processes behind it. ``url`` has no slash at its end."""

    def __init__(self, config: Config, world: World, contents: Contents, valkey: Valkey) -> None:
        self.config, self.world, self.contents, self.valkey = config, world, contents, valkey
        self.web = Web(config, config.data_dir / "web.log")
        self.worker = self._keep("worker", WORKER)
        self.reconciler = self._keep("reconciler", RECONCILER)

    @property
    def url(self) -> str:
        return self.web.url

    def start(self) -> None:
        """Start everything, and return when the portal says that it is ready."""
        self.worker.revive()
        self.reconciler.revive()
        self.web.start()
        until(lambda: self.web.answers("/readyz"), "the portal is ready", self.revive)

    def revive(self) -> None:
        """What a supervisor does all the time for the worker and the reconciler."""
        self.worker.revive()
        self.reconciler.revive()

    def stop(self) -> None:
        self.worker.end()
        self.reconciler.end()
        self.web.stop()

    @contextmanager
    def at_hand(self) -> Iterator[World]:
        """In here the tests' own process may ask the domain and the database."""
        with at_hand(self.config):
            yield self.world

    def _keep(self, name: str, command: list[str]) -> Kept:
        return Kept(name, command, environment(self.config), self.config.data_dir / f"{name}.log")


@contextmanager
def running_portal(config: Config, world: World, contents: Contents, valkey: Valkey) -> Iterator[Portal]:
    """A started portal; stopped at the end, whatever was killed and started again meanwhile."""
    portal = Portal(config, world, contents, valkey)
    try:
        portal.start()
        yield portal
    finally:
        portal.stop()


@contextmanager
def at_hand(config: Config) -> Iterator[None]:
    """The domain and the database of a deployment, for the process that runs the tests."""
    # What a process shares is bound to the application that was made last.
    app = create_app(config)
    with app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def environment(config: Config) -> dict[str, str]:
    """The settings as a process is told them."""
    return {name.upper(): str(getattr(config, name)) for name in NUMBERS} | {
        "SECRET_KEY": SECRET,
        "DATA_DIR": str(config.data_dir),
        "DATABASE_URL": config.database_url,
        "REDIS_URL": config.redis_url,
        "FLASK_APP": "wsgi.py",
        "CALLBACK_ALLOWED_HOSTS": ",".join(config.callback_allowed_hosts),
        "PYTHONUNBUFFERED": "1",
    }

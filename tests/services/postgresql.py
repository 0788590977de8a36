"""A real PostgreSQL of the tests' own: on a Unix socket, empty, quick, gone at the end."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services import tied

START_SECONDS = 60
SUPERUSER = "chartroom"

# A crash of the machine may cost the tests' data; nothing else may.
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def binaries() -> Path:
    """The folder of the newest PostgreSQL here.

    :raises FileNotFoundError: there is none; says what to install
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise FileNotFoundError("PostgreSQL is not here: apt install postgresql")
    return found[-1].parent


class PostgreSQL:
    """A running server. Everyone who reaches the socket is its superuser."""

    def __init__(self, home: Path, log: Path) -> None:
        self.home = home
        self.log = log
        self._numbers = count(1)

    def url(self, database: str = "postgres", *, driver: str = "+psycopg") -> str:
        """The address of a database as SQLAlchemy wants it; as libpq (psql, ADBC) does with ``driver=""``."""
        return f"postgresql{driver}://{SUPERUSER}@/{database}?host={self.home}"

    def new_database(self, like: str | None = None) -> str:
        """Make an empty database, or a copy of another one; return its SQLAlchemy address.

        :param like: the address of a database to which nobody is connected
        """
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        known = _name_of(like) if like else "template0"
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(known))
        self._administer(made)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database that :meth:`new_database` made, whoever is still connected to it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_name_of(url))))

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(driver=""), autocommit=True) as connection:
            connection.execute(statement)


def _name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """Make a cluster, run it, and leave nothing of it.

    :raises RuntimeError: it does not start; carries the end of its log
    """
    owner = _unprivileged_user() if os.geteuid() == 0 else None
    with tied.short_directory("pg", owner=owner) as home, (home / "log").open("wb") as log:
        server = PostgreSQL(home, home / "log")
        _initialise(home, owner)
        settings = [part for setting in (*QUICK, "listen_addresses=") for part in ("-c", setting)]
        child = tied.start(
            [binaries() / "postgres", "-D", home / "data", "-k", home, *settings],
            log=log, death_signal="QUIT", user=owner, cwd=home,
        )  # fmt: skip
        try:
            _await(server, child)
            yield server
        finally:
            # At once: nobody's data is waiting to be written.
            tied.stop(child, signal.SIGQUIT)


def _unprivileged_user() -> str:
    """PostgreSQL refuses root. Debian's package makes a user for it; nobody will do elsewhere."""
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _initialise(home: Path, owner: str | None) -> None:
    become = ["setpriv", *tied.becoming(owner), "--"] if owner else []
    choices = ["-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    made = subprocess.run(
        [*become, binaries() / "initdb", "-D", home / "data", *choices],
        cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")


def _await(server: PostgreSQL, child: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(server.url(driver="")).close()
        except psycopg.OperationalError as refused:
            if child.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"PostgreSQL does not start:\n{server.log.read_text()}") from refused
            time.sleep(0.05)
        else:
            return

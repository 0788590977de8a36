"""How transactions begin: deferred and read-only, or writing from their first statement.

On SQLite a transaction that reads first and writes later fails at once when somebody else wrote in between, in spite of
``busy_timeout``. So whoever writes says so first with :func:`begin_writing`; every other transaction is opened with
``query_only``, so that a forgotten call fails in the first test instead of under load.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import configure_mappers

from app.extensions import db

WRITING = {"writing": True}


def begin_writing() -> None:
    """Begin the transaction in which a use case writes; what was read before is read again.

    :raises RuntimeError: something unsaved is in the session: call this first
    """
    session = db.session
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("begin_writing() comes before the first change")
    session.rollback()
    session.connection(execution_options=WRITING)


@contextmanager
def writing() -> Iterator[None]:
    """Run a block that writes, begun by :func:`begin_writing`; nothing of it stays when it is refused or fails.

    What it wrote is committed in the block, at its end.
    """
    begin_writing()
    try:
        yield
    except BaseException:
        db.session.rollback()
        raise


def settle_models() -> None:
    """Work out how the tables hang together, as the first statement would: before a process forks, for all of them."""
    configure_mappers()


@contextmanager
def fresh_connections() -> Iterator[None]:
    """Run a block in a process that was just forked: connections made before the fork stay the parent's.

    Those made in the block are closed at its end.
    """
    db.engine.dispose(close=False)
    try:
        yield
    finally:
        db.session.remove()
        db.engine.dispose()


def prepare_engine(engine: Engine) -> None:
    """Set up a new engine's connections for the ways of its database."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _connect_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _connect_postgresql)


def _connect_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: BEGIN IMMEDIATE is ours to say.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writing else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _connect_postgresql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
        cursor.execute("SET TimeZone = 'UTC'")
        # Literals of ours are written for it: a backslash in a text is a backslash.
        cursor.execute("SET standard_conforming_strings = on")
    connection.commit()

"""How long a search may take: a question that no index answers ends in words instead of holding a server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.errors import Invalid
from app.extensions import db

SECONDS = 10.0
_STEPS = 20_000
"""SQLite asks so often, counted in steps of its machine: some milliseconds."""


@contextmanager
def patiently(seconds: float = SECONDS) -> Iterator[None]:
    """Run the block's queries for at most so long; the transaction is over when they took longer.

    :raises Invalid: they took longer, with words to narrow the question
    """
    is_sqlite = db.session.connection().dialect.name == "sqlite"
    try:
        with _sqlite_deadline(seconds) if is_sqlite else _postgresql_deadline(seconds):
            yield
    except DBAPIError as fault:
        if not _ended_by_us(fault):
            raise
        db.session.rollback()
        raise Invalid("This search takes too long. Narrow it: add a filter by time, template or id.") from None


@contextmanager
def _sqlite_deadline(seconds: float) -> Iterator[None]:
    driver = db.session.connection().connection.driver_connection
    until = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)  # type: ignore[union-attr]
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)  # type: ignore[union-attr]


@contextmanager
def _postgresql_deadline(seconds: float) -> Iterator[None]:
    # Ends with the transaction by itself; what comes after in the same one has its own time again.
    db.session.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
    yield
    db.session.execute(text("SET LOCAL statement_timeout = 0"))


def _ended_by_us(fault: DBAPIError) -> bool:
    sqlite_says = str(fault.orig) == "interrupted"
    return sqlite_says or getattr(fault.orig, "sqlstate", None) == "57014"

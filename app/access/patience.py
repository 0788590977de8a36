"""How long a look may take: a question that no index answers ends in words instead of holding a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from sqlalchemy import Connection, event, text

from app.errors import Invalid, Refusal
from app.extensions import db

SECONDS = 10.0
NARROW_IT = "This search takes too long. Narrow it: add a filter by time, template or id."

_STEPS = 10_000
"""SQLite asks for the time after so many steps of its machine: some tenths of a millisecond."""
_CANCELLED = "57014"
"""What PostgreSQL says of a statement that was cancelled."""


@contextmanager
def patiently(seconds: float = SECONDS, refusal: Refusal | None = None) -> Iterator[None]:
    """End what the block reads through the session when it takes too long.

    No statement begins after the time is up. One that runs then is ended at once on SQLite, and on PostgreSQL when
    it has itself run for that long, so there the block may take up to twice the time.

    :param refusal: what to raise then; :class:`~app.errors.Invalid` with words to narrow the question when not given
    :raises Refusal: the time was up; the session was rolled back and can be used
    """
    connection = db.session.connection()
    limit = _Limit(connection, seconds)
    limit.begin()
    try:
        yield
    except Exception as error:
        limit.end(whole=isinstance(error, Refusal))
        if not limit.ended(error):
            raise
        db.session.rollback()
        raise refusal or Invalid(NARROW_IT) from error
    limit.end(whole=True)


class _TimeIsUp(Exception):
    """Before a statement that would have begun too late."""


class _Limit:
    """The limit of one block on one connection."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection, self._until = connection, monotonic() + seconds
        # Zero would be no limit.
        self._milliseconds = max(1, round(seconds * 1000))
        self._driver: Any = connection.connection.driver_connection
        self._of_sqlite = connection.dialect.name == "sqlite"
        self._before = ""

    def begin(self) -> None:
        if self._of_sqlite:
            self._driver.set_progress_handler(self._is_up, _STEPS)
        else:
            self._before = str(self._connection.scalar(text("SELECT current_setting('statement_timeout')")))
            self._let_run(f"{self._milliseconds}ms")
        event.listen(self._connection, "before_cursor_execute", self._refuse_late)

    def end(self, *, whole: bool) -> None:
        """Lift the limit.

        :param whole: whether the transaction can go on; if not, PostgreSQL forgets the limit with it
        """
        event.remove(self._connection, "before_cursor_execute", self._refuse_late)
        if self._of_sqlite:
            self._driver.set_progress_handler(None, 0)
        elif whole:
            self._let_run(self._before)

    def ended(self, error: Exception) -> bool:
        """Whether it is this limit that ended the block."""
        if isinstance(error, _TimeIsUp):
            return True
        # Rows of a sample are read past SQLAlchemy, so the driver's own error may come, too.
        fault = getattr(error, "orig", None) or error
        if self._of_sqlite:
            return isinstance(fault, sqlite3.OperationalError) and str(fault) == "interrupted"
        return getattr(fault, "sqlstate", None) == _CANCELLED

    def _let_run(self, how_long: str) -> None:
        self._connection.execute(text("SELECT set_config('statement_timeout', :it, true)"), {"it": how_long})

    def _is_up(self) -> bool:
        return monotonic() >= self._until

    def _refuse_late(
        self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if self._is_up():
            raise _TimeIsUp

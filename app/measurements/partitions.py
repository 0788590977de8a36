"""PostgreSQL's monthly partitions of the measurement table: which are made, when, and by whom.

How they are made, and which lock is held when, says :mod:`app.measurements.exchange`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date
from threading import Event

from psycopg import sql

from app import clock
from app.errors import Invalid
from app.extensions import db
from app.measurements.exchange import Connection, Exchange, month_after, months_held, value_of
from app.rounds import go_round

log = logging.getLogger(__name__)

MOST_PARTITIONS = 240
"""Twenty years of months. Planning a read costs a little for each, so odd dates must not make thousands."""
MOST_AHEAD = 24
LEAST_ROWS = 50_000
DAY_SECONDS, HOUR_SECONDS = 86_400.0, 3_600.0

_ADVISORY_LOCK = 0x6D65_6173_7572  # one run at a time in a database
_LOCK_TIMEOUT = "500ms"


@dataclass(frozen=True, slots=True)
class Partitioned:
    """What came of a run: the names of the partitions made. ``put_off`` says why nothing was done."""

    made: tuple[str, ...] = ()
    put_off: str | None = None
    again: bool = False
    """Whether it should be tried again soon."""


def make_partitions(
    *,
    ahead: int = 3,
    least_rows: int = LEAST_ROWS,
    stop: Event | None = None,
    patience: float = 600.0,
    tell: Callable[[str], None] = log.info,
) -> Partitioned:
    """Make partitions for the present month and ``ahead`` more, and for every month with many rows in the default one.

    Safe at any time, twice at once (the second does nothing) and after a run that was killed. See the module's text for
    the locks. On SQLite nothing is done.

    :param ahead: months after the present one, 0–24
    :param least_rows: other months with fewer rows stay in the default partition; so do those beyond
        :data:`MOST_PARTITIONS`, the ones with the most rows first
    :param stop: set it to end the run at the next page range; nothing has happened then
    :param patience: seconds to go on asking for the lock of the exchange
    :param tell: is told in words of each step
    :raises Invalid: ``ahead`` or ``least_rows`` is out of range
    """
    if not 0 <= ahead <= MOST_AHEAD or least_rows < 1:
        raise Invalid(f"Months ahead must be 0 to {MOST_AHEAD}, and the least number of rows 1 or more.")
    if db.engine.dialect.name != "postgresql":
        return Partitioned(put_off="SQLite keeps measurements in the order of their key; it has no partitions.")
    with _own_connection() as keeper, _own_connection() as hand:
        if not value_of(keeper, "SELECT pg_try_advisory_lock(%s)", _ADVISORY_LOCK):
            return Partitioned(put_off="Another process is making partitions just now.")
        stopped = stop or Event()
        months = _wanted(keeper, ahead, least_rows)
        made = _exchanged(Exchange(keeper, hand, months, stopped, tell), patience) if months else Partitioned()
        if made.made:
            hand.execute("ANALYZE (SKIP_LOCKED) measurement")
        _vacuum(hand, stopped)
        return made


def keep_partitions_until(stop: Event, *, ahead: int = 3, least_rows: int = LEAST_ROWS) -> None:
    """Make partitions once a day until told to stop; what could not be done is tried again after an hour.

    Needs a thread of its own: a run may take minutes.
    """

    def look() -> float:
        made = make_partitions(ahead=ahead, least_rows=least_rows, stop=stop)
        if made.made:
            log.info("made partitions: %s", ", ".join(made.made))
        return HOUR_SECONDS if made.again else DAY_SECONDS

    go_round(stop, "partitions", look, after_fault=HOUR_SECONDS)


def _exchanged(exchange: Exchange, patience: float) -> Partitioned:
    if exchange.run(patience):
        return Partitioned(tuple(exchange.months))
    return Partitioned(put_off="Others were using the measurements all the time; nothing was changed.", again=True)


@contextmanager
def _own_connection() -> Iterator[Connection]:
    """A connection outside of the pool and without implicit transactions: its advisory lock must not outlive it."""
    pooled = db.engine.raw_connection()
    connection: Connection = pooled.driver_connection  # type: ignore[assignment]
    pooled.detach()
    try:
        connection.autocommit = True
        connection.execute(sql.SQL("SET lock_timeout = {}").format(_LOCK_TIMEOUT))
        yield connection
    finally:
        connection.close()


def _wanted(keeper: Connection, ahead: int, least_rows: int) -> list[date]:
    present = clock.now().astimezone(UTC).date().replace(day=1)
    coming = {month_after(present, months) for months in range(ahead + 1)}
    held = months_held(keeper)
    counted = keeper.execute(
        """SELECT to_char(date_trunc('month', time, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM') || '-01'
           FROM measurement_pdefault GROUP BY 1 HAVING count(*) >= %s ORDER BY count(*) DESC, 1""",
        (least_rows,),
    )
    full = [month for (text,) in counted if (month := date.fromisoformat(text)) not in coming]
    room = max(0, MOST_PARTITIONS - len(held | coming))
    return sorted({*full[:room], *coming} - held)


def _vacuum(hand: Connection, stop: Event) -> None:
    """Vacuum the partitions that are not wholly known to be visible: index-only reads live on that."""
    unseen = hand.execute(
        """SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
           WHERE inhparent = 'measurement'::regclass
             AND relallvisible < pg_relation_size(oid) / current_setting('block_size')::int"""
    ).fetchall()
    for (name,) in unseen:
        if not stop.is_set():
            hand.execute(sql.SQL("VACUUM (ANALYZE, SKIP_LOCKED) {}").format(sql.Identifier(name)))

"""The default partition of the measurement table exchanged for a new one and partitions of months.

Values of a month without a partition lie in ``measurement_pdefault``. To give a month its own, the default partition is
built anew beside the old one, without that month, and the two are exchanged:

1. *Prepare* (short transactions): tables ``measurement_next…``, and a trigger on the default partition that notes
   the key of every row written from now on. Lock: SHARE ROW EXCLUSIVE on the default partition (writers into it wait)
   for milliseconds.
2. *Copy*: page range by page range, each its own transaction. Locks that nobody feels: ingest and exports go on.
3. *Catch up*: rows with noted keys are copied again, until next to nothing is noted.
4. *Exchange* (one transaction): ACCESS EXCLUSIVE on ``measurement``: everybody waits. The last noted keys are caught
   up, the old default partition is dropped, and the new tables are attached; CHECK constraints that hold since they
   were empty spare every scan. It is a matter of the catalog alone: milliseconds for each month. The lock is asked for
   with ``lock_timeout`` (those who queue behind it wait so long at most), and asked again later if it is not to be had.

Until the exchange commits, the old default partition is the truth, so a run that dies anywhere loses nothing; the next
one clears what it left. A transaction with an older snapshot (REPEATABLE READ, pg_dump) would not see the copied rows
in their new place: the exchange is put off until none is left. It sees those of its own role only, so whoever else
reads must share the role, or the role be a member of ``pg_read_all_stats``. The copy needs as much disk space as the
default partition holds; VACUUM follows, outside of transactions, so that reads are index-only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from threading import Event
from time import monotonic
from typing import Any

import psycopg
from psycopg import errors, sql

_PAGES_AT_ONCE = 1024
_KEYS_AT_ONCE = 50_000
_FEW_KEYS = 5_000
_MONTH = re.compile(r"measurement_(\d{4})_(\d{2})")

Connection = psycopg.Connection[Any]


class _NotNow(Exception):
    """Somebody is in the way of the exchange."""


def value_of(connection: Connection, query: str, *given: object) -> Any:
    """The first column of the first row of a query of ours."""
    row = connection.execute(query, given).fetchone()
    return row[0] if row else None


def months_held(connection: Connection) -> set[date]:
    """The first days of the months that have a partition."""
    names = connection.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'measurement'::regclass"
    )
    return {date(int(found[1]), int(found[2]), 1) for (name,) in names if (found := _MONTH.fullmatch(name))}


def month_after(month: date, months: int) -> date:
    """The first day of the month so many months later."""
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)


def _bounds(first: date, last: date | None = None) -> tuple[sql.Literal, sql.Literal]:
    return tuple(sql.Literal(f"{day.isoformat()} 00:00:00+00") for day in (first, month_after(last or first, 1)))  # type: ignore[return-value]


def _runs(months: list[date]) -> Iterator[tuple[date, date]]:
    """Neighbouring months as (first, last)."""
    first: date | None = None
    for place, month in enumerate(months):
        first = first or month
        if place + 1 == len(months) or months[place + 1] != month_after(month, 1):
            yield first, month
            first = None


_NOTE_KEY = sql.SQL("""
CREATE FUNCTION measurement_next_note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO measurement_next_key VALUES (OLD.series_id, OLD.time, OLD.metric_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO measurement_next_key VALUES (NEW.series_id, NEW.time, NEW.metric_id);
    END IF;
    RETURN NULL;
END $$""")

_NOTE_NOTHING = sql.SQL("""
CREATE OR REPLACE FUNCTION measurement_next_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RETURN NULL; END $$""")

# A row that was changed while it was copied may be met twice: what was noted decides later.
_COPY = sql.SQL("""
WITH copied AS (
    INSERT INTO measurement_next (series_id, time, metric_id, value, batch)
    SELECT series_id, time, metric_id, value, batch FROM measurement_pdefault
    WHERE ctid >= %s::tid AND ctid < %s::tid ORDER BY series_id, time, metric_id
    ON CONFLICT DO NOTHING RETURNING 1)
SELECT count(*) FROM copied""")

# One statement, one snapshot: whoever noted a key that is seen here has committed, and so its row is seen as well.
_CATCH_UP = sql.SQL("""
WITH noted AS (
    DELETE FROM measurement_next_key WHERE ctid = ANY (ARRAY(SELECT ctid FROM measurement_next_key LIMIT %s))
    RETURNING series_id, time, metric_id),
key AS (SELECT DISTINCT series_id, time, metric_id FROM noted),
gone AS (
    DELETE FROM measurement_next held USING key
    WHERE (held.series_id, held.time, held.metric_id) = (key.series_id, key.time, key.metric_id)
      AND NOT EXISTS (SELECT FROM measurement_pdefault old
          WHERE (old.series_id, old.time, old.metric_id) = (key.series_id, key.time, key.metric_id))),
brought AS (
    INSERT INTO measurement_next (series_id, time, metric_id, value, batch)
    SELECT old.series_id, old.time, old.metric_id, old.value, old.batch FROM key
    JOIN measurement_pdefault old
      ON (old.series_id, old.time, old.metric_id) = (key.series_id, key.time, key.metric_id)
    ON CONFLICT (series_id, time, metric_id) DO UPDATE SET value = excluded.value, batch = excluded.batch)
SELECT count(*) FROM noted""")


def _clear(connection: Connection) -> None:
    """Drop what an interrupted run left; the trigger goes with its function. No effect when nothing is left."""
    connection.execute("DROP FUNCTION IF EXISTS measurement_next_note() CASCADE")
    connection.execute("DROP TABLE IF EXISTS measurement_next, measurement_next_key CASCADE")


class Exchange:
    """One exchange of the default partition for a new one and partitions of months.

    :param keeper: holds the advisory lock and makes the exchange, so that who lost the lock cannot make it
    :param hand: copies, in transactions of its own. Both are in autocommit mode and have a ``lock_timeout``
    :param months: first days of months that have no partition yet
    """

    def __init__(
        self, keeper: Connection, hand: Connection, months: list[date], stop: Event, tell: Callable[[str], None]
    ) -> None:
        self.keeper, self.hand, self.stop, self.tell = keeper, hand, stop, tell
        self.months = {f"measurement_{month:%Y_%m}": month for month in months}
        self.last_write = "0"

    def run(self, patience: float) -> bool:
        """Make the partitions; False when somebody was in the way for ``patience`` seconds, or it was stopped.

        Nothing has changed then, nor when it raises.
        """
        give_up = monotonic() + patience
        try:
            done = self._retried(self._clear, give_up) and self._retried(self._prepare, give_up)
            done = done and self._copy() and self._retried(self._exchange, give_up)
        except BaseException:
            self._clear_at_once()
            raise
        if not done:
            self._clear_at_once()
        return done

    def _retried(self, step: Callable[[], None], give_up: float) -> bool:
        pause = 0.1
        while not self.stop.is_set():
            try:
                with self.keeper.transaction():
                    step()
            except (_NotNow, errors.LockNotAvailable, errors.DeadlockDetected):
                if monotonic() >= give_up:
                    return False
                self.stop.wait(pause)
                pause = min(2 * pause, 10.0)
            else:
                return True
        return False

    def _clear(self) -> None:
        _clear(self.keeper)

    def _prepare(self) -> None:
        run = self.keeper.execute
        run("CREATE UNLOGGED TABLE measurement_next_key (series_id bigint, time timestamptz(3), metric_id bigint)")
        run(_NOTE_KEY)
        run("CREATE TABLE measurement_next (LIKE measurement) PARTITION BY RANGE (time)")
        for name, month in self.months.items():
            self._make(name, sql.SQL("FOR VALUES FROM ({}) TO ({})").format(*_bounds(month)), name)
            check = sql.SQL("time IS NOT NULL AND time >= {} AND time < {}").format(*_bounds(month))
            self._constrain(name, check)
        self._make("measurement_next_default", sql.SQL("DEFAULT"), "measurement_next_default")
        run("CREATE UNIQUE INDEX ON measurement_next (series_id, time, metric_id) INCLUDE (value, batch)")
        self._constrain("measurement_next_default", self._outside())
        # Last, for its lock on the default partition is kept until the commit.
        run(
            """CREATE TRIGGER measurement_next_note AFTER INSERT OR UPDATE OR DELETE ON measurement_pdefault
               FOR EACH ROW EXECUTE FUNCTION measurement_next_note()"""
        )

    def _make(self, name: str, bound: sql.Composable, index: str) -> None:
        """A partition of the tables to come, left alone by autovacuum, whose locks would be in the exchange's way."""
        table, key = sql.Identifier(name), sql.Identifier(f"uq_{index}")
        made = sql.SQL("CREATE TABLE {} PARTITION OF measurement_next {} WITH (autovacuum_enabled = off)")
        self.keeper.execute(made.format(table, bound))
        unique = sql.SQL("CREATE UNIQUE INDEX {} ON {} (series_id, time, metric_id) INCLUDE (value, batch)")
        self.keeper.execute(unique.format(key, table))

    def _constrain(self, name: str, check: sql.Composable) -> None:
        constrained = sql.SQL("ALTER TABLE {} ADD CONSTRAINT proof CHECK ({})")
        self.keeper.execute(constrained.format(sql.Identifier(name), check))

    def _outside(self) -> sql.Composable:
        """That a row lies in none of the months that have or get a partition."""
        spans = _runs(sorted(months_held(self.keeper) | set(self.months.values())))
        apart = [sql.SQL("(time < {} OR time >= {})").format(*_bounds(first, last)) for first, last in spans]
        return sql.SQL(" AND ").join(apart)

    def _copy(self) -> bool:
        query = "SELECT pg_relation_size('measurement_pdefault') / current_setting('block_size')::int"
        pages = int(value_of(self.keeper, query))
        for begin in range(0, pages, _PAGES_AT_ONCE):
            if self.stop.is_set():
                return False
            self.tell(f"copying the default partition: page {begin:,} of {pages:,}")
            end = begin + _PAGES_AT_ONCE
            self._write(_COPY, (f"({begin},0)", f"({end},0)"))
        while not self.stop.is_set() and self._catch_up() >= _FEW_KEYS:
            pass
        return True

    def _catch_up(self) -> int:
        """Bring rows with noted keys up to date; returns how many keys were noted."""
        return self._write(_CATCH_UP, (_KEYS_AT_ONCE,))

    def _write(self, statement: sql.SQL, given: tuple[object, ...]) -> int:
        with self.hand.transaction():
            # Few keys against big tables: only their index will do, and the new tables have no statistics yet.
            self.hand.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
            found = self.hand.execute(statement, given)
            count = int((found.fetchone() or (0,))[0])
            if count:
                self.last_write = value_of(self.hand, "SELECT pg_current_xact_id()::xid::text")
        return count

    def _exchange(self) -> None:
        while self._catch_up() >= _FEW_KEYS and not self.stop.is_set():
            pass
        self._require_no_older_snapshot()
        # The parent first, at once in its strongest mode: nobody who holds something of it can then wait for us.
        self.keeper.execute("LOCK TABLE ONLY measurement IN ACCESS EXCLUSIVE MODE")
        self.keeper.execute("LOCK TABLE measurement_pdefault IN SHARE ROW EXCLUSIVE MODE")
        if value_of(self.keeper, "SELECT count(*) FROM measurement_next_key") >= _KEYS_AT_ONCE:
            raise _NotNow
        self._catch_up()
        self._require_no_older_snapshot()
        self._attach()
        self.tell("the partitions are in place")

    def _require_no_older_snapshot(self) -> None:
        older = value_of(
            self.hand,
            """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> ALL (%s)
                 AND age(backend_xmin) >= age(%s::text::xid)""",
            [self.keeper.info.backend_pid, self.hand.info.backend_pid],
            self.last_write,
        )
        if older and self.last_write != "0":
            raise _NotNow

    def _attach(self) -> None:
        run = self.keeper.execute
        run("ALTER TABLE measurement DETACH PARTITION measurement_pdefault")
        run("DROP TABLE measurement_pdefault")
        for name, month in self.months.items():
            self._move(name, sql.SQL("FOR VALUES FROM ({}) TO ({})").format(*_bounds(month)))
        run("ALTER TABLE measurement_next_default RENAME TO measurement_pdefault")
        run("ALTER INDEX uq_measurement_next_default RENAME TO uq_measurement_pdefault")
        self._move("measurement_pdefault", sql.SQL("DEFAULT"))
        _clear(self.keeper)

    def _move(self, name: str, bound: sql.Composable) -> None:
        table = sql.Identifier(name)
        for statement in (
            "ALTER TABLE measurement_next DETACH PARTITION {}",
            "ALTER TABLE measurement ATTACH PARTITION {} {}",
            "ALTER TABLE {} DROP CONSTRAINT proof, RESET (autovacuum_enabled)",
        ):
            self.keeper.execute(sql.SQL(statement).format(table, bound))

    def _clear_at_once(self) -> None:
        """Leave nothing behind when the run ends without its exchange.

        While somebody reads the default partition, its trigger cannot be dropped: it does nothing then, and the next
        run drops it.
        """
        with suppress(psycopg.Error):
            if not self.keeper.closed:
                self._clear_or_disarm()

    def _clear_or_disarm(self) -> None:
        try:
            with self.keeper.transaction():
                _clear(self.keeper)
        except errors.LockNotAvailable:
            self.keeper.execute(_NOTE_NOTHING)
            self.keeper.execute("DROP TABLE IF EXISTS measurement_next")

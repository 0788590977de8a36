"""Who waits for whom in PostgreSQL."""

from __future__ import annotations

from time import monotonic, sleep

from sqlalchemy import text

from app.extensions import db


def wait_until_somebody_waits(count: int = 1) -> None:
    """Until so many sessions of PostgreSQL wait for a lock; within an application's context.

    :raises AssertionError: they do not
    """
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = monotonic() + 30
    while True:
        with db.engine.connect() as connection:
            if connection.scalar(waiting) >= count:
                return
        assert monotonic() < until, "nobody waits"
        sleep(0.02)

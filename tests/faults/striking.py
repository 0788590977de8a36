"""What may befall an export at a place: each strike is done to whoever stands there, and lets the rest go on."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.exports import failpoints
from app.extensions import db
from app.models import begin_writing
from tests.faults.deployment import MID_FRAGMENT, Deployment, Held
from tests.faults.processes import builders_of, freeze, is_gone, kill, thaw, until

PLACES = (*failpoints.ALL, MID_FRAGMENT)
INSIDE = tuple(failpoints.INSIDE_COMMIT.values())
COMMITTED = (failpoints.AFTER_PART_COMMIT, failpoints.AFTER_COMMIT)
"""Whoever stands there holds no part any more."""
WRITTEN = (
    failpoints.AFTER_RENAME,
    failpoints.BEFORE_COMMIT,
    failpoints.INSIDE_COMMIT["publish"],
    failpoints.AFTER_COMMIT,
)
"""From there on the archive's bytes are safe, and nothing more is written to storage."""

HORSE = "its work horse is killed"
PARENT = "its worker is killed"
BUILDER = "its builder is killed"
FROZEN = "it is frozen past its lease and thaws while a rival runs"
FULL = "storage is full"
AWAY = "storage does not do its work"
SESSION = "its sessions of the database end"
VALKEY = "Valkey dies"


def strike(site: Deployment, what: str, held: Held) -> None:
    """Let it happen."""
    STRIKES[what](site, held)


def _kill_horse(site: Deployment, held: Held) -> None:
    _kill(held.pid, held)


def _kill_worker(site: Deployment, held: Held) -> None:
    _kill(site.worker_of(held).pid, held)


def _kill(victim: int, held: Held) -> None:
    """See the work horse gone and its builder: nobody may be left behind that builds on."""
    builders = builders_of(held.pid)
    kill(victim)
    for one in (held.pid, *builders):
        until(lambda pid=one: is_gone(pid), "whoever built is gone")  # type: ignore[misc]


def _kill_builder(site: Deployment, held: Held) -> None:
    (builder,) = builders_of(held.pid)
    kill(builder)
    until(lambda: is_gone(builder), "the builder is gone")
    if held.standing == held.pid:
        site.release(held)


def _freeze(site: Deployment, held: Held) -> None:
    if held.place in INSIDE:
        _freeze_inside(site, held)
        return
    site.freeze(held)
    if held.place == failpoints.AFTER_COMMIT:
        site.thaw(held)
        return
    site.arm(failpoints.CLAIMED)
    rival = site.held_at(failpoints.CLAIMED)
    assert rival.export_id == held.export_id or held.place in COMMITTED
    assert rival.pid != held.pid
    site.thaw(held)
    site.release(rival)


def _freeze_inside(site: Deployment, held: Held) -> None:
    """In an open transaction: nobody can overtake it, so it may end what it began, however late."""
    for pid in (*builders_of(held.pid), held.pid):
        freeze(pid)
    _lease_runs_out(site)
    site.release(held)
    for pid in (*builders_of(held.pid), held.pid):
        thaw(pid)


def _fill_storage(site: Deployment, held: Held) -> None:
    _fail_storage(site, held, full=True, times=2)
    # A disk has all bytes before they get their name; a bucket gets the last of them with it.
    is_written = held.place in WRITTEN or (held.place == failpoints.BEFORE_RENAME and site.proxy is None)
    assert site.storage_faults_left() == (2 if is_written else 0)


def _fail_storage_away(site: Deployment, held: Held) -> None:
    # boto3 asks three times before it gives up.
    times = 4 if site.proxy else 2
    _fail_storage(site, held, full=False, times=times)
    if held.place != failpoints.AFTER_COMMIT and (site.proxy or held.place not in WRITTEN):
        # After the commit the parts are cleared away, when the export may be seen as settled already.
        until(lambda: site.storage_faults_left() < times, "storage has failed")


def _fail_storage(site: Deployment, held: Held, *, full: bool, times: int) -> None:
    site.fail_storage(full=full, times=times)
    site.release(held)
    assert held.asked is not None
    site.until_settled(held.asked)


def _end_sessions(site: Deployment, held: Held) -> None:
    if site.config.database_url.startswith("postgresql"):
        site.end_sessions()
    elif held.place not in INSIDE:
        # SQLite has no sessions; what a file can do is to be locked for longer than a lease.
        begin_writing()
        site.release(held)
        _lease_runs_out(site)
        db.session.rollback()
        return
    site.release(held)


def _kill_valkey(site: Deployment, held: Held) -> None:
    site.valkey.kill()
    site.release(held)
    # Who has begun goes on from part to part without it; only the end of the bell's answer waits for it.
    assert held.asked is not None
    try:
        site.until_settled(held.asked)
    finally:
        site.valkey.start()


def _lease_runs_out(site: Deployment) -> None:
    over = time.monotonic() + site.config.lease_seconds
    until(lambda: time.monotonic() > over, "a lease is over")


STRIKES: dict[str, Callable[[Deployment, Held], None]] = {
    HORSE: _kill_horse,
    PARENT: _kill_worker,
    BUILDER: _kill_builder,
    FROZEN: _freeze,
    FULL: _fill_storage,
    AWAY: _fail_storage_away,
    SESSION: _end_sessions,
    VALKEY: _kill_valkey,
}

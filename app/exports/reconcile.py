"""The reconciler: a process of its own that keeps exports moving, whoever dies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event

from app.exports.upkeep import expire_exports, forget_deleted, requeue_stale_exports, sweep_storage
from app.rounds import NowAndThen, go_round

log = logging.getLogger(__name__)


def reconcile_until(stop: Event, *, every: float, sweep_every: float, also: Callable[[], object]) -> None:
    """Look after exports until told to stop.

    :param every: seconds between looks at stale parts
    :param sweep_every: seconds between looks at what is to be expired or swept
    :param also: called with each sweep
    """
    sweep = NowAndThen(sweep_every)

    def look() -> float:
        _requeue()
        if sweep.is_due():
            _sweep()
            also()
        return every

    go_round(stop, "exports", look, after_fault=every)


def _requeue() -> None:
    found = requeue_stale_exports()
    if found.parts or found.failed:
        log.info("put back %s parts, failed %s exports", found.parts, found.failed)


def _sweep() -> None:
    expired, swept = expire_exports(), sweep_storage()
    forget_deleted()
    if expired or swept:
        log.info("expired %s exports, swept %s objects", expired, swept)

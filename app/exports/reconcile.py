"""The reconciler: a process of its own that keeps exports moving, whoever dies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event

from sqlalchemy.exc import SQLAlchemyError

from app.exports.upkeep import expire_exports, forget_deleted, requeue_stale_exports, sweep_storage
from app.extensions import db
from app.storage import StorageFault, StorageRefused

log = logging.getLogger(__name__)


def reconcile_until(stop: Event, *, every: float, sweep_every: float, also: Callable[[], object]) -> None:
    """Look after exports until told to stop; a fault in one round is logged and the next round tries again.

    :param every: seconds between looks at stale parts
    :param sweep_every: seconds between looks at what is to be expired or swept
    :param also: called with each sweep
    """
    rounds_to_sweep = max(1, round(sweep_every / every))
    number = 0
    while not stop.is_set():
        try:
            _look(number % rounds_to_sweep == 0, also)
        except (SQLAlchemyError, StorageFault, StorageRefused, OSError):
            log.exception("a round of upkeep failed; the next one tries again")
        finally:
            db.session.remove()
        number += 1
        stop.wait(every)


def _look(sweeps: bool, also: Callable[[], object]) -> None:
    found = requeue_stale_exports()
    if found.parts or found.failed:
        log.info("put back %s parts, failed %s exports", found.parts, found.failed)
    if sweeps:
        expired, swept = expire_exports(), sweep_storage()
        forget_deleted()
        also()
        if expired or swept:
            log.info("expired %s exports, swept %s objects", expired, swept)

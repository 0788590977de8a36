"""The heartbeat of a part: keeps its lease while it is built, and stops a builder that must not go on."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import SQLAlchemyError

from app import logs
from app.exports.claims import Claim, Lost, done_under, held, milliseconds
from app.exports.pace import current_pace
from app.extensions import db
from app.models import Export, ExportPart
from app.models.export import PENDING_STATES
from app.models.transactions import WRITING
from app.models.types import database_now

log = logging.getLogger(__name__)
STOPPED_BY_ITSELF = 70


class Heart:
    """Beats in a thread of its own while a part is built.

    A builder that could not beat for ``give_up`` seconds ends its process at once: its lease is about to run out, and
    then the part is another's. A builder that was frozen past its lease finds out at its next beat, at
    :meth:`check`, or at the latest by the fence when it commits.
    """

    def __init__(self, claim: Claim, on_loss: Callable[[], None] = lambda: None) -> None:
        """:param on_loss: called in the heart's own thread when the part is lost"""
        self._claim = claim
        self._on_loss = on_loss
        self._pace = current_pace()
        self._engine: Engine = db.engine
        self._lost = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Go on only while the part is held.

        :raises Lost: it is not, or its export was cancelled
        """
        if self._lost.is_set():
            raise Lost

    def _beat_on(self) -> None:
        # A thread begins without what its starter's lines are about.
        with logs.about(**self._claim.for_log):
            self._beat_until_done()

    def _beat_until_done(self) -> None:
        last = time.monotonic()
        while not self._done.wait(self._pace.beat):
            try:
                if not self._beat():
                    self._lost.set()
                    self._on_loss()
                    return
                last = time.monotonic()
            except SQLAlchemyError:
                log.warning("a beat did not reach the database", exc_info=True)
            if time.monotonic() - last > self._pace.give_up:
                log.error("no beat for too long: this builder stops itself")
                os._exit(STOPPED_BY_ITSELF)

    def _beat(self) -> bool:
        with self._engine.connect().execution_options(**WRITING) as connection, connection.begin():
            beaten = connection.execute(
                update(ExportPart)
                .where(held(self._claim))
                .values(
                    lease_until=database_now(milliseconds(self._pace.lease)),
                    beat_at=database_now(),
                )
            ).rowcount
            if not beaten:
                # Finished a moment ago it is nobody's any more, and the builder may have begun the next one.
                return connection.execute(done_under(self._claim)).first() is not None
            pending = connection.execute(
                select(Export.id).where(Export.id == self._claim.export_id, Export.state.in_(PENDING_STATES))
            ).first()
        return pending is not None

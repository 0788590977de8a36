"""The builder of this process: started when it is first needed, kept between parts, ended when one is lost."""

from __future__ import annotations

import os

from app.builder.hired import Builder
from app.extensions import db
from app.storage import storage

MOST_KEPT_BYTES = 512 << 20
"""A builder that holds more memory than that is not kept for the next export."""


class _Kept:
    """A fork of this process does not take over its parent's builder, unless it was kept for that."""

    def __init__(self) -> None:
        self._builder: Builder | None = None
        self._of: int = 0
        self._for_a_fork = False

    def keep(self) -> None:
        """Have a builder ready for whom this process forks next, one process at a time: to start one takes as long as a
        small export.
        """
        if self._builder is None or self._of != os.getpid() or self._builder.held_bytes > MOST_KEPT_BYTES:
            self.end()
            self._builder, self._of = Builder(), os.getpid()
        self._builder.start()
        self._for_a_fork = True

    def here(self) -> Builder:
        """This process's builder, told where database and storage are; it may not run yet."""
        if self._builder is None or self._of != os.getpid():
            kept = self._builder if self._for_a_fork else None
            self._builder = kept if kept is not None and kept.is_running else Builder()
            self._of = os.getpid()
        self._for_a_fork = False
        self._builder.take_place(db.engine.url.render_as_string(hide_password=False), storage.settings.to_json())
        return self._builder

    def interrupt(self) -> None:
        """Kill it, from any thread: whoever waits for its word, which may never come, hears that it is gone."""
        if self._builder is not None and self._of == os.getpid():
            self._builder.interrupt()

    def end(self) -> None:
        """End it, whatever it was doing."""
        if self._builder is not None and self._of == os.getpid():
            self._builder.end()


kept_builder = _Kept()

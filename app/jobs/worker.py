"""The worker: RQ's, which forks a work horse for each bell, with a builder that is kept from horse to horse."""

from __future__ import annotations

import gc
from resource import struct_rusage
from typing import Any

from rq import Worker

from app.exports import kept_builder
from app.models.transactions import settle_models


class ExportWorker(Worker):
    """Lends its horse a builder that runs already. A horse that fell may have left it in the middle of something."""

    def work(self, *args: Any, **options: Any) -> bool:
        # All that stands here now will stand as long as the worker. A horse that looked it through for garbage would
        # have each page of it copied: four tenths of a second, more than a small export takes. What is settled here, no
        # horse has to settle for itself: another tenth.
        settle_models()
        gc.collect()
        gc.freeze()
        kept_builder.keep()
        try:
            return super().work(*args, **options)
        finally:
            kept_builder.end()

    def execute_job(self, *args: Any, **options: Any) -> None:
        kept_builder.keep()
        super().execute_job(*args, **options)
        # Now, when nobody waits for it.
        kept_builder.keep()

    def wait_for_horse(self) -> tuple[int | None, int | None, struct_rusage | None]:
        found = super().wait_for_horse()
        if found[1] != 0:
            kept_builder.end()
        return found

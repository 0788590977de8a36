"""How long a look at what an export would be may take: whoever only looks must not keep the database busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.access.patience import patiently
from app.errors import Unavailable

PREVIEW_SECONDS = 10.0
TOO_MUCH = "This is too much to preview. You can still launch the export."


@contextmanager
def limited_time(seconds: float | None = None) -> Iterator[None]:
    """End what the block reads through the session when it takes too long. Also a decorator.

    :param seconds: :data:`PREVIEW_SECONDS` when not given
    :raises Unavailable: see :func:`~app.access.patience.patiently`
    """
    with patiently(PREVIEW_SECONDS if seconds is None else seconds, Unavailable(TOO_MUCH)):
        yield

"""The one clock for dates that people see. Leases and order use the database's own clock instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


def _system_now() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system_now


def now() -> datetime:
    """The present instant in UTC, cut to whole milliseconds: what the database keeps."""
    present = _source()
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


def turn(source: Callable[[], datetime] | None) -> None:
    """Let another function tell the time (tests); ``None`` gives the system's clock back."""
    global _source
    _source = source or _system_now

"""What SQLAlchemy compiles for each statement on SQLite, compiled once for all applications that tests make.

Compiled statements are kept by an engine, under its dialect. Tests make two thousand engines of equal dialects; to
compile the same statements for each took a fifth of the time of a page's test.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, util
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite as Dialect

_compiled: util.LRUCache[Any, Any] = util.LRUCache(4000)


def share() -> None:
    """From now on, in this process."""

    def engine_created(_cls: type, engine: Engine) -> None:
        engine._compiled_cache = _compiled

    def alike(self: Dialect, other: object) -> bool:
        return type(other) is type(self)

    Dialect.engine_created = classmethod(engine_created)  # type: ignore[method-assign,assignment]
    Dialect.__eq__ = alike  # type: ignore[method-assign,assignment]
    Dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]

"""Instants as whole milliseconds in SQL, the same on both databases: a million of them are integers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
GRAIN_MS = {"hour": HOUR_MS, "day": DAY_MS}


class epoch_ms(GenericFunction[int]):  # noqa: N801  # reads as the SQL function it is
    """An instant's milliseconds since 1970."""

    type = BigInteger()
    inherit_cache = True
    name = "epoch_ms"


@compiles(epoch_ms, "sqlite")
def _sqlite_epoch(element: epoch_ms, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(epoch_ms, "postgresql")
def _postgresql_epoch(element: epoch_ms, compiler: SQLCompiler, **kw: Any) -> str:
    # extract() gives an exact numeric since PostgreSQL 14.
    return f"(extract(epoch FROM {compiler.process(element.clauses, **kw)}) * 1000)::bigint"

"""Column types and SQL functions that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Integer, String
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01 UTC; the instant must know its zone."""
    return (instant - EPOCH) // MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


class Instant(TypeDecorator[datetime]):
    """A UTC instant in milliseconds: INTEGER since 1970 on SQLite, ``timestamptz(3)`` on PostgreSQL."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True, precision=3))
        return dialect.type_descriptor(BigInteger().with_variant(Integer(), "sqlite"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must know its zone")
        milliseconds = to_milliseconds(value)
        return from_milliseconds(milliseconds) if dialect.name == "postgresql" else milliseconds

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else from_milliseconds(value)


class Id(TypeDecorator[UUID]):
    """A UUID: ``uuid`` on PostgreSQL; dashed text on SQLite, so that it can be spliced into documents as it is."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(String(36))

    def process_bind_param(self, value: UUID | str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        known = value if isinstance(value, UUID) else UUID(value)
        return known if dialect.name == "postgresql" else str(known)

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        if value is None or isinstance(value, UUID):
            return value
        return UUID(value)


BigId = BigInteger().with_variant(Integer(), "sqlite")
"""An integer key that both databases count up by themselves."""


class database_now(GenericFunction[datetime]):  # noqa: N801 - reads as the SQL function that it is
    """The database's own clock, moved by whole milliseconds: what leases, fences and order compare."""

    type = Instant()
    inherit_cache = True
    name = "database_now"


@compiles(database_now, "sqlite")
def _sqlite_now(element: database_now, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite 3.40 has no unixepoch('subsec').
    now = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"
    return f"({now} + {_offset(element, compiler, kw)})"


@compiles(database_now, "postgresql")
def _postgresql_now(element: database_now, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(clock_timestamp() + ({_offset(element, compiler, kw)}) * interval '1 millisecond')"


def _offset(element: database_now, compiler: SQLCompiler, kw: dict[str, Any]) -> str:
    clauses = list(element.clauses)
    return compiler.process(clauses[0], **kw) if clauses else "0"


def one_of(column: str, values: tuple[str, ...], name: str) -> CheckConstraint:
    """A check that a text column holds one of a few words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)

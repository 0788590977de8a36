"""Alembic's way in: runs the migrations on the application's own database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Column, text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import SchemaItem

import app.models  # noqa: F401 - makes every table known
from app.extensions import db
from app.models.transactions import WRITING

# Those of months, the default one, and what an interrupted run of the command left.
PARTITION = re.compile(r"measurement_(\d{4}_\d{2}|pdefault|next)")


def include_object(item: SchemaItem, name: str | None, kind: str, reflected: bool, compared: SchemaItem | None) -> bool:
    """Leave out the partitions of the measurement table, which the maintenance command makes, and the index that is
    its key on PostgreSQL: a model cannot say that."""
    partition = kind == "table" and PARTITION.match(name or "") is not None
    return not partition and not (kind == "index" and name == "uq_measurement")


def compare_type(_context: object, _found: object, column: Column[object], *_types: object) -> bool | None:
    """SQLite's STRICT tables know only a few plain type names, so theirs never look like the models'."""
    return False if column.table is not None and column.table.name.startswith("measurement") else None


@contextmanager
def without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite alters a table by building it anew and dropping the old one. With foreign keys on, that would delete, or
    empty, the rows that refer to it."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        _switch_foreign_keys(connection, on=False)
    try:
        yield
    finally:
        if sqlite:
            _switch_foreign_keys(connection, on=True)


def _switch_foreign_keys(connection: Connection, *, on: bool) -> None:
    # Past SQLAlchemy, which would begin a transaction first: within one SQLite ignores the switch without a word.
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")
    found = cursor.execute("PRAGMA foreign_keys").fetchone()
    cursor.close()
    if bool(found[0]) is not on:
        raise RuntimeError("foreign keys cannot be switched: a transaction is open")


def run(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=sqlite,
        include_object=include_object,
        compare_type=compare_type,
        transaction_per_migration=False,
        # SQLite's too: our connections begin by themselves, so that nothing is committed before it is looked at.
        transactional_ddl=True,
    )
    with without_foreign_keys(connection), context.begin_transaction():
        context.run_migrations()
        if sqlite:
            broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
            if broken:
                raise RuntimeError(f"the migration broke foreign keys: {broken[:5]}")


with db.engine.connect().execution_options(**WRITING) as connection:
    run(connection)

"""Rows prepared before a transaction, in a file: a load holds the lock for as long as inserting takes, no longer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Table

from app.extensions import db
from app.models import Revision
from app.terminology.documents import NOW, instant_text

ROWS_AT_ONCE = 1_000


class Spool:
    """Rows as lines of JSON, read back as often as one likes. ``NOW`` in a document becomes the load's instant."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the spool
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(row) + b"\n")
        self.count += 1

    def rows(self, at: datetime) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        # Its length does not change, so a row's count of bytes stays right.
        before, after = NOW.encode(), instant_text(at).encode()
        for line in self._file:
            yield orjson.loads(line.replace(before, after))

    def close(self) -> None:
        self._file.close()


def insert_spooled(table: Table, rows: Iterable[dict[str, Any]], revision: Revision) -> None:
    """Insert rows of concepts or mappings at a revision."""
    names = [column.name for column in table.columns]
    whole = {"updated_at": revision.at, "revision": revision.number, "changed_by": None}
    insert_many(table, names, ([(row | whole)[name] for name in names] for row in rows))


def insert_many(table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows as each database takes them fastest: COPY, or executemany on SQLite.

    :param rows: values in the order of ``names``, in Python's own types
    """
    connection = db.session.connection()
    processors = [
        table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for name in names
    ]
    ready = (
        [value if change is None else change(value) for change, value in zip(processors, row, strict=True)]
        for row in rows
    )
    listed = ", ".join(names)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN") as copy:
            for row in ready:
                copy.write_row(row)
        return
    marks = ", ".join("?" for _ in names)
    while some := list(islice(ready, ROWS_AT_ONCE)):
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", list(map(tuple, some)))  # noqa: S608

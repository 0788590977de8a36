"""Entities: ready documents spliced together as whole pages of text, never parsed where the file is of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson
import pyarrow as pa

from app.builder import csv_text, json_text, parquet
from app.builder.columns import column_of, texts_of
from app.builder.fragments import Bytes, Made, Recipe
from app.builder.naming import ANY_ID
from app.rows.source import Source

_ASKED_AT_ONCE = 2_000


def make_records(source: Source, recipe: Recipe) -> Made:
    """A fragment of a data type's file.

    Each of ``statements`` gives a page of records, in which ``words`` say what the other side is called.
    ``references`` names the attributes that point at other records, and ``names`` is the statement that tells what
    those are called; ``columns`` are those of CSV and Parquet.
    """
    made = Made()
    pages = _pages(source, recipe, made)
    if recipe["format"] == "csv":
        made.pieces = _csv(pages, recipe)
    elif recipe["format"] == "parquet":
        made.pieces = parquet.file_of(parquet.schema_of(recipe["columns"]), (_table(page, recipe) for page in pages))
    else:
        made.pieces = json_text.framed(pages, recipe)
    return made


def _pages(source: Source, recipe: Recipe, made: Made) -> Iterator[Bytes]:
    """Pages of NDJSON."""
    naming = _Naming(source, recipe) if recipe["references"] else None
    for statement in recipe["statements"]:
        page = source.records(statement, recipe["words"])
        if page.count:
            made.rows += page.count
            yield naming.named(page.text) if naming else page.text


class _Naming:
    """Puts beside the id of another record what that record was called."""

    def __init__(self, source: Source, recipe: Recipe) -> None:
        self._source, self._statement = source, recipe["names"]
        keys = b"|".join(re.escape(name.encode()) for name in recipe["references"])
        # A quote inside a text has a backslash before it, so this is found at keys only.
        self._pattern = re.compile(rb'(?<=")(%s)":\{"id":"([0-9a-f-]{36})"\}' % keys)
        self._known: dict[bytes, bytes] = {}

    def named(self, page: Bytes) -> bytes:
        pieces = self._pattern.split(page)
        self._learn(set(pieces[2::3]) - self._known.keys())
        pieces[1::3] = [key + b'":' for key in pieces[1::3]]
        pieces[2::3] = map(self._known.__getitem__, pieces[2::3])
        return b"".join(pieces)

    def _learn(self, unknown: set[bytes]) -> None:
        wanted = sorted(unknown)
        for one in wanted:
            self._known[one] = b'{"id":"%s"}' % one
        for begin in range(0, len(wanted), _ASKED_AT_ONCE):
            some = b", ".join(b"'%s'" % one for one in wanted[begin : begin + _ASKED_AT_ONCE])
            lines = self._source.cells(self._statement.replace(f"'{ANY_ID}'", some.decode())).splitlines()
            self._known.update(line.split(b"\t", 1) for line in lines)  # type: ignore[misc]  # pairs


def _csv(pages: Iterator[Bytes], recipe: Recipe) -> Iterator[Bytes]:
    columns, guarded = recipe["columns"], recipe["for_spreadsheets"]
    if recipe["first"]:
        yield csv_text.header([column["name"] for column in columns], guarded)
    for page in pages:
        rows = _parsed(page)
        yield csv_text.lines([texts_of(rows, column, guarded) for column in columns])


def _table(page: Bytes, recipe: Recipe) -> Any:
    rows = _parsed(page)
    arrays = list(map(partial(column_of, rows), recipe["columns"]))
    return pa.Table.from_arrays(arrays, schema=parquet.schema_of(recipe["columns"]))


def _parsed(page: Bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = orjson.loads(b"[%s]" % bytes(page[:-1]).replace(b"\n", b","))
    return rows

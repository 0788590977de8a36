"""Rows out of PostgreSQL: COPY taken in blocks, and arrays that the server gathers for whole ranges."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg.pq import ExecStatus

from app.rows.blocks import Grid
from app.rows.gathered import HEADER_BYTES, fields_of, gathering, ids, milliseconds, numbers, texts
from app.rows.measured import COLUMNS, as_timestamp, blocks_statement, rows_of
from app.rows.record_lines import IDS, INSTANTS, NO_LINES, SEPARATOR, TEXTS, Lines, joined, lines_of
from app.rows.source import Integers, Range, SourceFault, Values, only, sorted_values
from app.rows.stretches import Gap, Sealed, Stretch, as_grids, as_values, stretches_of

_SETTINGS = (
    "client_encoding = 'UTF8'",
    "standard_conforming_strings = on",
    "default_transaction_read_only = on",
    "TimeZone = 'UTC'",
    "DateStyle = 'ISO'",
    "extra_float_digits = 1",
    # These statements are short, and many: neither pays for itself.
    "jit = off",
    "max_parallel_workers_per_gather = 0",
    # Pages lie between two places of an index. PostgreSQL takes them for a fifth of the table, and would read it all.
    "enable_seqscan = off",
    "enable_bitmapscan = off",
)
_ROWS_AT_ONCE = 8_192
_COPY_DONE = (-1, b"")
_COPY_END = b"\xff\xff"
_IDS_AT_ONCE = 256
"""The documents of so many ids, half a megabyte mostly, are gathered into one text. One of several megabytes costs the
server thrice as much: it is made in memory that the system has to give, and takes back, for each."""
_COPY_SIGN = b"PGCOPY\n\xff\r\n\0"
# How many fields, then each one's length and the field itself.
_BLOCK_HEAD = struct.Struct(">hiqiqiqi")
_IN_MILLISECONDS = "(extract(epoch FROM {}) * 1000)::bigint"
# OFFSET keeps the rows' SELECT apart, to be run once for each stretch by the key of the table.
_JOIN = (
    f"SELECT own.* FROM {{gaps}} AS gap (series, start, stop), LATERAL (SELECT {COLUMNS} FROM {{table}}"  # noqa: S608
    " WHERE series_id = gap.series::bigint AND time >= gap.start AND time < gap.stop AND {chosen} OFFSET 0) AS own"
)


class PostgreSQLSource:
    """See :class:`app.rows.source.Source`. Each statement is a transaction of its own."""

    def __init__(self, url: str) -> None:
        try:
            address = url.replace("postgresql+psycopg://", "postgresql://", 1)
            self._connection = psycopg.connect(address, autocommit=True)
            for setting in _SETTINGS:
                self._connection.execute(f"SET {setting}")
        except psycopg.Error as fault:
            raise SourceFault(str(fault)) from fault

    def values(self, wanted: Range) -> Values:
        return as_values(self._stretches(wanted))

    def grids(self, wanted: Range) -> list[Grid]:
        return as_grids(self._stretches(wanted))

    def records(self, statement: str, words: Mapping[str, Any]) -> Lines:
        named = TEXTS if words["keyed"] else TEXTS[1:]
        gathered = f"SELECT {gathering(named, IDS, INSTANTS)} FROM ({statement}) AS page"  # noqa: S608  # our own names
        found = b"".join(self._copy(f"COPY ({gathered}) TO STDOUT (FORMAT BINARY)"))
        fields = iter(fields_of(found, 2 * len(named) + len(IDS) + len(INSTANTS)))
        of_texts = [texts(next(fields), next(fields)) for _ in named]
        count = len(of_texts[0])
        if not count:
            return NO_LINES
        # Nothing is asked, nor said, of keys that nobody goes by.
        keys = [] if words["keyed"] else [pa.nulls(count, pa.string())]
        of_ids = [ids(next(fields)) for _ in IDS]
        return lines_of([*of_ids, *keys, *of_texts, *(pa.array(milliseconds(one)) for one in fields)], words)

    def cells(self, statement: str) -> bytes:
        found = b"".join(self._copy(f"COPY ({statement}) TO STDOUT"))
        # COPY's text form doubles backslashes; tabs and line ends cannot occur in what is asked for.
        return found.replace(b"\\\\", b"\\") if b"\\" in found else found

    def documents(self, statement: str) -> Lines:
        # They come with what stands between them: unless some are of the history, they are what is wanted.
        gathered = f"SELECT string_agg(document, '{SEPARATOR}'), array_agg(octet_length(document)), array_agg(id)"
        gathered += f" FROM ({statement}) AS page GROUP BY id / {_IDS_AT_ONCE}"
        found = [(numbers(ids, "int8"), told, lengths) for told, lengths, ids in self._gathered(gathered, 3)]
        groups = [_in_order(*one) for one in sorted(found, key=lambda one: int(one[0][0]))]
        return Lines(sum(one.count for one in groups), SEPARATOR.encode().join(one.text for one in groups))

    def close(self) -> None:
        self._connection.close()

    def _gathered(self, statement: str, fields: int) -> Iterator[list[memoryview]]:
        """Rows of aggregates, each taken apart."""
        for row in self._copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", rows_at_once=1):
            place = HEADER_BYTES if row.startswith(_COPY_SIGN) else 0
            if len(row) - place > len(_COPY_END):
                yield fields_of(row, fields, place)

    def _stretches(self, wanted: Range) -> list[Stretch]:
        return stretches_of(wanted, self._blocks, self._rows)

    def _blocks(self, wanted: Range) -> Iterator[Sealed]:
        statement = blocks_statement(wanted, as_timestamp, _IN_MILLISECONDS)
        for row in self._copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", rows_at_once=1):
            place = HEADER_BYTES if row.startswith(_COPY_SIGN) else 0
            if len(row) - place >= _BLOCK_HEAD.size:
                _, _, series, _, start, _, stop, length = _BLOCK_HEAD.unpack_from(row, place)
                begin = place + _BLOCK_HEAD.size
                yield Sealed(series, start, stop, row[begin : begin + length])

    def _rows(self, wanted: Range, gaps: list[Gap]) -> Values:
        """One row of four arrays: a row for each value would cost the most of the reading."""
        alone = len({gap.series for gap in gaps}) == 1
        gathered = "array_agg(time), array_agg(metric_id), array_agg(value)"
        gathered += "" if alone else ", array_agg(series_id)"
        union = rows_of(wanted, gaps, as_timestamp, _JOIN)
        statement = f"SELECT {gathered} FROM ({union}) AS found"  # noqa: S608  # whole numbers of ours
        found = b"".join(self._copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)"))
        times, metrics, values, *series = fields_of(found, 3 if alone else 4)
        instants = milliseconds(times)
        own = numbers(series[0], "int8") if series else np.full(len(instants), gaps[0].series)
        gathered_values = sorted_values(own, instants, numbers(metrics, "int8"), numbers(values, "float8"))
        return only(gathered_values, wanted.metrics)

    def _copy(self, statement: str, rows_at_once: int = _ROWS_AT_ONCE) -> Iterator[bytes]:
        """The answer in blocks of many rows. libpq gives a row at a time; no Python code runs for each."""
        raw = self._connection.pgconn
        try:
            begun = raw.exec_(statement.encode())
            if begun.status != ExecStatus.COPY_OUT:
                raise SourceFault(begun.error_message.decode(errors="replace"))
            rows = iter(partial(raw.get_copy_data, 0), _COPY_DONE)
            while block := b"".join(map(itemgetter(1), islice(rows, rows_at_once))):
                yield block
            self._finish(raw)
        except psycopg.Error as fault:
            raise SourceFault(str(fault)) from fault

    def _finish(self, raw: Any) -> None:
        while (result := raw.get_result()) is not None:
            if result.status != ExecStatus.COMMAND_OK:
                raise SourceFault(result.error_message.decode(errors="replace"))


def _in_order(ids: Integers, written: memoryview, lengths: memoryview) -> Lines:
    """Gathered documents in the order of their ids."""
    if bool((ids[1:] > ids[:-1]).all()):
        return Lines(len(ids), written)
    return joined(pa.array(ids.astype(np.int64)), texts(written, lengths, between=len(SEPARATOR)))

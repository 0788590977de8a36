"""Parquet: zstd, row groups that DuckDB and Spark read in parallel, types and units in the fields' own words."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet as arrow_parquet

ROW_GROUP_ROWS = 131_072
"""A little more than DuckDB's vector of 122,880; Spark joins small groups into a split by itself."""
_ROW_GROUP_BYTES = 128 << 20
"""Wide rows make smaller groups: a group is gathered in memory."""

TYPES: dict[str, Any] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("ms", tz="UTC"),
    "texts": pa.list_(pa.string()),
    "category": pa.dictionary(pa.int32(), pa.string()),
}


def schema_of(fields: Sequence[Mapping[str, Any]]) -> Any:
    """An Arrow schema of fields ``{"name", "type", …}``; every other value of a field goes into its metadata."""
    return pa.schema(
        [
            pa.field(
                field["name"],
                TYPES[field["type"]],
                metadata={key: str(value) for key, value in field.items() if key not in ("name", "type") and value},
            )
            for field in fields
        ]
    )


def wide_file(parts: Iterable[tuple[NDArray[Any], list[Any]]], fields: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """A whole file of instants and columns of numbers, in pieces."""
    schema = schema_of(fields)

    def tables() -> Iterator[Any]:
        for times, columns in parts:
            yield pa.Table.from_arrays([pa.array(times).cast(schema.field(0).type), *columns], schema=schema)

    return file_of(schema, tables())


def file_of(schema: Any, tables: Iterable[Any]) -> Iterator[bytes]:
    """A whole file, given out as its row groups are written; small tables are gathered into one group."""
    sink = _Sink()
    waiting: list[Any] = []
    with arrow_parquet.ParquetWriter(
        sink, schema, compression="zstd", compression_level=1, write_statistics=True, store_schema=True
    ) as writer:
        for table in tables:
            waiting.append(table)
            rows, size = sum(map(len, waiting)), sum(one.nbytes for one in waiting)
            if rows >= ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES:
                _write(writer, waiting)
                yield sink.taken()
        if waiting:
            _write(writer, waiting)
    yield sink.taken()


def _write(writer: Any, waiting: list[Any]) -> None:
    whole = pa.concat_tables(waiting)
    waiting.clear()
    writer.write_table(whole, row_group_size=2 * ROW_GROUP_ROWS)


class _Sink(io.RawIOBase):
    """Takes what a writer writes and gives it out again; it only goes forward."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._length += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._length

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

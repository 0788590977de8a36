"""Bytes out of Arrow."""

from __future__ import annotations

from typing import Any

from app.arrow import pa


def text_of(column: Any) -> memoryview:
    """The bytes of a string column, all of them in one piece, where they lie: not copied."""
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 0:
            return memoryview(b"")
        column = column.combine_chunks() if column.num_chunks > 1 else column.chunk(0)
    if not len(column):
        return memoryview(b"")
    wide = pa.types.is_large_string(column.type)
    offsets = memoryview(column.buffers()[1]).cast("q" if wide else "i")
    begin, end = offsets[column.offset], offsets[column.offset + len(column)]
    data = column.buffers()[2]
    # Arrow's own view is of signed bytes, which equal no others.
    return memoryview(data).cast("B")[begin:end] if data is not None else memoryview(b"")

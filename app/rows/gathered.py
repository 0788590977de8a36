"""What PostgreSQL gathered into one row: texts in a row with their lengths beside them, ids, and arrays of numbers.

A row for each record would cost the client more than all the rest of the reading; one binary row of aggregates costs it
next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.rows.instants import POSTGRESQL_EPOCH_MS

HEADER_BYTES = 19
"""Of COPY's binary form, before its first row."""
_FIELDS_BYTES = 2
_ARRAY_HEADER_BYTES = 20
_HEXADECIMAL = np.array([f"{one:02x}" for one in range(256)], dtype="S2").view(np.uint16)
_ID_SIGNS = 36
# Which hexadecimal digits stand where in an id's text.
_ID_GROUPS = ((slice(0, 8), 0), (slice(8, 12), 9), (slice(12, 16), 14), (slice(16, 20), 19), (slice(20, 32), 24))
_ELEMENTS = {
    "int4": np.dtype([("length", ">i4"), ("value", ">i4")]),
    "int8": np.dtype([("length", ">i4"), ("value", ">i8")]),
    "float8": np.dtype([("length", ">i4"), ("value", ">f8")]),
}


def fields_of(row: bytes, how_many: int, place: int = HEADER_BYTES) -> list[memoryview]:
    """The fields of COPY's binary row at that place; an empty one for NULL, which an aggregate of nothing is."""
    place += _FIELDS_BYTES
    whole, found = memoryview(row), []
    for _ in range(how_many):
        length = max(0, int.from_bytes(whole[place : place + 4], "big", signed=True))
        place += 4
        found.append(whole[place : place + length])
        place += length
    return found


def numbers(field: memoryview, kind: str) -> NDArray[Any]:
    """The elements of a gathered array, of which none is NULL.

    :param kind: ``int4``, ``int8`` or ``float8``
    """
    element = _ELEMENTS[kind]
    if len(field) <= _ARRAY_HEADER_BYTES:
        return np.empty(0, dtype=element["value"].newbyteorder("="))
    return np.frombuffer(field, element, offset=_ARRAY_HEADER_BYTES)["value"]


def milliseconds(field: memoryview) -> NDArray[np.int64]:
    """Gathered ``timestamptz`` as milliseconds since 1970."""
    times: NDArray[np.int64] = numbers(field, "int8") // 1000 + POSTGRESQL_EPOCH_MS
    return times


def texts(field: memoryview, lengths: memoryview, between: int = 0) -> Any:
    """Gathered texts as an Arrow array, whose bytes are those of the field.

    :param lengths: each text's length in bytes, gathered beside them
    :param between: bytes that stand between two of them in the field, and belong to neither
    """
    each = numbers(lengths, "int4")
    if between:
        behind = np.cumsum(each[:-1] + between)
        apart = behind[:, np.newaxis] - np.arange(1, between + 1)
        field = memoryview(np.delete(np.frombuffer(field, np.uint8), apart.ravel()).data)
    ends = np.zeros(len(each) + 1, dtype=np.int32)
    np.cumsum(each, out=ends[1:])
    return pa.StringArray.from_buffers(len(each), pa.py_buffer(ends), pa.py_buffer(field))


def ids(field: memoryview) -> Any:
    """Gathered ids, sixteen bytes each, as an Arrow array of their texts."""
    pairs = _HEXADECIMAL[np.frombuffer(field, np.uint8)].view(np.uint8).reshape(-1, 32)
    written = np.full((len(pairs), _ID_SIGNS), ord("-"), dtype=np.uint8)
    for digits, place in _ID_GROUPS:
        written[:, place : place + digits.stop - digits.start] = pairs[:, digits]
    ends = np.arange(0, written.size + 1, _ID_SIGNS, dtype=np.int32)
    return pa.StringArray.from_buffers(len(pairs), pa.py_buffer(ends), pa.py_buffer(written))


def gathering(texts: Sequence[str], ids: Sequence[str] = (), instants: Sequence[str] = ()) -> str:
    """The aggregates that :func:`fields_of` takes apart: two for each column of text, one for each of ids and instants.

    Ids go as their bytes: as texts they would cost the server as much as the documents.
    """
    gathered = [f"string_agg({one}, ''), array_agg(octet_length({one}))" for one in texts]
    gathered += [f"string_agg(uuid_send({one}), '')" for one in ids]
    return ", ".join([*gathered, *(f"array_agg({one})" for one in instants)])

"""Fragments: what goes in comes out, and the same rows give the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive import SLICE_BYTES, Fragment, FragmentWriter, crc32_combine
from app.archive.crc import crc32_of_pieces
from tests.archive.making import fragment_of

A_LONG_TEXT = b"".join(b"%d,%.3f\r\n" % (row, row / 7) for row in range(200_000))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(data=st.binary(max_size=5_000), final=st.booleans())
def test_a_fragment_inflates_to_what_was_written_and_tells_its_sums(data: bytes, final: bool) -> None:
    fragment, compressed = fragment_of([data], final=final, rows=3)
    reader = zlib.decompressobj(-15)
    assert reader.decompress(compressed) == data
    assert reader.eof is final
    assert fragment == Fragment(
        length=len(compressed),
        crc32=zlib.crc32(data),
        raw_length=len(data),
        rows=3,
        sha256=hashlib.sha256(compressed).hexdigest(),
        final=final,
    )


@given(places=st.lists(st.integers(min_value=0), max_size=30))
def test_the_same_rows_give_the_same_bytes_however_the_writes_were_cut(places: list[int]) -> None:
    assert len(A_LONG_TEXT) > 2 * SLICE_BYTES
    assert fragment_of(cut(A_LONG_TEXT, places), final=False) == fragment_of([A_LONG_TEXT], final=False)


@pytest.mark.parametrize("size", [SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 2 * SLICE_BYTES, 3 * SLICE_BYTES - 5])
def test_writes_that_end_at_the_edge_of_a_slice_give_the_same_bytes(size: int) -> None:
    data = random.Random(size).randbytes(size // 2) + A_LONG_TEXT[: size - size // 2]
    whole = fragment_of([data], final=True)
    assert fragment_of([data[:SLICE_BYTES], data[SLICE_BYTES:]], final=True) == whole
    assert fragment_of([data[:-1], data[-1:]], final=True) == whole
    assert fragment_of([data[start : start + 70_001] for start in range(0, size, 70_001)], final=True) == whole


def test_the_same_rows_give_the_same_bytes_wherever_in_memory_they_are_compressed() -> None:
    rows = [b"%08d," % (one * 7_654_321) + bytes(range(256)) * 4 + b"%08d," % (one * 7_654_321) for one in range(40)]
    first = [fragment_of([row], final=False)[0].sha256 for row in rows]
    kept = []
    for _ in range(600):
        # Each stands where none stood before.
        kept.append(FragmentWriter(io.BytesIO(), final=False))
        assert [fragment_of([row], final=False)[0].sha256 for row in rows] == first


def test_the_slices_are_compressed_as_exact_mebibytes_behind_their_first_bytes() -> None:
    """The bytes are a promise (an archive's checksum): this is the slow way, written out."""
    from isal import isal_zlib

    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    expected = compressor.compress(A_LONG_TEXT[:8]) + compressor.flush(isal_zlib.Z_SYNC_FLUSH)
    for start in range(0, len(A_LONG_TEXT), 1 << 20):
        expected += compressor.compress(A_LONG_TEXT[max(8, start) : start + (1 << 20)])
    expected += compressor.flush(isal_zlib.Z_FULL_FLUSH)
    assert fragment_of([A_LONG_TEXT], final=False)[1] == expected


@given(raw=st.lists(st.binary(max_size=300), min_size=1, max_size=8))
def test_fragments_laid_end_to_end_are_one_stream(raw: list[bytes]) -> None:
    made = [fragment_of([one], final=number == len(raw)) for number, one in enumerate(raw, start=1)]
    reader = zlib.decompressobj(-15)
    assert reader.decompress(b"".join(compressed for _, compressed in made)) == b"".join(raw)
    assert reader.eof
    assert crc32_of_pieces((one.crc32, one.raw_length) for one, _ in made) == zlib.crc32(b"".join(raw))


def test_a_writer_takes_any_buffer_and_says_how_much_it_has() -> None:
    writer = FragmentWriter(io.BytesIO(), final=True)
    assert writer.write(bytearray(b"abc")) == 3
    assert writer.write(memoryview(b"defgh").cast("B")[1:3]) == 2
    assert writer.raw_length == 5
    assert writer.finish(0).crc32 == zlib.crc32(b"abcef")


def test_a_finished_fragment_takes_nothing_more() -> None:
    writer = FragmentWriter(io.BytesIO(), final=True)
    writer.finish(0)
    with pytest.raises(ValueError, match="finished"):
        writer.write(b"late")
    with pytest.raises(ValueError, match="finished"):
        writer.finish(0)


def test_a_fragment_survives_a_json_column() -> None:
    fragment, _ = fragment_of([b"rows"], final=True, rows=4)
    assert Fragment.from_json(json.loads(json.dumps(fragment.to_json()))) == fragment


@pytest.mark.parametrize(
    "change",
    [
        {"length": -1},
        {"length": 1.0},
        {"crc32": 1 << 32},
        {"rows": True},
        {"sha256": "ab"},
        {"final": 1},
        {"final": None},
        {"surprise": 1},
    ],
)
def test_what_is_not_a_fragment_is_not_read_as_one(change: dict[str, object]) -> None:
    fragment, _ = fragment_of([b"rows"], final=True)
    with pytest.raises(ValueError, match="not a fragment"):
        Fragment.from_json({**fragment.to_json(), **change})
    missing = fragment.to_json()
    del missing["rows"]
    with pytest.raises(ValueError, match="not a fragment"):
        Fragment.from_json(missing)


@given(first=st.binary(max_size=200), second=st.binary(max_size=200))
def test_combined_sums_are_the_sum_of_the_whole(first: bytes, second: bytes) -> None:
    assert crc32_combine(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


@given(first=st.integers(0, 0xFFFFFFFF), second=st.integers(0, 0xFFFFFFFF), length=st.integers(0, 1 << 50))
def test_combining_is_right_for_lengths_that_nobody_could_write(first: int, second: int, length: int) -> None:
    assert crc32_combine(first, second, length) == combined_by_matrices(first, second, length)


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        crc32_combine(1, 2, -1)


def combined_by_matrices(first: int, second: int, length: int) -> int:
    """zlib's own method, the slow way: shift ``first`` through ``length`` zero bytes by squaring a GF(2)
    operator."""

    def times(matrix: list[int], vector: int) -> int:
        return_value = 0
        for row in matrix:
            if vector & 1:
                return_value ^= row
            vector >>= 1
        return return_value

    operator = [0xEDB88320] + [1 << bit for bit in range(31)]  # one zero bit
    for _ in range(3):
        operator = [times(operator, row) for row in operator]  # one zero byte
    while length:
        if length & 1:
            first = times(operator, first)
        operator = [times(operator, row) for row in operator]
        length >>= 1
    return first ^ second

"""A single file read straight from its place in the archive."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive import DamagedMember, Member, gzip_framed, gzip_length, inflated
from tests.archive.making import archive_of


@given(
    files=st.dictionaries(st.sampled_from("abcdef"), st.lists(st.binary(max_size=2_000), max_size=4), min_size=1),
)
def test_each_member_is_given_back_inflated_and_framed(files: dict[str, list[bytes]]) -> None:
    made, archive = archive_of(files)
    stream = io.BytesIO(archive)
    for member in reversed(made.members):
        content = b"".join(files[member.name])
        assert b"".join(inflated(stream, member)) == content
        framed = b"".join(gzip_framed(stream, member))
        assert gzip.decompress(framed) == content
        assert len(framed) == gzip_length(member)


def test_pieces_stay_small_however_well_the_file_was_compressed() -> None:
    made, archive = archive_of({"zeros": [bytes(20 << 20), bytes(3)]})
    pieces = [len(piece) for piece in inflated(io.BytesIO(archive), made.members[0])]
    assert max(pieces) <= 1 << 20
    assert sum(pieces) == (20 << 20) + 3


@pytest.mark.parametrize("length", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_files_that_end_at_the_edge_of_a_piece_come_back_whole(length: int) -> None:
    data = bytes(n % 251 for n in range(4096)) * (length // 4096 + 1)
    made, archive = archive_of({"a": [data[:length]]})
    assert b"".join(inflated(io.BytesIO(archive), made.members[0])) == data[:length]


def test_the_frame_tells_nothing_of_time_or_host() -> None:
    made, archive = archive_of({"a": [b"x"]})
    framed = b"".join(gzip_framed(io.BytesIO(archive), made.members[0]))
    assert framed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@given(place=st.integers(0, 5_000), flip=st.integers(1, 255))
def test_a_damaged_byte_never_passes_for_the_file(place: int, flip: int) -> None:
    content = bytes((n * 7919) % 256 for n in range(4_000))
    made, archive = archive_of({"a": [content[:1_000], content[1_000:]]})
    member = made.members[0]
    damaged = bytearray(archive)
    damaged[member.data_offset + place % member.compressed_length] ^= flip
    try:
        read = b"".join(inflated(io.BytesIO(bytes(damaged)), member))
    except DamagedMember:
        return
    assert read == content  # a bit of padding between blocks, which means nothing


def test_a_damaged_row_byte_is_noticed_by_the_receiver_of_the_frame() -> None:
    made, archive = archive_of({"a": [bytes(range(256)) * 8]})
    member = replace(made.members[0], crc32=made.members[0].crc32 ^ 1)
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(b"".join(gzip_framed(io.BytesIO(archive), member)))


@pytest.mark.parametrize(
    "change",
    [{"crc32": 1}, {"raw_length": 1}, {"raw_length": 9_999}, {"compressed_length": 5}, {"data_offset": 0}],
)
def test_a_place_that_is_not_the_members_is_refused(change: dict[str, Any]) -> None:
    made, archive = archive_of({"a": [b"some rows\r\n" * 50]})
    with pytest.raises(DamagedMember):
        list(inflated(io.BytesIO(archive), replace(made.members[0], **change)))


def test_an_archive_cut_short_is_refused_in_both_forms() -> None:
    made, archive = archive_of({"a": [bytes((n * 7919) % 256 for n in range(4_000))]})
    member = made.members[0]
    short = io.BytesIO(archive[: member.data_offset + member.compressed_length - 1])
    with pytest.raises(DamagedMember, match="ends inside"):
        list(inflated(short, member))
    with pytest.raises(DamagedMember, match="ends inside"):
        list(gzip_framed(short, member))


def test_bytes_after_the_end_of_the_stream_are_refused() -> None:
    made, archive = archive_of({"a": [b"x"], "b": [b"y"]})
    member = replace(made.members[0], compressed_length=made.members[0].compressed_length + 4)
    with pytest.raises(DamagedMember):
        list(inflated(io.BytesIO(archive), member))


def test_a_member_survives_a_json_column() -> None:
    made, _ = archive_of({"a": [b"x"]})
    assert Member(**made.members[0].to_json()) == made.members[0]

"""Archives beyond the old format's limits, really made where that is quick."""

from __future__ import annotations

import io
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from app.archive import FragmentWriter, Staged, ZipWriter, inflated
from app.archive.zip_records import Entry, Zip64From, central_record, end_records, local_header
from tests.archive.making import SNAPSHOT, unpacked_by_unzip

MANY = 66_000
FOUR_GIB = 1 << 32


@pytest.fixture(scope="module")
def many_members(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "many.zip"
    with path.open("wb") as sink:
        writer = ZipWriter(sink, SNAPSHOT)
        for number in range(MANY):
            writer.add(f"{number}.csv", [], fingerprint=False)
        writer.finish()
    return path


@pytest.mark.long
def test_more_members_than_sixteen_bits_can_count(many_members: Path) -> None:
    with zipfile.ZipFile(many_members) as opened:
        assert len(opened.infolist()) == MANY
        assert opened.read(f"{MANY - 1}.csv") == b""


@pytest.mark.long
def test_a_streaming_reader_finds_all_of_them(many_members: Path) -> None:
    with many_members.open("rb") as stream:
        listed = subprocess.run(["bsdtar", "-tf", "-"], stdin=stream, check=True, capture_output=True)
    assert len(listed.stdout.splitlines()) == MANY


@pytest.mark.long
def test_unzip_tests_all_of_them(many_members: Path) -> None:
    unpacked_by_unzip(many_members)


def test_a_file_of_more_than_four_gibibytes(tmp_path: Path) -> None:
    """4 GiB of zeros and a tail: small once compressed, so the sizes are real and the test is quick."""
    compressed = io.BytesIO()
    zeros = FragmentWriter(compressed, final=False)
    block = bytes(1 << 20)
    for _ in range(256):
        zeros.write(block)
    of_zeros, zero_bytes = zeros.finish(1), compressed.getvalue()
    compressed = io.BytesIO()
    last = FragmentWriter(compressed, final=True)
    last.write(b"the end")
    of_last, last_bytes = last.finish(1), compressed.getvalue()

    path = tmp_path / "large.zip"
    with path.open("wb") as sink:
        writer = ZipWriter(sink, SNAPSHOT)
        staged = [Staged(of_zeros, lambda: io.BytesIO(zero_bytes))] * 16
        member = writer.add("large.bin", [*staged, Staged(of_last, lambda: io.BytesIO(last_bytes))], fingerprint=False)
        writer.add_bytes("after.txt", b"still here")
        writer.finish()

    assert member.raw_length == FOUR_GIB + 7
    with zipfile.ZipFile(path) as opened:
        info = opened.getinfo("large.bin")
        assert (info.file_size, info.CRC) == (member.raw_length, member.crc32)
        assert opened.read("after.txt") == b"still here"
    with path.open("rb") as stream:
        # inflated() checks length and CRC-32, which also shows that combining sums is right at this size.
        assert sum(len(piece) for piece in inflated(stream, member)) == member.raw_length
        stream.seek(0)
        listed = subprocess.run(["bsdtar", "-tvf", "-"], stdin=stream, check=True, capture_output=True, text=True)
    assert [line.split()[4] for line in listed.stdout.splitlines()] == [str(FOUR_GIB + 7), "10"]


@pytest.mark.parametrize(
    ("compressed_length", "raw_length", "header_offset", "extra_numbers"),
    [
        (10, 0xFFFFFFFE, 0xFFFFFFFE, []),
        (10, 0xFFFFFFFF, 5, [0xFFFFFFFF, 10]),
        (0xFFFFFFFF, 10, 5, [10, 0xFFFFFFFF]),
        (10, 20, 0xFFFFFFFF, [0xFFFFFFFF]),
        (1 << 33, 1 << 34, 1 << 35, [1 << 34, 1 << 33, 1 << 35]),
    ],
)
def test_a_number_moves_to_the_extra_field_exactly_at_its_limit(
    compressed_length: int, raw_length: int, header_offset: int, extra_numbers: list[int]
) -> None:
    entry = Entry(b"a", (0, 0), 1, compressed_length, raw_length, header_offset)
    record = central_record(entry, Zip64From())
    extra = struct.pack(f"<2H{len(extra_numbers)}Q", 1, 8 * len(extra_numbers), *extra_numbers)
    assert record[47:] == (extra if extra_numbers else b"")
    assert struct.unpack_from("<H", record, 6)[0] == (45 if extra_numbers else 20)

    header = local_header(entry, Zip64From())
    sizes_are_large = len(extra_numbers) > 1
    assert len(header) == 31 + (20 if sizes_are_large else 0)
    written = struct.unpack_from("<2L", header, 18)
    assert written == ((0xFFFFFFFF,) * 2 if sizes_are_large else (compressed_length, raw_length))


@pytest.mark.parametrize(
    ("members", "offset", "length", "large"),
    [
        (65_534, 0xFFFFFFFE, 0xFFFFFFFE, False),
        (65_535, 10, 10, True),
        (1, 0xFFFFFFFF, 10, True),
        (1, 10, 0xFFFFFFFF, True),
    ],
)
def test_the_end_of_the_archive_takes_its_long_form_exactly_at_the_limits(
    members: int, offset: int, length: int, large: bool
) -> None:
    end = end_records(members, offset, length, Zip64From())
    assert len(end) == (56 + 20 + 22 if large else 22)
    if large:
        assert struct.unpack_from("<4Q", end, 24) == (members, members, length, offset)
        assert struct.unpack_from("<LQL", end, 60) == (0, offset + length, 1)
        assert end[76 + 8 : 76 + 20] == b"\xff" * 12


def test_members_beyond_four_gibibytes_into_the_archive_are_found(tmp_path: Path) -> None:
    """A hole stands for what was written before; only the reader's way to the last member counts."""
    sink = io.BytesIO()
    writer = ZipWriter(sink, SNAPSHOT)
    writer._offset = FOUR_GIB + 10
    writer.add_bytes("far.txt", b"found")
    writer.finish()
    path = tmp_path / "far.zip"
    with path.open("wb") as sparse:
        sparse.seek(FOUR_GIB + 10)
        sparse.write(sink.getvalue())
    with zipfile.ZipFile(path) as opened:
        assert opened.getinfo("far.txt").header_offset == FOUR_GIB + 10
        assert opened.read("far.txt") == b"found"
    unpacked_by_unzip(path)

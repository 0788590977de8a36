"""The archive: every reader takes it, it is the same every time, and altered bytes never get in."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.archive import AlteredFragment, DuplicateName, Fragment, Staged, UnsafeName, ZipWriter
from app.archive.zip_records import Zip64From
from tests.archive.making import (
    SNAPSHOT,
    archive_of,
    fragment_of,
    staged_file,
    staged_from,
    unpacked_by_streaming,
    unpacked_by_unzip,
)

FILES = {
    "patients.csv": [b"id,name\r\n" + b"1,Ada\r\n" * 5_000, b"2,Grace\r\n" * 3_000],
    "devices/心電図.ndjson": [b'{"a":1}\n' * 100],
    "empty.csv": [],
    "also empty.csv": [b""],
    "random.bin": [bytes((n * n + n // 7) % 251 for n in range(100_000)), b"", b"tail"],
}
EVERYTHING_LARGE = Zip64From(length=1, members=1)

raw_files = st.dictionaries(
    st.from_regex(r"[b-z0-9]{1,8}(/[b-z0-9]{1,8})?\.csv", fullmatch=True).filter(
        lambda name: name.split(".")[0].split("/")[-1] not in ("con", "prn", "nul")
    ),
    st.lists(st.binary(max_size=3_000), max_size=5),
    max_size=6,
)


def contents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def whole(files: dict[str, list[bytes]]) -> dict[str, bytes]:
    return {name: b"".join(raw) for name, raw in files.items()}


@given(files=raw_files, zip64_from=st.sampled_from([Zip64From(), EVERYTHING_LARGE, Zip64From(length=500)]))
@settings(max_examples=150)
def test_whatever_was_staged_is_read_back_equal(files: dict[str, list[bytes]], zip64_from: Zip64From) -> None:
    made, archive = archive_of(files, zip64_from=zip64_from)
    assert contents(archive) == whole(files)
    assert (made.length, made.sha256) == (len(archive), hashlib.sha256(archive).hexdigest())


@pytest.mark.parametrize("zip64_from", [Zip64From(), EVERYTHING_LARGE], ids=["plain", "zip64"])
def test_unzip_and_a_streaming_reader_take_it(tmp_path: Path, zip64_from: Zip64From) -> None:
    _, archive = archive_of(FILES, zip64_from=zip64_from)
    (tmp_path / "a.zip").write_bytes(archive)
    unpacked_by_unzip(tmp_path / "a.zip")
    unpacked_by_streaming(archive, tmp_path / "unpacked")
    for name, content in whole(FILES).items():
        assert (tmp_path / "unpacked" / name).read_bytes() == content


def test_an_archive_without_members_is_an_archive(tmp_path: Path) -> None:
    _, archive = archive_of({})
    assert contents(archive) == {}
    unpacked_by_streaming(archive, tmp_path / "unpacked")


def test_it_tells_where_each_member_lies_and_what_it_is() -> None:
    made, archive = archive_of(FILES)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for member, info in zip(made.members, opened.infolist(), strict=True):
            content = b"".join(FILES[member.name])
            assert member.name == info.filename
            assert (member.compressed_length, member.raw_length) == (info.compress_size, info.file_size)
            assert member.crc32 == info.CRC
            assert member.data_offset == info.header_offset + 30 + len(info.filename.encode())
            assert member.raw_sha256 == hashlib.sha256(content).hexdigest()
            assert member.rows == len(FILES[member.name])


def test_headers_carry_nothing_of_the_host_and_need_no_descriptor() -> None:
    _, archive = archive_of(FILES)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for info in opened.infolist():
            assert info.date_time == (2024, 5, 6, 7, 8, 10)
            assert info.flag_bits == 0x800
            assert info.compress_type == zipfile.ZIP_DEFLATED
            assert (info.extra, info.comment) == (b"", b"")
            assert info.external_attr >> 16 == 0o100644


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0)),
        (datetime(2999, 1, 1, tzinfo=UTC), (2107, 12, 31, 23, 59, 58)),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-9))), (2107, 12, 31, 23, 59, 58)),
        (datetime(2024, 2, 29, 1, 0, 1, tzinfo=timezone(timedelta(hours=2))), (2024, 2, 28, 23, 0, 0)),
    ],
)
def test_the_time_written_is_the_snapshots_in_utc(moment: datetime, written: tuple[int, ...]) -> None:
    _, archive = archive_of({"a": [b"x"]}, moment=moment)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.infolist()[0].date_time == written


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        ZipWriter(io.BytesIO(), datetime(2024, 1, 1))  # noqa: DTZ001 - the point of the test


def test_small_files_at_hand_are_added_whole() -> None:
    sink = io.BytesIO()
    writer = ZipWriter(sink, SNAPSHOT)
    member = writer.add_bytes("README.txt", "größer\n".encode())
    writer.finish()
    assert contents(sink.getvalue()) == {"README.txt": "größer\n".encode()}
    assert member.raw_sha256 == hashlib.sha256("größer\n".encode()).hexdigest()


def test_a_fingerprint_not_asked_for_changes_no_byte() -> None:
    made, archive = archive_of({"a.csv": FILES["patients.csv"]})
    sink = io.BytesIO()
    writer = ZipWriter(sink, SNAPSHOT)
    member = writer.add("a.csv", staged_file(FILES["patients.csv"]), fingerprint=False)
    writer.finish()
    assert member.raw_sha256 is None
    assert made.members[0].raw_sha256 is not None
    assert sink.getvalue() == archive


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255), which=st.integers(0, 1), fingerprint=st.booleans())
def test_an_altered_staged_byte_is_refused(place: int, flip: int, which: int, fingerprint: bool) -> None:
    made = [fragment_of([raw], final=number == 1) for number, raw in enumerate(FILES["patients.csv"])]
    fragment, compressed = made[which]
    altered = bytearray(compressed)
    altered[place % len(altered)] ^= flip
    made[which] = (fragment, bytes(altered))
    writer = ZipWriter(io.BytesIO(), SNAPSHOT)
    with pytest.raises(AlteredFragment):
        writer.add("a.csv", [staged_from(data, one) for one, data in made], fingerprint=fingerprint)
    with pytest.raises(ValueError, match="torn"):
        writer.finish()


@pytest.mark.parametrize("fingerprint", [True, False])
def test_a_staged_object_cut_short_is_refused(fingerprint: bool) -> None:
    fragment, compressed = fragment_of([b"rows" * 1_000], final=True)
    writer = ZipWriter(io.BytesIO(), SNAPSHOT)
    with pytest.raises(AlteredFragment, match="shorter"):
        writer.add("a.csv", [staged_from(compressed[:-1], fragment)], fingerprint=fingerprint)


def test_a_fragment_whose_promises_do_not_fit_its_bytes_is_refused() -> None:
    """Its bytes are those staged, but the row that describes them was not written for them."""
    fragment, compressed = fragment_of([b"rows" * 1_000], final=True)
    lying = Fragment.from_json({**fragment.to_json(), "raw_length": 4_001})
    writer = ZipWriter(io.BytesIO(), SNAPSHOT)
    with pytest.raises(AlteredFragment, match="length"):
        writer.add("a.csv", [staged_from(compressed, lying)])


def test_several_fragments_may_lie_in_one_staged_object() -> None:
    first, second = fragment_of([b"one\r\n"], final=False), fragment_of([b"two\r\n"], final=True)
    staged_object = first[1] + second[1] + b"and more that is not ours"
    opened: list[io.BytesIO] = []

    def at(offset: int) -> io.BytesIO:
        stream = io.BytesIO(staged_object)
        stream.seek(offset)
        opened.append(stream)
        return stream

    sink = io.BytesIO()
    writer = ZipWriter(sink, SNAPSHOT)
    writer.add("a.csv", [Staged(first[0], lambda: at(0)), Staged(second[0], lambda: at(first[0].length))])
    writer.finish()
    assert contents(sink.getvalue()) == {"a.csv": b"one\r\ntwo\r\n"}
    assert [stream.closed for stream in opened] == [True, True]


@pytest.mark.parametrize("finals", [[False], [True, True], [True, False], [False, True, True]])
def test_fragments_that_do_not_end_where_the_file_ends_are_refused(finals: list[bool]) -> None:
    staged = []
    for final in finals:
        fragment, compressed = fragment_of([b"x"], final=final)
        staged.append(staged_from(compressed, fragment))
    with pytest.raises(ValueError, match="final"):
        ZipWriter(io.BytesIO(), SNAPSHOT).add("a.csv", staged)


def test_a_name_that_climbs_is_refused() -> None:
    with pytest.raises(UnsafeName):
        ZipWriter(io.BytesIO(), SNAPSHOT).add("../../etc/cron.d/x", [])


@pytest.mark.parametrize("other", ["a.csv", "A.CSV"])
def test_two_members_of_one_name_are_refused(other: str) -> None:
    writer = ZipWriter(io.BytesIO(), SNAPSHOT)
    writer.add_bytes("a.csv", b"1")
    with pytest.raises(DuplicateName):
        writer.add_bytes(other, b"2")


def test_a_finished_archive_takes_nothing_more() -> None:
    writer = ZipWriter(io.BytesIO(), SNAPSHOT)
    writer.finish()
    with pytest.raises(ValueError, match="finished"):
        writer.add_bytes("late.txt", b"")
    with pytest.raises(ValueError, match="finished"):
        writer.finish()


def test_a_source_that_breaks_tears_the_archive_and_is_told_as_it_is() -> None:
    def breaks() -> io.BytesIO:
        raise ConnectionError("storage went away")

    fragment, _ = fragment_of([b"x"], final=True)
    writer = ZipWriter(io.BytesIO(), SNAPSHOT)
    with pytest.raises(ConnectionError):
        writer.add("a.csv", [Staged(fragment, breaks)])
    with pytest.raises(ValueError, match="torn"):
        writer.add_bytes("b.csv", b"")

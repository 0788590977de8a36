"""How the archive tests make fragments and archives."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.archive import Archive, Fragment, FragmentWriter, Staged, ZipWriter
from app.archive.zip_records import Zip64From

SNAPSHOT = datetime(2024, 5, 6, 7, 8, 10, tzinfo=UTC)


def fragment_of(pieces: Iterable[bytes], *, final: bool, rows: int = 1) -> tuple[Fragment, bytes]:
    """A fragment of ``pieces``, each written by a call of its own, and its compressed bytes."""
    sink = io.BytesIO()
    writer = FragmentWriter(sink, final=final)
    for piece in pieces:
        writer.write(piece)
    return writer.finish(rows), sink.getvalue()


def staged_from(compressed: bytes, fragment: Fragment) -> Staged:
    return Staged(fragment, lambda: io.BytesIO(compressed))


def staged_file(raw_fragments: Sequence[bytes]) -> list[Staged]:
    """A whole file, cut as given; the last cut is the final one."""
    staged = []
    for number, raw in enumerate(raw_fragments, start=1):
        fragment, compressed = fragment_of([raw], final=number == len(raw_fragments))
        staged.append(staged_from(compressed, fragment))
    return staged


def archive_of(
    files: Mapping[str, Sequence[bytes]], *, zip64_from: Zip64From | None = None, moment: datetime = SNAPSHOT
) -> tuple[Archive, bytes]:
    """An archive with these files, each given as its raw fragments."""
    sink = io.BytesIO()
    writer = ZipWriter(sink, moment, zip64_from=zip64_from)
    for name, raw_fragments in files.items():
        writer.add(name, staged_file(raw_fragments))
    return writer.finish(), sink.getvalue()


def unpacked_by_unzip(archive: Path) -> None:
    """Assert that ``unzip -t`` finds nothing to say."""
    tested = subprocess.run(["unzip", "-t", str(archive)], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout[-2000:] + tested.stderr
    assert "No errors detected" in tested.stdout


def unpacked_by_streaming(archive: bytes, folder: Path) -> None:
    """Unpack into ``folder`` with a reader that sees the archive through a pipe, so it cannot seek to its
    end."""
    folder.mkdir()
    subprocess.run(["bsdtar", "-xf", "-"], input=archive, cwd=folder, check=True, capture_output=True)

"""Archives: fragments compressed once, joined into a zip, read back member by member, described for people
and tools.

Imports nothing of ours and knows nothing of exports: bytes in, bytes out.
"""

from __future__ import annotations

from app.archive.crc import crc32_combine
from app.archive.datapackage import (
    Column,
    LeftOut,
    Measured,
    PackageDescription,
    Resource,
    Source,
    data_package,
    data_package_bytes,
)
from app.archive.fragments import SLICE_BYTES, ByteSink, Fragment, FragmentWriter, StoredWriter
from app.archive.member import DamagedMember, Member, gzip_framed, gzip_length, inflated
from app.archive.names import NameBook, UnsafeName, check_name, tidy_segment
from app.archive.readme import readme_text
from app.archive.zip_writer import AlteredFragment, Archive, DuplicateName, Staged, ZipWriter

__all__ = [
    "SLICE_BYTES",
    "AlteredFragment",
    "Archive",
    "ByteSink",
    "Column",
    "DamagedMember",
    "DuplicateName",
    "Fragment",
    "FragmentWriter",
    "LeftOut",
    "Measured",
    "Member",
    "NameBook",
    "PackageDescription",
    "Resource",
    "Source",
    "Staged",
    "StoredWriter",
    "UnsafeName",
    "ZipWriter",
    "check_name",
    "crc32_combine",
    "data_package",
    "data_package_bytes",
    "gzip_framed",
    "gzip_length",
    "inflated",
    "readme_text",
    "tidy_segment",
]

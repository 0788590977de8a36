"""What the first bytes say a file is, whatever its name says."""

from __future__ import annotations

from pathlib import Path

import pylibmagic  # noqa: F401  (makes the wheel's own libmagic the one that python-magic finds)

import magic  # isort: skip

from .finding import Refused

DICOM = "application/dicom"
_HEAD = 64 * 1024

_WORDS = {
    "application/x-dosexec": "a Windows program",
    "application/vnd.microsoft.portable-executable": "a Windows program",
    "application/x-executable": "a program",
    "application/x-pie-executable": "a program",
    "application/x-sharedlib": "a program",
    "application/x-mach-binary": "a program",
    "application/zip": "a zip archive",
    "application/gzip": "a gzip archive",
    "text/html": "a web page",
    "image/svg+xml": "an SVG drawing",
    "text/xml": "an XML document",
    "application/pdf": "a PDF document",
    DICOM: "a DICOM file",
}
# Text is proved by its own decoder (UTF-8, no NUL); the sniffer may only say that it is plainly something
# else.
_NEVER_TEXT = frozenset(
    {"text/html", "text/xml", "text/rtf", "application/xml", "application/pdf", "application/postscript",
     "application/xhtml+xml", "application/zip", "application/gzip", DICOM}
)  # fmt: skip
_NEVER_TEXT_FAMILIES = ("image/", "video/", "font/")
# A DICOM file begins with 128 free bytes: enough for a program or a web page to hide in.
_PREAMBLES_REFUSED = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"<",
    b"%PDF",
    b"PK\x03\x04",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
)


def sniff(path: Path) -> str:
    """The media type that the content shows.

    :raises Refused: an empty file, or a DICOM file whose preamble is another kind of file
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise Refused("This file is empty (0 bytes).")
    if head[128:132] == b"DICM":  # first, because libmagic calls some DICOM files TIFF
        if head[:128].lstrip().startswith(_PREAMBLES_REFUSED):
            raise Refused("This DICOM file begins as another kind of file, so it is not accepted.")
        return DICOM
    return str(magic.Magic(mime=True).from_buffer(head))


def agree(sniffed: str, media_type: str, decoder: str) -> None:
    """Refuse a file whose content is not what its name promises.

    :raises Refused: they do not agree
    """
    if decoder in {"text", "json", "edf"}:
        agreed = sniffed not in _NEVER_TEXT and not sniffed.startswith(_NEVER_TEXT_FAMILIES) and not _runs(sniffed)
    else:
        agreed = sniffed == media_type
    if not agreed:
        raise Refused(
            f"The file's name and its content do not agree: its content is {words_for(sniffed)}. "
            "Choose the original file instead of a renamed one."
        )


def words_for(media_type: str) -> str:
    """A media type in words: ``a Windows program``."""
    if media_type in _WORDS:
        return _WORDS[media_type]
    if media_type.startswith("text/"):
        return "text"
    if media_type.startswith("image/"):
        return f"a picture of the kind {media_type.removeprefix('image/').upper()}"
    if media_type == "application/octet-stream":
        return "of a kind that we do not recognize"
    return f"of the kind {media_type}"


def _runs(media_type: str) -> bool:
    return _WORDS.get(media_type, "").endswith("program")

"""What we keep and show of the file name that a client sends."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from app.errors import Invalid

MAX_CHARACTERS = 128
MAX_BYTES = 240
"""In UTF-8: file systems end at 255 bytes, and a name must survive being unpacked from an archive."""
_MAX_EXTENSION = 16

_JOINERS = frozenset("\u200c\u200d")  # several scripts cannot be written without them
_UNSAFE_ON_WINDOWS = re.compile(r'[<>:"|?*]')
_DRIVE = re.compile(r"^[A-Za-z]:")
_RESERVED = re.compile(r"^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$", re.IGNORECASE)
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Cn"})


@dataclass(frozen=True, slots=True)
class FileName:
    """A cleaned name. ``shortened`` is true when the end of a long stem was cut, which a face should say."""

    name: str
    extension: str
    """Lower case with its dot (``.png``), or empty."""
    shortened: bool = False


def clean_name(raw: str) -> FileName:
    """Turn the client's file name into one that is safe to keep, show and download again.

    Folders, control characters, text-turning marks and leading dots go; characters that Windows refuses
    become ``_``; names longer than 128 characters are cut before their extension.

    :raises Invalid: nothing is left of the name
    """
    name = _last_segment(unicodedata.normalize("NFC", raw))
    name = "".join(_kept(c) for c in name)
    name = _UNSAFE_ON_WINDOWS.sub("_", " ".join(name.split()))
    name = name.lstrip(". ").rstrip(". ")
    if not name:
        raise Invalid("The file has no name. Give it a name and choose it again.")
    stem, extension = _split(name)
    if _RESERVED.match(stem.split(".")[0].strip()):
        stem = f"_{stem}"
    short = _shorten(stem, MAX_CHARACTERS - len(extension), MAX_BYTES - len(extension.encode()))
    return FileName(short + extension, extension.lower(), shortened=short != stem)


def _last_segment(name: str) -> str:
    return _DRIVE.sub("", name.replace("\\", "/").rsplit("/", 1)[-1])


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith("Z") or character in "\t\n\r\v\f":
        return " "
    return "" if category in _DROPPED and character not in _JOINERS else character


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem or len(ending) >= _MAX_EXTENSION:
        return name, ""
    return stem, dot + ending


def _shorten(stem: str, characters: int, size: int) -> str:
    if len(stem) <= characters and len(stem.encode()) <= size:
        return stem
    end = min(len(stem), characters)
    while len(stem[:end].encode()) > size:
        end -= 1
    # A cut must not part a letter from its accent or a joined pair.
    while end > 1 and end < len(stem) and (unicodedata.combining(stem[end]) or stem[end] in _JOINERS):
        end -= 1
    return stem[:end].rstrip(". ")

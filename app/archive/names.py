"""Names of an archive's members: ones that cannot climb out of the folder in which somebody unpacks them."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LONGEST_SEGMENT: Final = 255  # bytes of UTF-8: what common file systems hold
_LONGEST_NAME: Final = 1024
# Windows refuses these characters; the colon is also a drive letter or an alternate stream there.
_FORBIDDEN: Final = frozenset('<>:"|?*\\')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
# Control, format (zero-width, right-to-left override), surrogate, line and paragraph separators: invisible or
# worse.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Cn"})


class UnsafeName(ValueError):
    """A member name that a careless unpacker could be fooled by."""


def check_name(name: str) -> None:
    """Refuse a member name that is not plain relative segments joined by ``/``.

    :raises UnsafeName: absolute, climbing, empty, overlong, with a backslash, drive letter, control or
        invisible character, a segment Windows reserves, or one that ends in a dot or space
    """
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
        raise UnsafeName(f"the name {name[:40]!r}… is too long")
    for segment in name.split("/"):
        fault = _fault_in(segment)
        if fault:
            raise UnsafeName(f"the name {name!r} {fault}")


def _fault_in(segment: str) -> str | None:
    if segment in ("", ".", ".."):
        return "has an empty or climbing part"
    if any(character in _FORBIDDEN or unicodedata.category(character) in _UNSEEN for character in segment):
        return "has a character that is not allowed"
    if segment != segment.strip() or segment.endswith("."):
        return "has a part that begins with a space or ends with a dot or space"
    if _DEVICES.fullmatch(segment.split(".")[0].rstrip()):
        return "has a part that Windows reserves"
    if len(segment.encode("utf-8")) > _LONGEST_SEGMENT:
        return "has a part that is too long"
    return None


def tidy_segment(text: str, fallback: str = "file") -> str:
    """One safe segment out of anybody's text (a device's id, an uploaded file's name); its ending is kept.

    The same text always gives the same segment; different texts may give the same one, see :class:`NameBook`.

    :param fallback: a safe segment, used when nothing of the text is left
    """
    seen = "".join(_readable(character) for character in unicodedata.normalize("NFC", text))
    segment = _shorten(" ".join(seen.split()).strip(". "))
    if not segment:
        return fallback
    return f"_{segment}" if _DEVICES.fullmatch(segment.split(".")[0].rstrip()) else segment


def _readable(character: str) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return "_" if character in _FORBIDDEN or character == "/" or category in _UNSEEN else character


def _shorten(segment: str, longest: int = 150) -> str:
    """Cut to ``longest`` bytes of UTF-8, keeping a short ending such as ``.dcm``."""
    if len(segment.encode("utf-8")) <= longest:
        return segment
    stem, dot, ending = segment.rpartition(".")
    if not dot or len(ending.encode("utf-8")) > 10:
        stem, dot, ending = segment, "", ""
    room = longest - len((dot + ending).encode("utf-8"))
    return stem.encode("utf-8")[:room].decode("utf-8", "ignore").rstrip(". ") + dot + ending


def folded(name: str) -> str:
    """What two names share when a common file system takes them for one (case, composed or decomposed)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class NameBook:
    """Hands out names once each: the second ``a.csv`` becomes ``a (2).csv``. The order of asking decides."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last_number: dict[str, int] = {}

    def claim(self, name: str) -> str:
        """``name`` itself when free, otherwise with a number before its ending.

        :raises UnsafeName: see :func:`check_name`
        """
        check_name(name)
        key = folded(name)
        claimed = name
        number = self._last_number.get(key, 1)
        while folded(claimed) in self._taken:
            number += 1
            claimed = _numbered(name, number)
        self._last_number[key] = number
        self._taken.add(folded(claimed))
        return claimed


def _numbered(name: str, number: int) -> str:
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    if not stem:
        stem, dot, ending = last, "", ""
    return f"{folder}{slash}{stem} ({number}){dot}{ending}"

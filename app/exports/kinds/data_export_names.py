"""What the files of a data export are called: a mask of words and tokens, made safe, each name once."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping

from app.archive import tidy_segment
from app.archive.names import folded

TOKENS = (
    "thing.id",
    "thing.name",
    "thing.serialNumber",
    "thingDefinition.name",
    "thingDefinition.id",
    "customer.name",
    "customer.id",
    "location.name",
    "location.id",
)
LONGEST_MASK = 500
LONGEST_NAME = 120
"""Characters, of the whole name with its ending."""

_LONGEST_STEM = LONGEST_NAME - len("-999.parquet")
_TOKEN = re.compile(r"\$\{([^}]*)\}")
_NAMELESS = "device"


def mask_fault(mask: str) -> str | None:
    """What is wrong with a mask, in words; ``None`` when nothing is."""
    if not mask.strip():
        return "Say what the files are called."
    if len(mask) > LONGEST_MASK:
        return f"The file name must not be longer than {LONGEST_MASK} characters."
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in mask):
        return "The file name has a sign that no file name can hold."
    for token in _TOKEN.findall(mask):
        if token not in TOKENS:
            return f"A file name cannot hold ${{{token[:40]}}}. Choose from {_listed()}."
    if "${" in _TOKEN.sub("", mask):
        return "A token in the file name is not closed: it begins with ${ and ends with }."
    return None


def tokens_in(mask: str) -> frozenset[str]:
    """The tokens that a mask without fault uses."""
    return frozenset(_TOKEN.findall(mask))


def stem_of(mask: str, values: Mapping[str, str], *, hashed: bool) -> str:
    """A file's name without its ending: safe as a file's name anywhere, composed (NFC), at most 108 characters.

    Values are put in as they are: one that reads like a token stays what it is.

    :param mask: one without a fault
    :param values: what each token stands for; one that is missing stands for nothing
    :param hashed: the MD5 of the name, in hexadecimal, takes its place
    """
    stem = _safe(_TOKEN.sub(lambda token: values.get(token[1], ""), mask)) or _NAMELESS
    if not hashed:
        return stem
    return hashlib.md5(stem.encode(), usedforsecurity=False).hexdigest()


def is_made_safe(mask: str, values: Mapping[str, str]) -> bool:
    """Whether the name (before it is hashed) differs from what the mask says, beyond how its letters are composed."""
    said = unicodedata.normalize("NFC", _TOKEN.sub(lambda token: values.get(token[1], ""), mask))
    return stem_of(mask, values, hashed=False) != said


class FileNames:
    """Hands out names once each: of equal ones (in any case) the second ends in ``_2``. The order of asking decides."""

    def __init__(self, ending: str) -> None:
        self._ending = ending
        self._taken: set[str] = set()
        self._last_number: dict[str, int] = {}

    def claim(self, stem: str, pieces: int = 1) -> list[str]:
        """A name for each piece of a device's data; pieces of several are numbered: ``stem-1``, ``stem-2``, …

        :param stem: as :func:`stem_of` makes it
        """
        key = folded(stem)
        number = self._last_number.get(key, 1)
        while not (self._is_free(own := _numbered(stem, number)) and all(map(self._is_free, _pieces(own, pieces)))):
            number += 1
        self._last_number[key] = number
        names = _pieces(own, pieces)
        # The pieces' common name is taken too: another device's would read like one of them.
        self._taken.update(folded(name) for name in (own, *names))
        return [f"{name}.{self._ending}" for name in names]

    def _is_free(self, name: str) -> bool:
        return folded(name) not in self._taken


def _listed() -> str:
    return ", ".join(f"${{{token}}}" for token in TOKENS)


def _safe(text: str) -> str:
    # Taking invisible signs out may bring together what then composes: so composed, and looked at, once more.
    tidy = tidy_segment(unicodedata.normalize("NFC", tidy_segment(text, "")), "")
    return _cut(tidy, _LONGEST_STEM)


def _cut(text: str, longest: int) -> str:
    return text[:longest].rstrip(". ")


def _numbered(stem: str, number: int) -> str:
    if number == 1:
        return stem
    suffix = f"_{number}"
    return _cut(stem, _LONGEST_STEM - len(suffix)) + suffix


def _pieces(stem: str, pieces: int) -> list[str]:
    return [stem] if pieces == 1 else [f"{stem}-{number}" for number in range(1, pieces + 1)]

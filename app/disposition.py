"""The ``Content-Disposition`` header, built by us: RFC 6266 with RFC 8187 names."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187 attr-char, besides letters and digits
# Browsers differ in how they unquote these, so none of them is sent in the plain name.
_AVOIDED = frozenset('"\\%;/:*?<>|')
_STAND_IN = "download"


def content_disposition(name: str, disposition: str = "attachment") -> str:
    """The header's value for a download called ``name``; any text may be given.

    A browser that knows RFC 8187 gets the name as it is (``患者.zip``), an older one an ASCII look-alike with
    the same ending (``download.zip``). Folders, controls and line ends in ``name`` never reach the header.

    :param disposition: ``attachment`` or ``inline``
    """
    if disposition not in {"attachment", "inline"}:
        raise ValueError(f"no such disposition: {disposition!r}")
    shown = _without_folders_and_controls(name) or _STAND_IN
    plain = _ascii(shown)
    value = f'{disposition}; filename="{plain}"'
    if plain != shown:
        value += f"; filename*=UTF-8''{quote(shown, safe=_ATTR_CHARS)}"
    return value


def _without_folders_and_controls(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    # Cc and Cs would break the header or its encoding; Cf holds the marks that turn text around (bidi
    # overrides).
    kept = "".join(c for c in last if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    return kept.strip().lstrip(".")


def _ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    letters = (c for c in decomposed if not unicodedata.combining(c))
    plain = "".join(c if " " <= c <= "~" and c not in _AVOIDED else "_" for c in letters).strip()
    stem, dot, ending = plain.rpartition(".")
    if not dot:
        stem, ending = plain, ""
    if not stem.strip("_ ."):
        stem = _STAND_IN
    return f"{stem}{dot}{ending}"

"""The kinds of file that can be attached: ending, media type, decoder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from app.attachments.names import clean_name
from app.errors import Invalid


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. ``decoder`` is a key of :data:`app.attachments.decoders.child.DECODERS`."""

    media_type: str
    extensions: tuple[str, ...]
    decoder: str
    has_picture: bool = False

    @property
    def draws(self) -> bool:
        """Whether a preview can be drawn of it."""
        return self.has_picture or self.decoder == "pdf"


KINDS: tuple[Kind, ...] = (
    Kind("application/dicom", (".dcm", ".dicom"), "dicom", has_picture=True),
    Kind("image/png", (".png",), "png", has_picture=True),
    Kind("image/jpeg", (".jpg", ".jpeg", ".jfif"), "jpeg", has_picture=True),
    Kind("image/gif", (".gif",), "gif", has_picture=True),
    Kind("image/webp", (".webp",), "webp", has_picture=True),
    Kind("image/tiff", (".tif", ".tiff"), "tiff", has_picture=True),
    Kind("application/pdf", (".pdf",), "pdf"),
    Kind("text/csv", (".csv",), "text"),
    Kind("text/plain", (".txt", ".log"), "text"),
    Kind("application/json", (".json",), "json"),
    Kind("application/edf", (".edf",), "edf"),
)
_BY_EXTENSION = {extension: kind for kind in KINDS for extension in kind.extensions}
PICTURES: tuple[str, ...] = tuple(kind.media_type for kind in KINDS if kind.has_picture)
"""Media types that an IMAGE attribute takes when its template does not say."""


def kind_for(name: str, allowed: Collection[str] = ()) -> Kind:
    """The kind that a file's name promises, before a byte of it was read.

    :param allowed: media types of the template's attribute; ``image/*`` and ``*/*`` work; empty means every
        kind
    :raises Invalid: no ending, an ending that is never accepted, or one that this attribute does not take
    """
    extension = clean_name(name).extension
    taken = accepted_extensions(allowed)
    if not extension:
        raise Invalid(f"The file's name has no ending that says what it is. {_accepted(taken)}")
    kind = _BY_EXTENSION.get(extension)
    if kind is None or extension not in taken:
        raise Invalid(f"Files ending in {extension} are not accepted here. {_accepted(taken)}")
    return kind


def accepted_extensions(allowed: Collection[str] = ()) -> list[str]:
    """The endings that an attribute takes (``.csv``, ``.dcm``…), for ``<input accept>`` and for words."""
    return sorted(extension for kind in accepted_kinds(allowed) for extension in kind.extensions)


def accepted_kinds(allowed: Collection[str] = ()) -> list[Kind]:
    """The kinds that an attribute takes, in our order."""
    patterns = [pattern.partition(";")[0].strip().lower() for pattern in allowed]
    return [kind for kind in KINDS if not patterns or any(_matches(kind.media_type, pattern) for pattern in patterns)]


def _matches(media_type: str, pattern: str) -> bool:
    if pattern == "*/*":
        return True
    main, _, sub = pattern.partition("/")
    return media_type == pattern or (sub == "*" and media_type.startswith(f"{main}/"))


def _accepted(extensions: list[str]) -> str:
    return f"Accepted: {', '.join(extensions)}." if extensions else "No kind of file is accepted here."


def kind_of(name: str) -> Kind | None:
    """The kind that a file's name promises; None when its ending is none that we know."""
    return _BY_EXTENSION.get(clean_name(name).extension)

"""Small pictures of files: what a page shows instead of the file itself."""

from __future__ import annotations

from pathlib import Path

from app.attachments.inspection import run_decoder
from app.attachments.kinds import kind_for

MEDIA_TYPE = "image/webp"


def make_preview(path: Path, name: str) -> bytes | None:
    """Draw a preview again from a file that was accepted before (an upload gets its own from
    ``inspect_file``).

    :returns: a WebP picture of at most 256 px a side, upright and without metadata; None when the kind has
        none, or the decoders installed cannot draw it
    :raises Invalid: ``name`` is of no kind that is ever accepted
    """
    kind = kind_for(name)
    if not kind.draws:
        return None
    return run_decoder(path, kind, "preview") or None

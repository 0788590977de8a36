"""What a decoder answers."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PIXELS = 40_000_000
"""More than any picture a clinic attaches, and what one decode may cost in memory stays known."""
MAX_DECODED_PIXELS = 200_000_000
"""All frames or pages of one file together: those beyond it are not decoded, only their structure is read."""


class Refused(Exception):
    """The file cannot be accepted; the text is a sentence for the person who chose it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file turned out to be."""

    modality: str | None = None
    pages: int | None = None
    width: int | None = None
    height: int | None = None


def refuse_too_many_pixels(width: int, height: int) -> None:
    if width <= 0 or height <= 0:
        raise Refused("This picture has no width or no height.")
    if width * height > MAX_PIXELS:
        raise Refused(
            f"This picture is {width} × {height} pixels. At most {MAX_PIXELS // 1_000_000} million pixels are accepted."
        )

"""A QR code as markup for a page, without a file, a script or a style of its own."""

from __future__ import annotations

import segno
from markupsafe import Markup

SCALE = 5
QUIET_ZONE = 4
"""Modules of white around it, which readers need."""


def qr_code(text: str) -> Markup:
    """An SVG that shows the text. Its size is fixed, so that a telephone finds it on any page."""
    drawn = segno.make(text, error="m", micro=False)
    svg = drawn.svg_inline(scale=SCALE, border=QUIET_ZONE, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    return Markup(svg)  # noqa: S704  made by the library, of digits alone

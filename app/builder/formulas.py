"""What a spreadsheet would run. Apart, so that whoever names columns needs no Arrow."""

from __future__ import annotations

# A spreadsheet takes a cell for a formula when it begins with one of these.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """The text with a ``'`` before it when a spreadsheet would run it."""
    return f"'{text}" if text.startswith(FORMULA) else text

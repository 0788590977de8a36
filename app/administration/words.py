"""Short texts that administrators type: on one line, with nothing in them that cannot be kept."""

from __future__ import annotations

import re
import unicodedata

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
"""What programs call an attribute or a metric by."""
WRONG_NAME = "A name has 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter."
_UNKEPT = frozenset({"Cc", "Cs", "Zl", "Zp"})


def read_line(faults: dict[str, str], field: str, given: str, called: str, *, most: int, required: bool = True) -> str:
    """A text as it is kept: composed, without spaces around it and without more than one between words.

    :param faults: what is wrong is added there, by field
    :param called: what the field is called, to begin the sentence with
    """
    text = unicodedata.normalize("NFC", given).strip()
    if any(unicodedata.category(sign) in _UNKEPT for sign in text):
        faults[field] = f"{called} has a character that cannot be kept."
    text = " ".join(text.split())
    if required and not text:
        faults.setdefault(field, f"{called} is missing.")
    if len(text) > most:
        faults[field] = f"{called} must be at most {most:,} characters; it has {len(text):,}."
    return text

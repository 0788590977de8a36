"""The words by which a concept is found: of its code and its names, case-folded. See docs/decisions/0006."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

WORD_LENGTH = 64
MOST_WORDS = 60
MOST_ASKED = 8
_RUN = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def runs_of(text: str) -> list[str]:
    """The runs of letters and digits in a text, in their order, each once."""
    return list(dict.fromkeys(run[:WORD_LENGTH] for run in _RUN.findall(folded(text))))


def words_of(code: str, names: Iterable[str]) -> list[str]:
    """The words of a concept: its code as a whole, then the runs of its code and names."""
    whole = folded(code)[:WORD_LENGTH]
    return list(dict.fromkeys([whole, *runs_of(f"{code} {' '.join(names)}")]))[:MOST_WORDS]


def words_asked(text: str) -> list[tuple[str, list[str]]]:
    """For each piece of what a person typed: the piece as a whole, and its runs; ``A15.1`` is both a code's beginning
    and two runs."""
    pieces = [(piece.strip(".,;:()")[:WORD_LENGTH], runs_of(piece)) for piece in folded(text).split()]
    return [(whole, runs) for whole, runs in pieces if runs][:MOST_ASKED]

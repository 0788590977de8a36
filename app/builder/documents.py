"""Ready documents within one JSON object: what stands before, between and behind them is told."""

from __future__ import annotations

from collections.abc import Iterator

from app.builder.fragments import Bytes, Made, Recipe
from app.rows.source import Source


def make_documents(source: Source, recipe: Recipe) -> Made:
    """A fragment: the text ``before``, the documents of the ``statement`` (if there is one), the text ``behind``."""
    made = Made()
    made.pieces = _pieces(source, recipe, made)
    return made


def _pieces(source: Source, recipe: Recipe, made: Made) -> Iterator[Bytes]:
    yield recipe["before"].encode()
    if recipe["statement"] is not None:
        page = source.documents(recipe["statement"])
        made.rows += page.count
        yield page.text
    yield recipe["behind"].encode()

"""Lines of JSON objects as NDJSON, or as one array over all fragments of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.builder.fragments import Bytes, Recipe


def framed(pages: Iterable[Bytes], recipe: Recipe) -> Iterator[Bytes]:
    """The pages of one fragment as the recipe's ``format``; ``first`` and ``last`` say where in its file it lies.

    A page is whole lines. In an array every line but the file's first has a comma before it; the opening and closing
    brackets stand alone, so that fragments join. No raw line end occurs inside a JSON object.
    """
    if recipe["format"] == "ndjson":
        yield from pages
        return
    begun = not recipe["first"]
    if recipe["first"]:
        yield b"["
    for page in pages:
        if len(page):
            yield b",\n" if begun else b"\n"
            yield bytes(page[:-1]).replace(b"\n", b",\n")
            begun = True
    if recipe["last"]:
        yield b"\n]\n" if begun else b"]\n"

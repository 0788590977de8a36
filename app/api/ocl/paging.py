"""Pages of lists: a bare array, and headers that say how many rows there are and where the next page is."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from urllib.parse import urlencode

import orjson
from flask import Response, request


def list_answer(rows: Iterable[object], total: int, *, limit: int, page: int) -> Response:
    """A page of a list.

    :param rows: as JSON values; a ``str`` is JSON text already
    """
    texts = [row.encode() if isinstance(row, str) else orjson.dumps(row) for row in rows]
    response = Response(b"[" + b",\n".join(texts) + b"]", mimetype="application/json")
    following, before = page + 1 if page * limit < total else None, page - 1 if page > 1 else None
    say_page(response, total, limit=limit, page=page, returned=len(texts), step=("page", following, before))
    return response


def say_page(
    response: Response, total: int, *, limit: int, page: int, returned: int, step: tuple[str, int | None, int | None]
) -> None:
    """The headers of a page.

    :param step: the argument that leads to other pages, its value for the next one and for the one before; None where
        there is none
    """
    pages = ceil(total / limit) if limit else min(total, 1)
    headers = response.headers
    headers["num_found"], headers["num_returned"] = str(total), str(returned)
    headers["pages"], headers["page_number"] = str(pages), str(page)
    name, following, before = step
    if following is not None:
        headers["next"] = _here_with(name, following)
    if before is not None:
        headers["previous"] = _here_with(name, before)


def _here_with(name: str, value: int) -> str:
    arguments = [(key, one) for key, one in request.args.items(multi=True) if key != name]
    return f"{request.host_url.rstrip('/')}{request.path}?{urlencode([*arguments, (name, str(value))])}"

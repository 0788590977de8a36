"""The repository that an address names: read once, for each page that stands below one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, g, request

from app.terminology import Address

BELOW_REPOSITORY = "/terminology/<any(orgs, users):owner_kind>/<owner>/<any(sources, collections):kind>/<short_code>"


def placed(bp: Blueprint) -> Blueprint:
    """Have the views of a blueprint below :data:`BELOW_REPOSITORY` find their repository by :func:`address_asked`."""
    bp.url_value_preprocessor(_take)
    return bp


def address_asked() -> Address:
    """The repository's address in this request's."""
    return cast(Address, g.repository_address)


def page_asked(name: str = "page") -> int:
    """Which page of a list, from 1."""
    asked = request.args.get(name, 1, type=int)
    return min(max(asked, 1), 100_000)


def neighbours(url_of: Callable[..., str], page: int, size: int, total: int) -> dict[str, str | None]:
    """The addresses of the pages before and after one, for its template; None where there is none.

    :param url_of: the list's address, given ``page``
    """
    return {
        "previous_url": url_of(page=page - 1) if page > 1 else None,
        "next_url": url_of(page=page + 1) if page * size < total else None,
    }


def words_asked(name: str = "q") -> str:
    """What was typed into a search box."""
    return request.args.get(name, "").replace("\0", " ").strip()[:200]


def _take(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values is not None and "short_code" in values:
        g.repository_address = Address(*(values.pop(key) for key in ("owner_kind", "owner", "kind", "short_code")))

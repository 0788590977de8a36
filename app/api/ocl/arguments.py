"""What stands behind the question mark, read leniently where the contract does and refused where a guess would lie."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from flask import request

from app.api.ocl.paths import is_2015
from app.errors import Invalid

LIMIT = 25
MOST = 1000
MOST_OF_2015 = 500
CONTENT_LIMIT = 30
DEEPEST = 10_000_000
TRUE = ("true", "True", "1")
_SPACE_FOR_PLUS = re.compile(r" (?=\d{2}:?\d{2}$)")
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def switch(name: str) -> bool:
    """``true``, ``True`` and ``1`` are yes; everything else is no."""
    return request.args.get(name) in TRUE


def choice(name: str) -> bool | None:
    """``true`` or ``false`` in any case; any other value says nothing."""
    return {"true": True, "false": False}.get(request.args.get(name, "").lower())


def number(name: str, default: int, least: int = 0) -> int:
    """A whole number.

    :raises Invalid: it is none, or too small
    """
    text = request.args.get(name)
    if text is None or not text.strip():
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text.strip()) or int(text) < least:
        raise Invalid(fields={name: f"Use a whole number, {least} or more."})
    return int(text)


def list_limit() -> int:
    """How many rows a page of a list has: 25 for 0 and for more than 1,000; the page of 2015 refuses more than 500.

    :raises Invalid: it is no such number
    """
    limit = _within_2015(number("limit", LIMIT))
    return limit if 1 <= limit <= MOST else LIMIT


def content_limit() -> int:
    """How many concepts, and how many mappings, come with a repository: 0 is all.

    :raises Invalid: it is no such number
    """
    return _within_2015(number("limit", CONTENT_LIMIT))


def offset() -> int:
    """
    :raises Invalid: it is no whole number, or further than any list goes
    """
    found = number("offset", 0)
    if found > DEEPEST:
        raise Invalid(fields={"offset": f"Use at most {DEEPEST}."})
    return found


def page() -> int:
    """Which page of a list, from 1 on.

    :raises Invalid: it is no such number
    """
    found = number("page", 1, least=1)
    if found > DEEPEST // MOST:
        raise Invalid(fields={"page": f"Use at most {DEEPEST // MOST}."})
    return found


def updated_since() -> datetime | None:
    """The instant that ``updatedSince`` names: ISO 8601 in its many forms, or as HTTP writes dates; UTC without a zone.

    :raises Invalid: it cannot be read. To answer everything instead would be taken for all that has changed.
    """
    text = request.args.get("updatedSince", "").strip()
    if not text:
        return None
    try:
        return read_instant(text)
    except (ValueError, OverflowError, TypeError):
        words = "This is no date. Use one such as 2019-05-01T12:00:00Z."
        raise Invalid(fields={"updatedSince": words}) from None


def read_instant(text: str) -> datetime:
    """To the millisecond.

    :raises ValueError: it cannot be read
    """
    if len(text) > 60:
        raise ValueError
    try:
        # A plus that was not encoded came as a space.
        given = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", text))
    except ValueError:
        given = parsedate_to_datetime(text)
    moment = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    if not EARLIEST <= moment <= LATEST:
        raise ValueError
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _within_2015(limit: int) -> int:
    if is_2015() and limit > MOST_OF_2015:
        raise Invalid(fields={"limit": f"Use at most {MOST_OF_2015}."})
    return limit

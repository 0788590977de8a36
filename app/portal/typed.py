"""What people type into forms and addresses, read into plain values and written back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from werkzeug.datastructures import MultiDict

from app.errors import NotFound
from app.models.types import from_milliseconds, to_milliseconds

LONGEST = 100
"""No field but a free text is longer than this; what is, is cut."""
MOST_LISTED = 2_000


def several(args: MultiDict[str, str], name: str) -> tuple[str, ...]:
    """Each different value of a field that may be given several times, in order."""
    return tuple(dict.fromkeys(text[:LONGEST] for text in args.getlist(name)[:MOST_LISTED]))


def read_id(text: str) -> UUID:
    """The id that an address names.

    :raises NotFound: it is none
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def read_moment(text: str) -> datetime:
    """An instant to the millisecond; UTC unless the text says otherwise.

    :raises ValueError: it cannot be read
    """
    given = datetime.fromisoformat(text.strip())
    try:
        moment = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def typed_moment(moment: datetime | None) -> str:
    """As ``<input type="datetime-local">`` holds it, in UTC."""
    if moment is None:
        return ""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    if utc.microsecond:
        return utc.isoformat(timespec="milliseconds")
    return utc.isoformat(timespec="seconds" if utc.second else "minutes")


def cursor_after(moment: datetime, known: UUID) -> str:
    """Where the next page of a list begins that stands newest first: behind its last line."""
    return f"{to_milliseconds(moment)}_{known}"


def read_name_cursor(args: Mapping[str, str]) -> tuple[str, UUID] | None:
    """The name and id (``after``, ``id``) behind which the next page of a list by name begins; a broken one means the
    first page."""
    try:
        return args["after"].replace("\0", "")[:200], UUID(args["id"])
    except (KeyError, ValueError):
        return None


def read_cursor(text: str | None) -> tuple[datetime, UUID] | None:
    """What :func:`cursor_after` wrote; a broken one means the first page."""
    try:
        milliseconds, _, known = (text or "").partition("_")
        return from_milliseconds(int(milliseconds)), UUID(known)
    except (ValueError, OverflowError):
        return None

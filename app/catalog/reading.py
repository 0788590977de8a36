"""From what a person typed to a value: one function for each attribute kind, which refuses in words."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from app.catalog.values import text_of_instant
from app.errors import Refusal
from app.models.template import TemplateAttribute

LENGTHS = {"LABEL": 200, "PARAGRAPH": 10_000, "PHONE": 32, "EMAIL": 254, "LINK": 2_000}
_LARGEST = 2**53 - 1
_INTEGER = re.compile(r"[+-]?[0-9]{1,16}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\.]+(\.[^\s@<>,;:\"()\[\]\\.]+)+")
_PHONE = re.compile(r"\+?[0-9 ().\-/]+", re.ASCII)
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


class Unreadable(Refusal):
    """The text cannot be such a value; the message says what is expected, to follow the attribute's label."""


def read_value(attribute: TemplateAttribute, given: Any) -> Any:
    """A value as the text holds it, out of form text or an already typed value; never for absent ones.

    References, files and choices are not known here.

    :raises Unreadable: with what is expected, such as "must be a whole number"
    """
    return _READERS[attribute.kind](attribute, given)


def _label(attribute: TemplateAttribute, given: Any) -> str:
    return _text(attribute, given, lines=False)


def _paragraph(attribute: TemplateAttribute, given: Any) -> str:
    return _text(attribute, given, lines=True)


def _text(attribute: TemplateAttribute, given: Any, *, lines: bool) -> str:
    if not isinstance(given, str):
        raise Unreadable("must be text")
    text = unicodedata.normalize("NFC", given.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if "\n" in text and not lines:
        raise Unreadable("must be on one line")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\n\t" for sign in text):
        raise Unreadable("has a character that cannot be kept")
    most = LENGTHS[attribute.kind]
    if len(text) > most:
        raise Unreadable(f"must be at most {most:,} characters; it has {len(text):,}")
    return text


def _integer(attribute: TemplateAttribute, given: Any) -> int:
    text = _typed_number(given)
    if not _INTEGER.fullmatch(text):
        raise Unreadable("must be a whole number, such as 42")
    number = int(text)
    if abs(number) > _LARGEST:
        raise Unreadable("is too large a number")
    return int(_bounded(attribute, number))


def _decimal(attribute: TemplateAttribute, given: Any) -> float:
    text = _typed_number(given)
    if not _DECIMAL.fullmatch(text):
        raise Unreadable("must be a number with a decimal point, such as 12.5")
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable("is too large a number")
    return _bounded(attribute, number)


def _typed_number(given: Any) -> str:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise Unreadable("must be a number")
    return str(given).strip()


def _bounded(attribute: TemplateAttribute, number: float) -> float:
    unit = f" {attribute.unit}" if attribute.unit else ""
    if attribute.low is not None and number < attribute.low:
        raise Unreadable(f"must be at least {attribute.low:g}{unit}")
    if attribute.high is not None and number > attribute.high:
        raise Unreadable(f"must be at most {attribute.high:g}{unit}")
    return number


def _boolean(_attribute: TemplateAttribute, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    text = str(given).strip().casefold()
    if text not in _TRUE | _FALSE:
        raise Unreadable("must be yes or no")
    return text in _TRUE


def _day(_attribute: TemplateAttribute, given: Any) -> str:
    text = given.isoformat() if isinstance(given, date) else str(given).strip()
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Unreadable("must be a day that exists, as year-month-day, such as 2024-03-11") from None


def _instant(_attribute: TemplateAttribute, given: Any) -> str:
    """A local time without a zone is taken as UTC: the form says so."""
    try:
        known = given if isinstance(given, datetime) else datetime.fromisoformat(str(given).strip())
        if not isinstance(given, datetime) and len(str(given).strip()) <= 10:
            raise ValueError
        aware = known if known.tzinfo else known.replace(tzinfo=UTC)
        utc = aware.astimezone(UTC)
        return text_of_instant(utc.replace(microsecond=utc.microsecond // 1000 * 1000))
    except (ValueError, OverflowError):
        raise Unreadable("must be a date and time (UTC), such as 2024-03-11T14:05") from None


def _email(attribute: TemplateAttribute, given: Any) -> str:
    text = _label(attribute, given)
    if not _EMAIL.fullmatch(text):
        raise Unreadable("must be an e-mail address, such as name@example.org")
    return text


def _phone(attribute: TemplateAttribute, given: Any) -> str:
    text = _label(attribute, given)
    if not _PHONE.fullmatch(text) or not 3 <= sum(sign.isdigit() for sign in text) <= 15:
        raise Unreadable("must be a telephone number, such as +34 600 123 456")
    return text


def _link(attribute: TemplateAttribute, given: Any) -> str:
    text = _label(attribute, given)
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username is not None or any(sign.isspace() for sign in text):
        raise Unreadable("must be a web address that begins with https:// or http://")
    return text


_READERS: dict[str, Callable[[TemplateAttribute, Any], Any]] = {
    "LABEL": _label,
    "PARAGRAPH": _paragraph,
    "INTEGER": _integer,
    "DECIMAL": _decimal,
    "BOOLEAN": _boolean,
    "DATE": _day,
    "DATE_TIME": _instant,
    "EMAIL": _email,
    "PHONE": _phone,
    "LINK": _link,
}

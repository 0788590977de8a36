"""What clients send, read into plain values; what cannot be read is refused by the place of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import orjson
from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from app.errors import Invalid

DEEPEST = 32
MOST_VALUES = 100_000
LONGEST_ARGUMENT = 32 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_UNKEPT = re.compile("[\0\ud800-\udfff]")
_OFFSET = re.compile(r"([+-]\d{2})(\d{2})$")

Value = TypeVar("Value")


def json_body(*, required: bool = True, most_bytes: int | None = None) -> dict[str, Any]:
    """The request's body, a JSON object.

    A body without a ``Content-Type`` is taken for JSON. Clients announce JSON and send nothing where nothing is
    needed: with ``required=False`` that is an empty object.

    :param most_bytes: where more (or less) is accepted than elsewhere
    :raises Invalid: not JSON, not an object, too deep, with characters that nothing can keep
    :raises UnsupportedMediaType: announced as something else
    :raises RequestEntityTooLarge: more bytes than are accepted
    """
    if most_bytes is not None:
        request.max_content_length = most_bytes
    raw = request.get_data(cache=False)
    if not raw.strip():
        if required:
            raise Invalid("The body is empty; a JSON object is expected.")
        return {}
    if request.content_type and not request.is_json:
        raise UnsupportedMediaType
    return _object(raw, "The body")


def json_argument(name: str) -> dict[str, Any] | None:
    """An argument of the address that holds a JSON object; ``None`` when it is not there.

    :raises Invalid: as for :func:`json_body`
    """
    raw = request.args.get(name)
    if raw is None or not raw.strip():
        return None
    if len(raw) > LONGEST_ARGUMENT:
        raise Invalid(f"{name} is longer than {LONGEST_ARGUMENT} characters.", {name: "too long"})
    return _object(raw.encode(errors="surrogatepass"), name)


def read_instant(text: object) -> datetime:
    """A time to the millisecond: ``…Z``, ``…+00:00``, ``…+0000``, or without a zone, which is UTC.

    :raises ValueError: it cannot be read
    """
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        raise ValueError
    given = datetime.fromisoformat(_OFFSET.sub(r"\1:\2", text.strip()) if "T" in text else text.strip())
    try:
        moment = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError:
        raise ValueError from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Fields:
    """Reads a JSON object field by field and gathers every fault, so that a client learns of all at once.

    ``fields = Fields(json_body())``; ``name = fields.text("name", most=36)``; …; ``fields.check()``. A field that is
    ``null`` counts as absent. What cannot be read is ``None`` until :meth:`check` refuses.
    """

    def __init__(self, given: Mapping[str, Any], at: str = "", faults: dict[str, str] | None = None) -> None:
        """
        :param at: where the object stands (``queries[0].``), for the words
        :param faults: gathered together with those of the object around it
        """
        self._given, self._at = given, at
        self.faults: dict[str, str] = {} if faults is None else faults

    def check(self) -> None:
        """
        :raises Invalid: if anything could not be read; ``fields`` says what, by its place
        """
        if self.faults:
            raise Invalid("; ".join(f"{place}: {words}" for place, words in self.faults.items()), self.faults)

    def fault(self, name: str, words: str) -> None:
        """Say that a field is wrong; its first fault counts."""
        self.faults.setdefault(f"{self._at}{name}", words)

    def text(
        self, name: str, *, most: int, least: int = 0, required: bool = False, among: Collection[str] | None = None
    ) -> str | None:
        """A text of ``least`` to ``most`` characters, one of ``among`` if those are given."""

        def read(value: Any) -> str:
            if not isinstance(value, str):
                raise ValueError("must be a text")
            if among is not None and value not in among:
                raise ValueError(f"must be one of {', '.join(sorted(among))}")
            if not least <= len(value) <= most:
                raise ValueError(f"must have {least} to {most} characters")
            return value

        return self._read(name, read, required)

    def integer(self, name: str, *, least: int, most: int, required: bool = False) -> int | None:
        """A whole number; ``true`` and ``3.5`` are none."""

        def read(value: Any) -> int:
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError("must be a whole number")
            if not least <= value <= most:
                raise ValueError(f"must be {least} to {most}")
            return value

        return self._read(name, read, required)

    def switch(self, name: str, *, required: bool = False) -> bool | None:
        """``true`` or ``false``."""

        def read(value: Any) -> bool:
            if not isinstance(value, bool):
                raise ValueError("must be true or false")
            return value

        return self._read(name, read, required)

    def uuid(self, name: str, *, required: bool = False) -> UUID | None:
        """An id of ours."""

        def read(value: Any) -> UUID:
            if not isinstance(value, str) or len(value) != 36:
                raise ValueError("must be a UUID")
            try:
                return UUID(value)
            except ValueError:
                raise ValueError("must be a UUID") from None

        return self._read(name, read, required)

    def instant(self, name: str, *, required: bool = False) -> datetime | None:
        """A time, as :func:`read_instant` reads it."""

        def read(value: Any) -> datetime:
            try:
                return read_instant(value)
            except ValueError:
                raise ValueError("must be a time such as 2024-01-31T10:00:00.000Z") from None

        return self._read(name, read, required)

    def object(self, name: str, *, required: bool = False) -> Fields | None:
        """An object within this one; its faults are gathered with ours."""
        given = self._read(name, _an_object, required)
        return None if given is None else Fields(given, f"{self._at}{name}.", self.faults)

    def objects(self, name: str, *, least: int = 0, most: int, required: bool = False) -> list[Fields]:
        """A list of objects."""

        def read(value: Any) -> list[Any]:
            if not isinstance(value, list):
                raise ValueError("must be a list")
            if not least <= len(value) <= most:
                raise ValueError(f"must have {least} to {most} entries")
            return value

        found: list[Fields] = []
        for number, one in enumerate(self._read(name, read, required) or ()):
            if isinstance(one, dict):
                found.append(Fields(one, f"{self._at}{name}[{number}].", self.faults))
            else:
                self.fault(f"{name}[{number}]", "must be an object")
        return found

    def names(self) -> list[str]:
        """The names of all fields that were sent, ``null`` ones too."""
        return list(self._given)

    def raw(self, name: str) -> Any:
        """A field as it was sent; ``None`` when it is absent."""
        return self._given.get(name)

    def _read(self, name: str, read: Callable[[Any], Value], required: bool) -> Value | None:
        value = self._given.get(name)
        if value is None:
            if required:
                self.fault(name, "is required")
            return None
        try:
            return read(value)
        except ValueError as wrong:
            self.fault(name, str(wrong))
            return None


def _an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        read = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Invalid(f"{what} is not JSON, or it is nested too deeply.") from None
    if not isinstance(read, dict):
        raise Invalid(f"{what} must be a JSON object.")
    _check_bounds(read, what)
    return cast(dict[str, Any], read)


def _check_bounds(read: Any, what: str) -> None:
    level, seen = [read], 0
    for _ in range(DEEPEST):
        seen += len(level)
        if seen > MOST_VALUES:
            raise Invalid(f"{what} holds more than {MOST_VALUES} values.")
        if any(isinstance(value, str) and _UNKEPT.search(value) for value in level):
            raise Invalid(f"{what} holds a character that cannot be kept (NUL).")
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return
    raise Invalid(f"{what} is nested more than {DEEPEST} levels deep.")


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value

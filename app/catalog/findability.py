"""The rows by which an entity is found: its values, its words, what it points at."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.catalog.values import Schema, target_of
from app.models.template import FILE_TYPES

Row = dict[str, Any]

VALUE_LENGTH = 200
WORD_LENGTH = 64
MOST_WORDS = 60
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_RUN = re.compile(r"[^\W_]+")
_SPOKEN = ("LABEL", "PHONE", "EMAIL")
_NUMBERS = ("INTEGER", "DECIMAL", "BOOLEAN")
_TIMES = ("DATE", "DATE_TIME")


def folded(text: str) -> str:
    """Text as it is compared: composed and case-folded."""
    return unicodedata.normalize("NFKC", text).casefold()


def can_be_kept(text: str) -> bool:
    """Whether a database can hold the text: NUL and halves of surrogate pairs, none can even be asked for."""
    return _UNKEPT.search(text) is None


def words_in(text: str) -> list[str]:
    """The words of a text in their order, each once; an id with dashes stays one word."""
    found: list[str] = []
    for piece in folded(text).split():
        found += [piece] if known_id(piece) else _RUN.findall(piece)
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in found))


def value_rows(schema: Schema, tenant_id: UUID, entity_id: UUID, stored: Mapping[str, Any]) -> list[Row]:
    """The ``EntityValue`` rows of an entity."""
    rows = []
    for attribute in schema.attributes:
        if attribute.name in stored and attribute.kind not in FILE_TYPES:
            row: Row = {"entity_id": entity_id, "attribute": attribute.name, "tenant_id": tenant_id}
            rows.append(row | comparable(attribute.kind, stored[attribute.name]))
    return rows


def comparable(kind: str, value: Any) -> Row:
    """A stored value as ``text``, ``number`` or ``time``; the other two are empty."""
    row: Row = {"text": None, "number": None, "time": None}
    if kind in _NUMBERS:
        row["number"] = float(value)
    elif kind in _TIMES:
        known = datetime.fromisoformat(value)
        row["time"] = known if known.tzinfo else known.replace(tzinfo=UTC)
    elif kind == "REFERENCE":
        row["text"] = str(target_of(value))
    elif kind == "MULTI_SELECT":
        row["text"] = folded("|".join(str(chosen) for chosen in value))[:VALUE_LENGTH]
    else:
        row["text"] = folded(str(value))[:VALUE_LENGTH]
    return row


def words_of(schema: Schema, key: str, caption: str, stored: Mapping[str, Any]) -> list[str]:
    """The words by which an entity is found: of its caption, its key and its short texts.

    A key that is only the entity's id again has no words: "fa" would find it instead of Fatima.
    """
    texts = [caption] if known_id(key) else [caption, key]
    spoken = (known.name for known in schema.attributes if known.kind in _SPOKEN)
    texts += [str(stored[name]) for name in spoken if name in stored]
    return words_in(" ".join(texts))[:MOST_WORDS]


def reference_rows(schema: Schema, entity_id: UUID, stored: Mapping[str, Any]) -> list[Row]:
    """The ``Reference`` rows of an entity."""
    return [
        {"entity_id": entity_id, "attribute": known.name, "target_id": target_of(stored[known.name])}
        for known in schema.attributes
        if known.kind == "REFERENCE" and known.name in stored
    ]


def known_id(word: str) -> UUID | None:
    """The id that a word spells, with its dashes."""
    if len(word) != 36:
        return None
    try:
        known = UUID(word)
    except ValueError:
        return None
    return known if str(known) == word else None

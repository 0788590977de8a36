"""The statements with which a builder reads records, in the words of each database.

They give columns; :mod:`app.rows.record_lines` joins those. No document is parsed on the way.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    JSON,
    ClauseElement,
    ColumnElement,
    LargeBinary,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from app.extensions import db
from app.models.types import Id, Instant
from app.rows.entities import CURRENT, HISTORY, Position, Room, Selection, held_at, selected
from app.rows.record_lines import IDS, INSTANTS, TEXTS


def _dialects() -> Mapping[str, Dialect]:
    # A parameter style without percent signs: the text goes to the driver as it is.
    known: dict[str, Any] = {
        "postgresql": postgresql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
        "sqlite": sqlite.dialect(paramstyle="named"),
    }
    # What SQLAlchemy asks a server when it connects: since PostgreSQL 9.1 a backslash in a text is itself.
    known["postgresql"]._backslash_escapes = False
    return known


_DIALECTS = _dialects()


ORDERS = {"created_at": "created", "updated_at": "updated"}
Kept = tuple[str, bool]
"""An attribute's name, and whether it is among those that identify people."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the other side of a record is called, as the plan froze it.

    :param templates: each template's name
    :param identifying: the templates whose captions identify people
    :param owners: each organization's name; of others only the id is written
    :param with_phi: whether identifying attributes and captions are written
    :param longest_name: of things that have a name of their own: its characters at most; 0: they have none
    :param named: for each template the attribute that keeps the name, and whether that identifies people
    :param zoned: for each template of devices the attribute that keeps the time zone, and the same
    """

    templates: Mapping[UUID, str]
    identifying: frozenset[UUID]
    owners: Mapping[UUID, str]
    with_phi: bool
    longest_name: int = 0
    named: Mapping[UUID, Kept] = field(default_factory=dict)
    zoned: Mapping[UUID, Kept] = field(default_factory=dict)


def plain_words(words: Words, selection: Selection) -> dict[str, Any]:
    """The words as plain values, and the selection's order, for :meth:`app.rows.source.Source.records`."""
    return {
        "order": [ORDERS[selection.time_column], selection.descending],
        "keyed": _goes_by_key(selection),
        "named": bool(words.longest_name),
        "templates": {str(one): name for one, name in words.templates.items()},
        "hidden": [] if words.with_phi else sorted(str(one) for one in words.identifying),
        "owners": {str(one): name for one, name in words.owners.items()},
    }


class PageStatements:
    """The SELECTs that give a selection's records between two places, for :meth:`app.rows.source.Source.records`.

    Compiling one costs some milliseconds, so it is done once, with room for the places.
    """

    def __init__(self, selection: Selection, words: Words) -> None:
        self._selection, self._words = selection, words
        # Not to be guessed: nothing that somebody wrote can be taken for a room.
        self._after, self._until = (Room(*(f"<{secrets.token_hex(16)}>" for _ in range(2))) for _ in range(2))
        self._compiled: dict[bool, str] = {}

    def between(self, after: Position | None, until: Position) -> str:
        """The records behind ``after`` (``None`` is the beginning) up to ``until``."""
        begins = after is None
        if begins not in self._compiled:
            self._compiled[begins] = self._statement(None if begins else self._after)
        text = _filled(self._compiled[begins], self._until, until)
        return text if after is None else _filled(text, self._after, after)

    def _statement(self, after: Room | None) -> str:
        both = selected(self._selection, after, self._until)
        personal = both.c.phi_attributes if self._words.with_phi else literal("{}", Text)
        columns = [
            both.c.id,
            both.c.template_id,
            both.c.organization_id,
            _shown_key(both, self._words) if _goes_by_key(self._selection) else literal("", Text),
            _called(both, self._words) if self._words.longest_name else _as_it_is(both.c.caption),
            _as_it_is(personal),
            _as_it_is(both.c.attributes),
            both.c.created_at,
            both.c.updated_at,
        ]
        named = [column.label(name) for column, name in zip(columns, (*IDS, *TEXTS, *INSTANTS), strict=True)]
        return text_of(select(*named))


def _goes_by_key(selection: Selection) -> bool:
    return selection.data_type == "device"


def _filled(text: str, room: Room, place: Position) -> str:
    return text.replace(room.time, text_of(literal(place.time, Instant))).replace(
        room.id, text_of(literal(place.id, Id))
    )


def names_statement(tenant_id: UUID, revision: int, any_id: str, words: Words, scope: Sequence[UUID] | None) -> str:
    """The SELECT that gives, for ids in the place of ``any_id``, an id and the JSON that is written for it.

    :param scope: the organizations whose records may be named; ``None`` is every one
    """
    halves = [
        select(table.c.id, table.c.key, table.c.caption, table.c.template_id, table.c.data_type).where(
            table.c.tenant_id == tenant_id,
            table.c.id.in_([UUID(any_id)]),
            held_at(table, revision),
            *([] if scope is None else [table.c.organization_id.in_(scope)]),
        )
        for table in (CURRENT, HISTORY)
    ]
    both = union_all(*halves).subquery("named")
    shown_id = case((both.c.data_type == "device", _quoted(both.c.key)), else_=_joined(['"', _id_text(both.c.id), '"']))
    pieces = [
        '{"id":', shown_id, _caption(both, words, ',"name":'), ',"templateName":', _of_template(both, words), "}",
    ]  # fmt: skip
    return text_of(select(_id_text(both.c.id), _joined(pieces)))


def most_bytes(selection: Selection, words: Words, extra: Mapping[UUID, int]) -> ColumnElement[int]:
    """How long a record's text is at most: its documents, and what is written before them.

    :param extra: for each template, bytes that come in with the names of references
    """
    constant = len(b'{"_id":,"_caption":,"_template":{"id":"","name":},"_ownerOrganization":{"id":"","name":},'
                   b'"_creationTime":"","_lastModifiedTime":""}\n') + 2 * 24 + 2 * 36  # fmt: skip
    constant += max((len(orjson.dumps(name)) for name in words.templates.values()), default=0)
    constant += max((len(orjson.dumps(name)) for name in words.owners.values()), default=4)
    shown_id = _octets(_shown_key(CURRENT, words)) if _goes_by_key(selection) else literal(38)
    document = CURRENT.c.document_bytes if words.with_phi else _octets(CURRENT.c.attributes)
    named = [(CURRENT.c.template_id == one, size) for one, size in extra.items()]
    more = case(*named, else_=0) if named else literal(0)
    whole: ColumnElement[int] = literal(constant) + shown_id + _octets(_called(CURRENT, words)) + document + more
    return whole


def longest_caption(tenant_id: UUID, data_type: str) -> Select[int | None]:
    """Bytes of the longest caption and key of a data type, as JSON."""
    own = (CURRENT.c.tenant_id == tenant_id, CURRENT.c.data_type == data_type)
    return select(func.max(_octets(_quoted(CURRENT.c.caption)) + _octets(_quoted(CURRENT.c.key)))).where(*own)


def text_of(statement: ClauseElement) -> str:
    """A statement as text in the database's own words, with its values in it."""
    dialect = _DIALECTS[db.engine.dialect.name]
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _as_it_is(document: Any) -> ColumnElement[Any]:
    # SQLite's texts would be looked through for their characters.
    return document if _on_postgresql() else cast(document, LargeBinary)


def _chosen(column: Any, texts: Mapping[UUID, str], otherwise: str) -> ColumnElement[Any]:
    whens = [(column == one, literal(text, Text)) for one, text in texts.items()]
    return case(*whens, else_=literal(otherwise, Text)) if whens else literal(otherwise, Text)


def _caption(both: Any, words: Words, key: str) -> ColumnElement[Any]:
    whole = _joined([key, _quoted(both.c.caption)])
    if words.with_phi or not words.identifying:
        return whole
    return case((both.c.template_id.in_(sorted(words.identifying)), ""), else_=whole)


def _shown_key(both: Any, words: Words) -> ColumnElement[Any]:
    """A device's own id, and what clients of devices look for in each of them."""
    zone = _kept(both, words, words.zoned)
    told = _quoted(both.c.key)
    return _joined([told, ',"_configuration":{},"_timezone":', func.coalesce(_quoted(zone), "null")])


def _called(both: Any, words: Words) -> ColumnElement[Any]:
    """The caption, and behind it the name of what has one: that which an attribute keeps, or the caption."""
    if not words.longest_name:
        return _quoted(both.c.caption)
    whole = func.coalesce(func.nullif(_kept(both, words, words.named), ""), both.c.caption)
    cut = func.nullif(func.trim(func.substr(whole, 1, words.longest_name)), "")
    name = func.coalesce(cut, func.substr(both.c.key, 1, words.longest_name))
    return _joined([_quoted(both.c.caption), ',"_name":', _quoted(name)])


def _kept(both: Any, words: Words, by_template: Mapping[UUID, Kept]) -> ColumnElement[Any]:
    """The text that each template keeps in an attribute of its own; SQL's null where it keeps none."""
    whens = [
        (both.c.template_id == one, _text_in(both.c.phi_attributes if personal else both.c.attributes, name))
        for one, (name, personal) in by_template.items()
        if words.with_phi or not personal
    ]
    return case(*whens, else_=cast(null(), Text)) if whens else cast(null(), Text)


def _text_in(document: Any, name: str) -> ColumnElement[Any]:
    """A text within a document: the one place where documents are parsed, for few kinds of records."""
    if _on_postgresql():
        return cast(document, JSON).op("->>")(literal(name, Text))
    return func.json_extract(document, literal(f'$."{name}"', Text))


def _of_template(both: Any, words: Words) -> ColumnElement[Any]:
    names = {one: orjson.dumps(name).decode() for one, name in words.templates.items()}
    return _chosen(both.c.template_id, names, "null")


def _on_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def _joined(pieces: Sequence[Any]) -> ColumnElement[Any]:
    elements = [literal(piece, Text) if isinstance(piece, str) else piece for piece in pieces]
    if _on_postgresql():
        return func.concat(*elements)
    whole = elements[0]
    for element in elements[1:]:
        whole = whole.op("||")(element)
    return whole


def _quoted(column: Any) -> ColumnElement[Any]:
    """A text as JSON."""
    if _on_postgresql():
        return cast(func.to_json(cast(column, Text)), Text)
    return func.json_quote(column)


def _id_text(column: Any) -> ColumnElement[Any]:
    return cast(column, Text)


def _octets(column: Any) -> ColumnElement[int]:
    return func.octet_length(column) if _on_postgresql() else func.length(cast(column, LargeBinary))

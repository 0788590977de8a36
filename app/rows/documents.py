"""The statements with which a builder reads records, in the words of each database.

On PostgreSQL a record is three JSON objects with tabs between: what is known of it (``_id`` …), its
identifying attributes, the others; the builder joins them (:func:`app.rows.postgresql.spliced`). SQLite gives columns,
and :mod:`app.rows.record_lines` joins those. No document is parsed on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    Text,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    union_all,
    values,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from app.extensions import db
from app.models.types import Id
from app.rows.entities import CURRENT, HISTORY, Position, Selection, _held_at, selected

_IN_A_CASE = 16
"""So many organizations are named in a CASE; more of them in a table of their own, which is joined."""


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


@dataclass(frozen=True, slots=True)
class Words:
    """What the other side of a record is called, as the plan froze it.

    :param templates: each template's name
    :param identifying: the templates whose captions identify people
    :param owners: each organization's name; of others only the id is written
    :param with_phi: whether identifying attributes and captions are written
    """

    templates: Mapping[UUID, str]
    identifying: frozenset[UUID]
    owners: Mapping[UUID, str]
    with_phi: bool


def plain_words(words: Words) -> dict[str, Any]:
    """The words as plain values, for :meth:`app.rows.source.Source.records`."""
    return {
        "templates": {str(one): name for one, name in words.templates.items()},
        "hidden": [] if words.with_phi else sorted(str(one) for one in words.identifying),
        "owners": {str(one): name for one, name in words.owners.items()},
    }


def statement_for(selection: Selection, after: Position | None, until: Position, words: Words) -> str:
    """The SELECT that gives the records between two places, for :meth:`app.rows.source.Source.records`."""
    by_key = selection.data_type == "device"
    both, order = selected(selection, after, until)
    if not _on_postgresql():
        return text_of(select(*_raw(both, words, by_key)).order_by(*order))
    names = {one: f',"name":{orjson.dumps(name).decode()}' for one, name in words.owners.items()}
    source: Any = both
    owner: ColumnElement[Any] = _chosen(both.c.organization_id, names, "")
    if len(names) > _IN_A_CASE:
        owners = values(column("id", Id), column("words", Text), name="owner").data(list(names.items()))
        source = both.outerjoin(owners, owners.c.id == both.c.organization_id)
        owner = func.coalesce(owners.c.words, literal("", Text))
    cells = [_head(both, words, by_key, owner), both.c.attributes]
    if words.with_phi:
        cells.insert(1, both.c.phi_attributes)
    return text_of(select(*cells).select_from(source).order_by(*order))


def names_statement(
    tenant_id: UUID, revision: int, any_id: str, words: Words, scope: Sequence[UUID] | None
) -> str:
    """The SELECT that gives, for ids in the place of ``any_id``, an id and the JSON that is written for it.

    :param scope: the organizations whose records may be named; ``None`` is every one
    """
    halves = [
        select(table.c.id, table.c.key, table.c.caption, table.c.template_id, table.c.data_type).where(
            table.c.tenant_id == tenant_id,
            table.c.id.in_([UUID(any_id)]),
            _held_at(table, revision),
            *([] if scope is None else [table.c.organization_id.in_(scope)]),
        )
        for table in (CURRENT, HISTORY)
    ]
    both = union_all(*halves).subquery("named")
    shown_id = case((both.c.data_type == "device", _quoted(both.c.key)), else_=_in_quotes(_id_text(both.c.id)))
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
    shown_id = _octets(_quoted(CURRENT.c.key)) if selection.data_type == "device" else literal(38)
    document = CURRENT.c.document_bytes if words.with_phi else _octets(CURRENT.c.attributes)
    named = [(CURRENT.c.template_id == one, size) for one, size in extra.items()]
    more = case(*named, else_=0) if named else literal(0)
    whole: ColumnElement[int] = literal(constant) + shown_id + _octets(_quoted(CURRENT.c.caption)) + document + more
    return whole


def longest_caption(tenant_id: UUID, data_type: str) -> Select[int | None]:
    """Bytes of the longest caption and key of a data type, as JSON."""
    own = (CURRENT.c.tenant_id == tenant_id, CURRENT.c.data_type == data_type)
    return select(func.max(_octets(_quoted(CURRENT.c.caption)) + _octets(_quoted(CURRENT.c.key)))).where(*own)


def text_of(statement: Select[Any]) -> str:
    """A statement as text in the database's own words, with its values in it."""
    dialect = _DIALECTS[db.engine.dialect.name]
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _raw(both: Any, words: Words, by_key: bool) -> Sequence[ColumnElement[Any]]:
    """What :func:`app.rows.record_lines.lines_of` makes lines of."""
    whole, personal = (cast(column, LargeBinary) for column in (both.c.attributes, both.c.phi_attributes))
    inside = func.substr(personal, 2, func.length(personal) - 2)
    return [
        _quoted(both.c.key) if by_key else _in_quotes(both.c.id),
        _quoted(both.c.caption),
        both.c.template_id,
        both.c.organization_id,
        both.c.created_at,
        both.c.updated_at,
        *([inside] if words.with_phi else []),
        func.substr(whole, 2),
    ]


def _head(both: Any, words: Words, by_key: bool, owner: Any) -> ColumnElement[Any]:
    shown_id = _quoted(both.c.key) if by_key else _in_quotes(_id_text(both.c.id))
    pieces = [
        '{"_id":', shown_id, _caption(both, words, ',"_caption":'),
        ',"_template":{"id":"', _id_text(both.c.template_id), '","name":', _of_template(both, words),
        '},"_ownerOrganization":{"id":"', _id_text(both.c.organization_id), '"', owner,
        '},"_creationTime":"', _iso(both.c.created_at), '","_lastModifiedTime":"', _iso(both.c.updated_at), '"}',
    ]  # fmt: skip
    return _joined(pieces)


def _chosen(column: Any, texts: Mapping[UUID, str], otherwise: str) -> ColumnElement[Any]:
    whens = [(column == one, literal(text, Text)) for one, text in texts.items()]
    return case(*whens, else_=literal(otherwise, Text)) if whens else literal(otherwise, Text)


def _caption(both: Any, words: Words, key: str) -> ColumnElement[Any]:
    whole = _joined([key, _quoted(both.c.caption)])
    if words.with_phi or not words.identifying:
        return whole
    return case((both.c.template_id.in_(sorted(words.identifying)), ""), else_=whole)


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


def _in_quotes(column: Any) -> ColumnElement[Any]:
    return _joined(['"', column, '"'])


def _id_text(column: Any) -> ColumnElement[Any]:
    return cast(column, Text)


def _octets(column: Any) -> ColumnElement[int]:
    return func.octet_length(column) if _on_postgresql() else func.length(cast(column, LargeBinary))


def _iso(column: Any) -> ColumnElement[Any]:
    """ISO 8601 in UTC with milliseconds always."""
    if _on_postgresql():
        return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    seconds: ColumnElement[float] = literal_column(f"{column.table.name}.{column.name} / 1000.0")
    return func.strftime("%Y-%m-%dT%H:%M:%fZ", seconds, "unixepoch")

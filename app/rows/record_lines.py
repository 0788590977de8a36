"""Records of SQLite as lines of JSON, whole columns at once.

SQLite would join and format them in SQL at a third of the speed. PostgreSQL does it in SQL, where it costs the client
nothing: see :mod:`app.rows.documents`, which makes both statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from app.rows.arrow_text import text_of
from app.rows.instants import iso_text


def lines_of(table: Any, words: Mapping[str, Any]) -> bytes:
    """A line for each record.

    :param table: the columns of :func:`app.rows.documents.statement_for` on SQLite: the id as JSON, the caption as
        JSON, template, organization, created and updated (ms), and the documents without their opening brackets, the
        last one with its closing one
    :param words: what the plan froze: ``templates`` (id to name), ``hidden`` (templates whose captions are not
        written), ``owners`` (organization's id to name)
    """
    table = table.combine_chunks()
    shown_id, caption, template, owner, created, updated, *documents = (_plain(one) for one in table.itercolumns())
    columns: list[Any] = ['{"_id":', shown_id, _captions(caption, template, words)]
    columns += [_told(template, lambda one: _template(one, words)), _told(owner, lambda one: _owner(one, words))]
    columns += [',"_creationTime":"', iso_text(created.to_numpy()), '","_lastModifiedTime":"']
    columns += [iso_text(updated.to_numpy()), '"']
    for document in documents[:-1]:
        columns += [_after_comma(document, "")]
    columns += [_after_comma(documents[-1], "}"), "\n"]
    joined = pc.binary_join_element_wise(*columns, "")
    return bytes(text_of(joined))


def _plain(column: Any) -> Any:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.cast(pa.string()) if pa.types.is_binary(whole.type) else whole


def _told(ids: Any, told: Callable[[str], str]) -> Any:
    """For each id what is told of it; each of the few ids is asked once."""
    known = pc.unique(ids)
    texts = [told(one) for one in known.to_pylist()]
    return texts[0] if len(texts) == 1 else pa.array(texts, pa.string()).take(pc.index_in(ids, known))


def _template(one: str, words: Mapping[str, Any]) -> str:
    return f',"_template":{{"id":"{one}","name":{_json(words["templates"].get(one))}}}'


def _owner(one: str, words: Mapping[str, Any]) -> str:
    name = words["owners"].get(one)
    return f',"_ownerOrganization":{{"id":"{one}"' + ("}" if name is None else f',"name":{_json(name)}}}')


def _captions(caption: Any, template: Any, words: Mapping[str, Any]) -> Any:
    written = pc.binary_join_element_wise(',"_caption":', caption, "")
    hidden = words["hidden"]
    if not hidden:
        return written
    return pc.if_else(pc.is_in(template, pa.array(hidden, pa.string())), "", written)


def _after_comma(document: Any, empty: str) -> Any:
    """What stands in a document, behind a comma; nothing but its end when nothing stands in it."""
    written = pc.binary_join_element_wise(",", document, "")
    nothing = pc.equal(document, empty)
    return pc.if_else(nothing, document, written) if pc.any(nothing).as_py() else written


def _json(text: str | None) -> str:
    return orjson.dumps(text).decode()

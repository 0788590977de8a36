"""Records as lines of JSON, whole columns at once: ready documents joined, none of them parsed.

Either database would join and format them in SQL at a third of the speed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.arrow import pa, pc
from app.rows.arrow_text import text_of
from app.rows.instants import iso_text

IDS = ("id", "template", "owner")
TEXTS = ("key", "caption", "personal", "other")
INSTANTS = ("created", "updated")
"""The columns of :class:`app.rows.documents.PageStatements`: the record's id, its template's and its organization's;
the key as JSON where records go by it (else an empty text), the caption, the two documents; when the record was made
and last changed, in ms."""
_NEEDS_ESCAPE = re.compile(rb'[\x00-\x1f"\\]')


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of text, and how many they are."""

    count: int
    text: bytes | memoryview


NO_LINES = Lines(0, b"")
SEPARATOR = ",\n"
"""Between documents."""


def lines_of(columns: Sequence[Any], words: Mapping[str, Any]) -> Lines:
    """A line for each record, in the order asked for.

    :param columns: Arrow arrays: the :data:`IDS`, the :data:`TEXTS` and the :data:`INSTANTS`, of at least one record
    :param words: what the plan froze: ``templates`` (id to name), ``hidden`` (templates whose captions are not
        written), ``owners`` (organization's id to name); ``keyed``: whether records go by their key; ``named``: whether
        captions come as JSON with the name behind them, not as plain text; and ``order``: which of the instants it goes
        by, and whether the newest comes first
    """
    ids, template, owner, keys, caption, personal, other, created, updated = _in_order(
        list(map(_whole, columns)), *words["order"]
    )
    caption = caption if words["named"] else _quoted(caption)
    pieces: list[Any] = ['{"_id":', keys] if words["keyed"] else ['{"_id":"', ids, '"']
    pieces += [_captions(caption, template, words)]
    pieces += [_told(template, lambda one: _template(one, words)), _told(owner, lambda one: _owner(one, words))]
    pieces += [',"_creationTime":"', iso_text(created.to_numpy()), '","_lastModifiedTime":"']
    pieces += [iso_text(updated.to_numpy()), '"', _inside(personal), _inside(other), "}\n"]
    return Lines(len(ids), text_of(pc.binary_join_element_wise(*pieces, "")))


def joined(ids: Any, documents: Any) -> Lines:
    """Documents in the order of their ids, with a comma and a line end between them.

    They come so already, but for what came from the history.
    """
    ids, ended = _whole(ids), pc.binary_join_element_wise(_whole(documents), "", SEPARATOR)
    if len(ids) and not pc.all(pc.less(ids.slice(0, len(ids) - 1), ids.slice(1))).as_py():
        ended = ended.take(pc.sort_indices(ids))
    return Lines(len(ids), text_of(ended)[: -len(SEPARATOR)])


def _whole(column: Any) -> Any:
    """A column in one piece, bytes taken for the text that they are."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.view(pa.string()) if pa.types.is_binary(whole.type) else whole


def _in_order(columns: list[Any], time: str, newest_first: bool) -> list[Any]:
    """The columns by that time, and by the id where times are equal.

    An index gives them so already, but for what came from the history; sorting in SQL would carry whole documents.
    """
    ids, times = columns[0], columns[len(IDS) + len(TEXTS) + INSTANTS.index(time)]
    before, after = (1, 0) if newest_first else (0, 1)
    count = len(ids) - 1
    earlier, later = (times.slice(begin, count) for begin in (before, after))
    lower, higher = (ids.slice(begin, count) for begin in (before, after))
    in_order = pc.or_(pc.less(earlier, later), pc.and_(pc.equal(earlier, later), pc.less(lower, higher)))
    if pc.all(in_order).as_py():
        return columns
    way = "descending" if newest_first else "ascending"
    places = pc.sort_indices(pa.table([times, ids], names=["time", "id"]), sort_keys=[("time", way), ("id", way)])
    return [column.take(places) for column in columns]


def _quoted(texts: Any) -> Any:
    """Texts as JSON. Few hold a sign that must be escaped."""
    if _NEEDS_ESCAPE.search(text_of(texts)):
        return pa.array([_json(one) for one in texts.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', texts, '"', "")


def _inside(document: Any) -> Any:
    """What stands in a document, behind a comma; nothing when nothing stands in it."""
    within = pc.binary_slice(document.view(pa.binary()), 1, -1).view(pa.string())
    written = pc.binary_join_element_wise(",", within, "")
    nothing = pc.equal(within, "")
    return pc.if_else(nothing, "", written) if pc.any(nothing).as_py() else written


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


def _json(text: str | None) -> str:
    return orjson.dumps(text).decode()

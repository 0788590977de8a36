"""Records whose values are parted anew, when a template says otherwise which of them identify people.

Call inside a writing transaction, with a revision that was taken in it, once the template's rows are changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete, insert, literal, or_, select, update

from app.catalog.captions import caption_for
from app.catalog.findability import words_of
from app.catalog.records import FACTS
from app.catalog.values import Schema, Texts, Values, texts_of
from app.extensions import db
from app.models import Entity, EntityHistory, EntityWord, Revision, Template

_AT_ONCE = 500
_Anew = tuple[Any, Texts, str, Values]
"""A record's row, its texts and its caption as they are from now on, and its values."""


def part_anew(
    template: Template, attribute: str, before: Schema, *, revision: Revision, changed_by: UUID | None
) -> int:
    """Make a new version of each record that has a value there, with the value in the text where it belongs now.

    Earlier versions stay as they were. A caption that was made of the record's values is made of them again; one that
    a load gave stays.

    :param before: the template's attributes as they were
    :return: how many records there were
    """
    db.session.flush()
    after = Schema.of(template)
    count = 0
    ids = list(_ids(template, attribute))
    for start in range(0, len(ids), _AT_ONCE):
        anew = list(_anew(ids[start : start + _AT_ONCE], before, after))
        _keep_past([row.id for row, *_ in anew], revision)
        _write(anew, after, revision, changed_by)
        count += len(anew)
    db.session.expire_all()
    return count


def _ids(template: Template, attribute: str) -> Iterator[UUID]:
    """The records whose text has that name in it somewhere."""
    name = f"{orjson.dumps(attribute).decode()}:"
    both = (Entity.attributes, Entity.phi_attributes)
    holding = or_(*(text.contains(name, autoescape=True) for text in both))
    yield from db.session.scalars(select(Entity.id).where(Entity.template_id == template.id, holding))


def _anew(ids: Sequence[UUID], before: Schema, after: Schema) -> Iterator[_Anew]:
    facts = (Entity.id, Entity.tenant_id, Entity.data_type, Entity.key, Entity.caption)
    wanted = select(*facts, Entity.attributes, Entity.phi_attributes).where(Entity.id.in_(ids))
    for row in db.session.execute(wanted):
        values: Values = {**orjson.loads(row.attributes), **orjson.loads(row.phi_attributes)}
        texts = texts_of(after, values)
        if texts.attributes != row.attributes:
            made = row.caption == caption_for(before, values, row.key)
            yield row, texts, caption_for(after, values, row.key) if made else row.caption, values


def _keep_past(ids: Sequence[UUID], revision: Revision) -> None:
    names = ("id", *FACTS)
    present = select(
        *(getattr(Entity, name) for name in names),
        literal(revision.number),
        literal(revision.at, EntityHistory.superseded_at.type),
        literal(False),
    ).where(Entity.id.in_(ids))
    columns = [*names, "superseded_by", "superseded_at", "deleted"]
    db.session.execute(insert(EntityHistory).from_select(columns, present))


def _write(anew: Sequence[_Anew], after: Schema, revision: Revision, changed_by: UUID | None) -> None:
    if not anew:
        return
    db.session.execute(
        update(Entity),
        [
            {
                "id": row.id, "attributes": texts.attributes, "phi_attributes": texts.phi_attributes,
                "document_bytes": texts.document_bytes, "caption": caption, "revision": revision.number,
                "updated_at": revision.at, "changed_by": changed_by,
            }
            for row, texts, caption, _ in anew
        ],
    )  # fmt: skip
    renamed = [one for one in anew if one[2] != one[0].caption]
    if not renamed:
        return
    forgotten = delete(EntityWord).where(EntityWord.entity_id.in_([row.id for row, *_ in renamed]))
    db.session.execute(forgotten.execution_options(synchronize_session=False))
    words = [
        {"tenant_id": row.tenant_id, "data_type": row.data_type, "word": word, "entity_id": row.id}
        for row, _, caption, values in renamed
        for word in words_of(after, row.key, caption, values)
    ]
    if words:
        db.session.execute(insert(EntityWord), words)

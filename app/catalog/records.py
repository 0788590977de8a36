"""Entities as rows: added, changed and removed with their history. No commit, no question who asks.

For the use cases of this and other rooms, and for loads. Call inside a writing transaction, with a revision
that was taken in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import delete, func, insert, or_, select

from app.catalog.captions import CAPTION_LENGTH, caption_after, caption_for
from app.catalog.findability import Row, reference_rows, value_rows, words_of
from app.catalog.values import Schema, stored_form, texts_of, values_of
from app.errors import Invalid
from app.extensions import db
from app.models import Entity, EntityHistory, EntityValue, EntityWord, Reference, Revision, Series, Template
from app.models.entity import VersionedFacts

ROWS_AT_ONCE = 2_000
FACTS = tuple(name for name, kept in vars(VersionedFacts).items() if hasattr(kept, "column"))
"""The columns that a current row and its earlier versions share."""


@dataclass(frozen=True, slots=True)
class NewEntity:
    """An entity to be added; see :func:`add_entity` for what the fields mean."""

    template: Template
    organization_id: UUID
    values: Mapping[str, Any]
    key: str | None = None
    entity_id: UUID | None = None
    caption: str | None = None
    location_id: UUID | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


def add_entity(
    template: Template,
    *,
    organization_id: UUID,
    values: Mapping[str, Any],
    revision: Revision,
    key: str | None = None,
    entity_id: UUID | None = None,
    caption: str | None = None,
    location_id: UUID | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
    changed_by: UUID | None = None,
) -> Entity:
    """Add one entity of the template's tenant and data type.

    :param values: an attribute's name to its value; None and empty are left out
    :param key: a device's own id; the entity's id when not given
    :param caption: what people call it; else its first label that is not a patient value, or its key
    :param created_at: the revision's instant when not given; so is ``updated_at``
    :raises ValueError: a value whose attribute the template does not know
    """
    new = NewEntity(template, organization_id, values, key, entity_id, caption, location_id, created_at, updated_at)
    db.session.flush()
    rows = _Rows()
    facts = _add_rows(rows, new, {}, revision, changed_by)
    rows.write()
    return db.session.get_one(Entity, facts["id"])


def add_entities(entities: Iterable[NewEntity], *, revision: Revision, changed_by: UUID | None = None) -> int:
    """Add many entities, some thousand rows a statement, without keeping them in memory; answers how many.

    What an entity refers to must exist, or stand before it, or stand less than :data:`ROWS_AT_ONCE` after it.
    """
    db.session.flush()
    count = 0
    schemas: dict[UUID, Schema] = {}
    for batch in _batched(entities, ROWS_AT_ONCE):
        rows = _Rows()
        for new in batch:
            _add_rows(rows, new, schemas, revision, changed_by)
        rows.write()
        count += len(batch)
    return count


def write_values(entity: Entity, values: Mapping[str, Any], *, revision: Revision, changed_by: UUID | None) -> None:
    """Make a new version that holds exactly these values; the template says which are patient values."""
    schema = Schema.of(entity.template)
    texts = texts_of(schema, stored_form(schema, values))
    write_version(
        entity,
        revision=revision,
        changed_by=changed_by,
        attributes=orjson.loads(texts.attributes),
        phi_attributes=orjson.loads(texts.phi_attributes),
    )


def write_version(
    entity: Entity,
    *,
    revision: Revision,
    changed_by: UUID | None,
    attributes: Mapping[str, Any] | None = None,
    phi_attributes: Mapping[str, Any] | None = None,
    organization_id: UUID | None = None,
    location_id: UUID | None = None,
) -> None:
    """Keep the present row as history and make it the version of this revision.

    What is not given stays as it is; what is given replaces the whole object. Values, words, references,
    caption and length follow. A second change at the same revision makes no second version.
    """
    schema, before = Schema.of(entity.template), values_of(entity)
    plain = orjson.loads(entity.attributes) if attributes is None else attributes
    personal = orjson.loads(entity.phi_attributes) if phi_attributes is None else phi_attributes
    after = stored_form(schema, {**plain, **personal})
    if entity.revision != revision.number:
        db.session.add(_past(entity, revision))
    texts = texts_of(schema, after)
    entity.caption = caption_after(schema, entity.caption, entity.key, before, after)
    entity.attributes, entity.phi_attributes = texts.attributes, texts.phi_attributes
    entity.document_bytes = texts.document_bytes
    entity.organization_id = organization_id or entity.organization_id
    entity.location_id = location_id or entity.location_id
    entity.updated_at, entity.revision, entity.changed_by = revision.at, revision.number, changed_by
    db.session.flush()
    _forget_findability(entity.id)
    rows = _Rows()
    _add_findability(rows, schema, entity.tenant_id, entity.data_type, entity.id, entity.key, entity.caption, after)
    rows.write()


def delete_entity(entity: Entity, revision: Revision, deleted_by: UUID | None) -> None:
    """Remove the entity; its last version stays in the history, marked as removed.

    :raises Invalid: other records refer to it, or it has measurements
    """
    pointing = db.session.scalar(
        select(func.count())
        .select_from(Reference)
        .where(Reference.target_id == entity.id, Reference.entity_id != entity.id)
    )
    if pointing:
        raise Invalid(f"{entity.caption} cannot be removed: other records refer to it.")
    measured = or_(Series.device_id == entity.id, Series.patient_id == entity.id, Series.session_id == entity.id)
    if db.session.scalar(select(Series.id).where(measured).limit(1)) is not None:
        raise Invalid(f"{entity.caption} cannot be removed: it has measurements.")
    past = _past(entity, revision)
    past.deleted, past.deleted_by = True, deleted_by
    db.session.add(past)
    _forget_findability(entity.id)
    db.session.delete(entity)
    db.session.flush()


def _past(entity: Entity, revision: Revision) -> EntityHistory:
    facts = {name: getattr(entity, name) for name in FACTS}
    return EntityHistory(id=entity.id, superseded_by=revision.number, superseded_at=revision.at, deleted=False, **facts)


def _forget_findability(entity_id: UUID) -> None:
    for kept in (EntityValue, EntityWord, Reference):
        db.session.execute(delete(kept).where(kept.entity_id == entity_id).execution_options(synchronize_session=False))


@dataclass(slots=True)
class _Rows:
    """Rows of several tables, gathered to be written together."""

    entities: list[Row] = field(default_factory=list)
    values: list[Row] = field(default_factory=list)
    words: list[Row] = field(default_factory=list)
    references: list[Row] = field(default_factory=list)

    def write(self) -> None:
        connection = db.session.connection()
        for model, rows in (
            (Entity, self.entities),
            (EntityValue, self.values),
            (EntityWord, self.words),
            (Reference, self.references),
        ):
            if rows:
                connection.execute(insert(model), rows)


def _add_rows(
    rows: _Rows,
    new: NewEntity,
    schemas: dict[UUID, Schema],
    revision: Revision,
    changed_by: UUID | None,
) -> Row:
    template = new.template
    template_id = template.id
    schema = schemas.get(template_id)
    if schema is None:
        schema = schemas[template_id] = Schema.of(template)
    stored = stored_form(schema, new.values)
    texts = texts_of(schema, stored)
    entity_id = new.entity_id or uuid4()
    key = new.key or str(entity_id)
    caption = (new.caption or caption_for(schema, stored, key))[:CAPTION_LENGTH]
    facts: Row = {
        "id": entity_id,
        "tenant_id": template.tenant_id,
        "data_type": template.data_type,
        "template_id": template_id,
        "organization_id": new.organization_id,
        "location_id": new.location_id,
        "key": key,
        "caption": caption,
        "attributes": texts.attributes,
        "phi_attributes": texts.phi_attributes,
        "document_bytes": texts.document_bytes,
        "created_at": new.created_at or revision.at,
        "updated_at": new.updated_at or revision.at,
        "revision": revision.number,
        "changed_by": changed_by,
    }
    rows.entities.append(facts)
    _add_findability(rows, schema, template.tenant_id, template.data_type, entity_id, key, caption, stored)
    return facts


def _add_findability(
    rows: _Rows,
    schema: Schema,
    tenant_id: UUID,
    data_type: str,
    entity_id: UUID,
    key: str,
    caption: str,
    stored: Mapping[str, Any],
) -> None:
    rows.values += value_rows(schema, tenant_id, entity_id, stored)
    rows.references += reference_rows(schema, entity_id, stored)
    rows.words += [
        {"tenant_id": tenant_id, "data_type": data_type, "word": word, "entity_id": entity_id}
        for word in words_of(schema, key, caption, stored)
    ]


def _batched(entities: Iterable[NewEntity], size: int) -> Iterable[list[NewEntity]]:
    waiting = iter(entities)
    while batch := list(islice(waiting, size)):
        yield batch

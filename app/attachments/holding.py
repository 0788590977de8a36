"""What a FILE or IMAGE attribute takes, and what an entity holds in one just now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.access import visible_entities
from app.actor import Actor
from app.attachments.intake import intake
from app.attachments.kinds import PICTURES, accepted_extensions, accepted_kinds
from app.catalog.values import files_of, values_of
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Entity, StoredFile, TemplateAttribute
from app.models.template import FILE_TYPES

File = dict[str, Any]
"""A file as an entity's attribute names it: ``{"id", "name", "mimeType", "size"}``."""


def media_types_of(attribute: TemplateAttribute) -> tuple[str, ...]:
    """The media types that the attribute takes; empty means every kind we know."""
    if attribute.media_types:
        return tuple(attribute.media_types)
    return PICTURES if attribute.kind == "IMAGE" else ()


def accepted_types_of(attribute: TemplateAttribute) -> list[str]:
    """The media types that the attribute takes, each by its own name: a face has words for them."""
    return [kind.media_type for kind in accepted_kinds(media_types_of(attribute))]


def extensions_of(attribute: TemplateAttribute) -> list[str]:
    """The endings that the attribute takes (``.dcm``, ``.png``…): for ``<input accept>`` and for words."""
    return accepted_extensions(media_types_of(attribute))


def size_limit_of(attribute: TemplateAttribute) -> int:
    """Most bytes of one file: the attribute's bound or the deployment's, whichever is smaller."""
    return min(attribute.max_bytes or intake.max_bytes, intake.max_bytes)


def size_in_words(size: int) -> str:
    """``5 MB``, ``209.7 MB``, ``1.2 kB``."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def too_large(limit: int) -> str:
    """The words for more bytes than are accepted."""
    return f"This file is too large: at most {size_in_words(limit)} are accepted here."


def named(file: StoredFile) -> File:
    """A file's bytes have come: it as an attribute names it."""
    return {"id": str(file.id), "name": file.name, "mimeType": file.media_type, "size": file.byte_count}


def get_holder(actor: Actor, entity_id: UUID) -> Entity:
    """The entity, when the actor may see it.

    :raises NotFound: unknown, or not the actor's to see
    """
    entity = db.session.scalar(visible_entities(actor).where(Entity.id == entity_id))
    if entity is None:
        raise NotFound("There is no such record.")
    return entity


def file_attribute(entity: Entity, name: str) -> TemplateAttribute:
    """The entity's FILE or IMAGE attribute of that name.

    :raises Invalid: its template has none
    """
    attribute = entity.template.attribute(name)
    if attribute is None or attribute.kind not in FILE_TYPES:
        raise Invalid("Files cannot be attached there: this record has no such file attribute.")
    return attribute


def held_files(entity: Entity, attribute: TemplateAttribute) -> list[File]:
    """The files that the attribute names now, in their order."""
    return [dict(file) for file in files_of(values_of(entity).get(attribute.name))]


def places_left(entity: Entity, attribute: TemplateAttribute) -> int:
    """How many more files the attribute would hold."""
    return max(attribute.max_files - len(held_files(entity, attribute)), 0)


def as_value(attribute: TemplateAttribute, files: list[File]) -> Any:
    """Files as the attribute's value: a list where several may be, else the one; None when there is none."""
    if attribute.max_files > 1:
        return files or None
    return files[0] if files else None


def visible_files(actor: Actor) -> Select[StoredFile]:
    """Files are seen with their entity, and only so."""
    seen = visible_entities(actor).with_only_columns(Entity.id)
    return select(StoredFile).where(StoredFile.tenant_id == actor.tenant_id, StoredFile.entity_id.in_(seen))

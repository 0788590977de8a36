"""Attach a file: asked first, then streamed, looked at, stored, and attached in one transaction."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4

from app.access import Permission, require
from app.actor import Actor
from app.attachments.holding import (
    as_value,
    file_attribute,
    get_holder,
    held_files,
    media_types_of,
    named,
    places_left,
    size_limit_of,
    too_large,
)
from app.attachments.inspection import Inspection, inspect_file
from app.attachments.intake import CHUNK, Readable, intake, take_body
from app.attachments.kinds import kind_for
from app.attachments.names import clean_name
from app.catalog.records import write_values
from app.catalog.values import values_of
from app.errors import Invalid, TooLarge
from app.extensions import db
from app.models import Entity, StoredFile, TemplateAttribute, begin_writing, take_revision
from app.record import note
from app.storage import storage


@dataclass(frozen=True, slots=True)
class Reception:
    """A file that may come: :func:`begin_upload` asked everything that can be asked before its first byte."""

    entity_id: UUID
    attribute: str
    name: str
    """As it will be kept and shown."""
    shortened: bool
    """The name was too long and lost the end of its stem: the face should say so."""
    limit: int
    """Most bytes accepted."""
    declared_size: int | None
    media_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """What an attribute of an entity would take just now."""

    entity: Entity
    attribute: TemplateAttribute
    places: int
    """How many more files."""
    limit: int
    """Most bytes of each."""


def room_for(actor: Actor, entity_id: UUID, attribute_name: str) -> Room:
    """Ask whether any file may come there at all: what is asked before a form with files is read.

    :raises NotFound: no such entity, or not the actor's to see
    :raises Forbidden: the actor may not attach files to it
    :raises Invalid: no such FILE or IMAGE attribute
    """
    entity = get_holder(actor, entity_id)
    require(actor, Permission.ATTACH, entity.organization_id)
    attribute = file_attribute(entity, attribute_name)
    return Room(entity, attribute, places_left(entity, attribute), size_limit_of(attribute))


def begin_upload(
    actor: Actor, entity_id: UUID, attribute_name: str, name: str, declared_size: int | None = None
) -> Reception:
    """Ask whether this file may come, before a byte of its body is read.

    :param name: the client's file name, as it was sent
    :param declared_size: its announced length in bytes (``Content-Length`` of a raw body), when there is one
    :raises NotFound: no such entity, or not the actor's to see
    :raises Forbidden: the actor may not attach files to it
    :raises TooLarge: the announced length is above the attribute's or the deployment's bound
    :raises Invalid: no such FILE or IMAGE attribute, no room for one more file, or a name or an ending that
        is not accepted; the words are for the person who chose the file
    """
    room = room_for(actor, entity_id, attribute_name)
    entity, attribute, limit = room.entity, room.attribute, room.limit
    refuse_one_too_many(entity, attribute)
    kept = clean_name(name)
    media_types = media_types_of(attribute)
    kind_for(kept.name, media_types)
    if declared_size is not None and declared_size > limit:
        raise TooLarge(too_large(limit))
    return Reception(entity.id, attribute.name, kept.name, kept.shortened, limit, declared_size, media_types)


def receive(actor: Actor, reception: Reception, stream: Readable) -> StoredFile:
    """Take the body, look at what it really is, and attach it as a new version of its entity.

    No transaction is open while bytes come: the session is rolled back first. Whatever goes wrong, nothing
    stays behind: no row, no stored object, no temporary file.

    :param stream: the raw body; read in chunks, never beyond the limit
    :raises TooLarge: more bytes come than are accepted
    :raises Invalid: it broke off, is empty, is not what its name says, or somebody else filled the place
        meanwhile
    :raises NotFound: the entity went meanwhile
    :raises StorageFault: no room, or storage cannot be reached
    """
    db.session.rollback()
    with intake.private_file() as body:
        size, sha256 = take_body(
            stream,
            body,
            limit=reception.limit,
            declared=reception.declared_size,
            too_large=too_large(reception.limit),
        )
        path = Path(f"/proc/self/fd/{body.fileno()}")
        found = inspect_file(path, reception.name, allowed=reception.media_types)
        file_id = uuid4()
        keys = _keys(file_id, found)
        try:
            _store(keys, body, found)
            return _attach(actor, reception, found, file_id, keys, size, sha256)
        except BaseException:
            _undo(file_id, keys)
            raise


def _keys(file_id: UUID, found: Inspection) -> tuple[str, str | None]:
    return f"files/{file_id}", f"previews/{file_id}" if found.preview else None


def _store(keys: tuple[str, str | None], body: IO[bytes], found: Inspection) -> None:
    body.seek(0)
    _publish(keys[0], body)
    if keys[1] and found.preview:
        _publish(keys[1], io.BytesIO(found.preview))


def _publish(key: str, source: IO[bytes]) -> None:
    with storage.publishing(key) as sink:
        while chunk := source.read(CHUNK):
            sink.write(chunk)


def _attach(
    actor: Actor,
    reception: Reception,
    found: Inspection,
    file_id: UUID,
    keys: tuple[str, str | None],
    size: int,
    sha256: str,
) -> StoredFile:
    begin_writing()
    # Taken first: it locks the tenant's counter, so that of two uploads at once the second sees the first's
    # file.
    revision = take_revision(actor.tenant_id)
    entity = get_holder(actor, reception.entity_id)
    require(actor, Permission.ATTACH, entity.organization_id)
    attribute = file_attribute(entity, reception.attribute)
    refuse_one_too_many(entity, attribute)
    file = StoredFile(
        id=file_id,
        tenant_id=entity.tenant_id,
        organization_id=entity.organization_id,
        entity_id=entity.id,
        attribute=attribute.name,
        name=reception.name,
        media_type=found.media_type,
        byte_count=size,
        sha256=sha256,
        state="attached",
        storage_key=keys[0],
        preview_key=keys[1],
        modality=found.modality,
        page_count=found.pages,
        uploaded_by=actor.user_id,
        created_at=revision.at,
    )
    value = as_value(attribute, [*held_files(entity, attribute), named(file)])
    write_values(entity, {**values_of(entity), attribute.name: value}, revision=revision, changed_by=actor.user_id)
    db.session.add(file)
    _note_attached(actor, file)
    db.session.commit()
    return file


def _note_attached(actor: Actor, file: StoredFile) -> None:
    # Not its name: people put patients' names into those.
    details = {"entity": str(file.entity_id), "attribute": file.attribute, "media_type": file.media_type}
    note(actor, "file.attach", "file", file.id, details=details, byte_count=file.byte_count)


def _undo(file_id: UUID, keys: tuple[str, str | None]) -> None:
    """Drop the stored bytes, unless the commit came through although it was reported as failed.

    What cannot be dropped now is named by no row, and so is found by
    :func:`~app.attachments.upkeep.sweep_files`.
    """
    with suppress(Exception):
        db.session.rollback()
        if db.session.get(StoredFile, file_id) is not None:
            return
        db.session.rollback()
        for key in keys:
            if key:
                storage.delete(key)


def refuse_one_too_many(entity: Entity, attribute: TemplateAttribute) -> None:
    """Refuse unless one more file fits.

    :raises Invalid: with words for a person
    """
    if words := full_words(entity, attribute):
        raise Invalid(words)


def full_words(entity: Entity, attribute: TemplateAttribute) -> str | None:
    """Why no further file fits there, for a person; None while one does."""
    if places_left(entity, attribute):
        return None
    if attribute.max_files == 1:
        return f"{attribute.label} holds one file, and there is one. Remove the present file first."
    return f"{attribute.label} holds at most {attribute.max_files} files. Remove one first."

"""An upload in pieces for one attribute of one entity: begun, resumed, finished by attaching. For people at a page."""

from __future__ import annotations

from uuid import UUID

from app.access import Permission, require
from app.actor import Actor
from app.attachments.announced import drop, expect_file, find_own, keys_of_pieces
from app.attachments.attaching import attach_stored
from app.attachments.holding import file_attribute, get_holder, held_files
from app.attachments.pieces import join_pieces, list_pieces
from app.attachments.uploads import Reception, begin_upload, refuse_one_too_many
from app.catalog.records import write_values
from app.catalog.values import values_of
from app.errors import Gone, Invalid, NotFound
from app.extensions import db
from app.models import StoredFile, begin_writing, take_revision, writing
from app.record import note

PIECE_BYTES = 8 * 1024 * 1024


def begin_in_pieces(
    actor: Actor, entity_id: UUID, attribute: str, name: str, size: int
) -> tuple[StoredFile, Reception, int]:
    """Ask what :func:`begin_upload` asks, and expect the file; answers it, what was asked, and how many pieces it has.

    Each but the last has :data:`PIECE_BYTES`.

    :raises Refusal: as :func:`begin_upload` and :func:`expect_file`
    """
    reception = begin_upload(actor, entity_id, attribute, name, size)
    pieces = max(1, -(-size // PIECE_BYTES))
    return expect_file(actor, name, "application/octet-stream", parts=pieces), reception, pieces


def received_pieces(actor: Actor, file_id: UUID) -> tuple[StoredFile, list[int]]:
    """Which pieces have come, so that a broken upload goes on with the others.

    :raises NotFound: unknown, or somebody else's
    """
    file = find_own(actor, file_id)
    if file is None:
        raise NotFound("There is no such upload.")
    if file.state != "expected":
        return file, []
    return file, [piece.number for piece in list_pieces(actor, file_id) if piece.storage_key]


def finish_in_pieces(actor: Actor, entity_id: UUID, attribute_name: str, file_id: UUID) -> StoredFile:
    """Join the pieces, look at the whole, and attach it as a new version of its entity.

    Asked again because the answer was lost, it answers the same. What is refused leaves nothing behind.

    :raises NotFound: unknown, somebody else's, or the entity is not the actor's to see
    :raises Gone: it was attached and removed since
    :raises Forbidden: the actor may not attach files there
    :raises Invalid: it is not what its name says, or somebody else filled the place meanwhile
    """
    file = find_own(actor, file_id)
    if file is None:
        raise NotFound("There is no such upload.")
    if file.state == "removed":
        raise Gone("This file was removed.")
    if file.state == "attached":
        if (file.entity_id, file.attribute) != (entity_id, attribute_name):
            raise NotFound("There is no such upload.")
        return file
    try:
        if file.state == "expected":
            join_pieces(actor, file_id)
        return _attach(actor, entity_id, attribute_name, file_id)
    except Invalid:
        forget_upload(actor, file_id)
        raise


def _attach(actor: Actor, entity_id: UUID, attribute_name: str, file_id: UUID) -> StoredFile:
    with writing():
        revision = take_revision(actor.tenant_id)
        entity = get_holder(actor, entity_id)
        require(actor, Permission.ATTACH, entity.organization_id)
        attribute = file_attribute(entity, attribute_name)
        refuse_one_too_many(entity, attribute)
        held = [UUID(str(one["id"])) for one in held_files(entity, attribute)]
        value = attach_stored(actor, entity, attribute_name, [*held, file_id], revision)
        values = {**values_of(entity), attribute_name: value}
        write_values(entity, values, revision=revision, changed_by=actor.user_id)
        db.session.commit()
    return db.session.get_one(StoredFile, file_id)


def forget_upload(actor: Actor, file_id: UUID, *, outcome: str = "refused") -> None:
    """Drop a file that was sent and never attached, with everything that came of it; unknown and attached ones stay.

    :param outcome: ``refused`` when its bytes were not what is taken, ``done`` when nobody needs them any more
    """
    begin_writing()
    file = find_own(actor, file_id, locked=True)
    if file is None or file.state not in ("expected", "stored"):
        db.session.rollback()
        return
    keys = [*keys_of_pieces([file_id]), file.storage_key, file.preview_key]
    db.session.delete(file)
    note(actor, "file.cancel", "file", file_id, outcome=outcome)
    db.session.commit()
    drop([key for key in keys if key])

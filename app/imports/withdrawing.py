"""What imports keep of what stood in files, taken away when a patient is erased for good."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select

from app import clock, record
from app.actor import Actor
from app.attachments.announced import keys_of_pieces
from app.extensions import db
from app.models import Entity, FilePiece, MeasurementImport, StoredFile

WITHDRAWN = "A patient was erased for good, so what was sent before is withdrawn. Send the file again."
NAMELESS = "withdrawn.csv"


def withdraw_imports(
    actor: Actor, organization_ids: Collection[UUID], since: datetime, words: Collection[str]
) -> list[str]:
    """Forget what files said that may have spoken of a patient; open imports among them are cancelled, their files go.

    Lines that were refused are kept as they stood, with whatever was in them. Counts stay, and what was stored: those
    are the measurements' own. Inside the caller's writing transaction. No commit: answers the keys of the bytes that
    are to be deleted after it.

    :param organization_ids: in which the patient ever was: imports for devices of these, or for several devices
    :param since: since when the patient was known: imports of before cannot speak of them
    :param words: what identifies the patient: names of files with one of these are replaced
    """
    devices = select(Entity.id).where(Entity.organization_id.in_(list(organization_ids)))
    held = MeasurementImport
    found = select(held).where(
        held.tenant_id == actor.tenant_id,
        or_(held.finished_at.is_(None), held.finished_at >= since),
        or_(held.device_id.is_(None), held.device_id.in_(devices)),
    )
    folded = [word.casefold() for word in words]
    keys: list[str] = []
    for imported in list(db.session.scalars(found.with_for_update(of=held))):
        if _says_something(imported) or _is_named(imported, folded):
            keys += _withdraw(imported, folded)
            record.note(actor, "measurements.import.withdraw", "import", imported.id)
    db.session.flush()
    return keys


def _says_something(imported: MeasurementImport) -> bool:
    return bool(imported.is_open or imported.file_id or imported.result or imported.mapping)


def _is_named(imported: MeasurementImport, words: list[str]) -> bool:
    return any(word in imported.file_name.casefold() for word in words)


def _withdraw(imported: MeasurementImport, words: list[str]) -> list[str]:
    keys = [imported.refused_key] if imported.refused_key else []
    imported.result = imported.mapping = imported.refused_key = imported.refused_bytes = None
    if _is_named(imported, words):
        imported.file_name = NAMELESS
    if imported.is_open:
        imported.state, imported.reason, imported.finished_at = "cancelled", WITHDRAWN, clock.now()
        imported.lease_until = None
        # Whoever is at it has lost it.
        imported.fence += 1
    imported.version += 1
    file_id, imported.file_id = imported.file_id, None
    db.session.flush()
    return keys + (_forget_file(file_id) if file_id else [])


def _forget_file(file_id: UUID) -> list[str]:
    """The file that was sent; one that was attached since belongs to where it is."""
    file = db.session.get(StoredFile, file_id)
    if file is None or file.state not in ("expected", "stored"):
        return []
    keys = [*keys_of_pieces([file_id]), file.storage_key, *([file.preview_key] if file.preview_key else [])]
    db.session.execute(delete(FilePiece).where(FilePiece.file_id == file_id))
    db.session.delete(file)
    return keys

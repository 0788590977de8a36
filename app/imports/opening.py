"""From an import's row to the bytes of its file, the metrics that it may hold, and what reads it."""

from __future__ import annotations

from typing import BinaryIO
from uuid import UUID

from app.access import Permission, require, visible_entities
from app.actor import Actor
from app.errors import Gone, Invalid, NotFound
from app.extensions import db
from app.imports.devices import Devices, Measured, device_templates, measured_by
from app.imports.mapping import Reading
from app.imports.rows import Reader
from app.models import Entity, MeasurementImport, StoredFile
from app.storage import storage

GONE = "A file that was sent is kept for a day, and this one is not here any more. Send it again."


def open_bytes(file_id: UUID | None) -> BinaryIO:
    """The bytes of an import's file; the caller closes them. No transaction stays open.

    :raises Gone: it was swept
    """
    file = db.session.get(StoredFile, file_id) if file_id else None
    key = file.storage_key if file is not None and file.state == "stored" else None
    db.session.rollback()
    if key is None:
        raise Gone(GONE)
    try:
        return storage.open(key)
    except NotFound:
        raise Gone(GONE) from None


def device_for(actor: Actor, device_id: UUID) -> Entity:
    """A device whose measurements the actor may bring.

    :raises NotFound: no such device, or not the actor's to see
    :raises Forbidden: the actor may not write there
    """
    seen = visible_entities(actor).where(Entity.id == device_id, Entity.data_type == "device")
    device = db.session.scalar(seen)
    if device is None:
        raise NotFound("There is no such device.")
    require(actor, Permission.EDIT, device.organization_id)
    return device


def metrics_for(actor: Actor, imported: MeasurementImport) -> list[Measured]:
    """What may be in the file: what its device measures, or any device of the tenant.

    :raises Refusal: as :func:`device_for`
    """
    if imported.several:
        require(actor, Permission.EDIT)
        return measured_by(device_templates(actor))
    if imported.device_id is None:
        raise Invalid("The device was removed meanwhile.")
    return measured_by([device_for(actor, imported.device_id).template_id])


def reader_for(actor: Actor, imported: MeasurementImport, reading: Reading) -> tuple[Reader, Devices, list[Measured]]:
    """What reads the file, the devices that it meets on its way, and the metrics that it knows.

    :raises Refusal: the actor may not write there (any more), or a metric of the mapping is gone
    """
    metrics = metrics_for(actor, imported)
    if not set(reading.columns.metrics.values()) <= {one.name for one in metrics}:
        raise Invalid(fields={"metrics": "A metric that was chosen is not there any more. Choose again."})
    devices = Devices(actor, [one.name for one in metrics])
    place = None
    if not imported.several and imported.device_id is not None:
        place = devices.add(device_for(actor, imported.device_id))
    return Reader(reading, devices, metrics, place), devices, metrics

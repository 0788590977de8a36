"""Taking an archive away by an address that is good once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from app import clock, record
from app.actor import Actor
from app.errors import Gone
from app.exports.downloads import ADDRESS_SECONDS, Download, open_archive
from app.extensions import db
from app.models import AuditEvent, Export, begin_writing

USED = "This address was used. Ask for a new one."


def new_use() -> str:
    """Names the one use of an address."""
    return secrets.token_urlsafe(16)


def open_archive_once(actor: Actor, export_id: UUID, use: str, *, continues: bool = False) -> Download:
    """As :func:`~app.exports.open_archive`, for an address that is good once: that it was taken is what uses it up.

    :param use: names the use, as :func:`new_use` made it; the address must end within :data:`ADDRESS_SECONDS`
    :param continues: only a later range is sent: of whoever used the address it uses nothing up, and nobody else gets
        it; before there was a use it goes on with nothing, and so is the use itself
    :raises Gone: the address was used, or the archive is no more
    """
    download = open_archive(actor, export_id, note=False)
    try:
        if not (continues and _goes_on(actor, export_id, use)):
            _use(actor, export_id, use, download, continues=continues)
    except BaseException:
        download.stream.close()
        raise
    return download


def _use(actor: Actor, export_id: UUID, use: str, download: Download, *, continues: bool) -> None:
    begin_writing()
    # Two at once wait for each other here, and the second one finds what the first one wrote.
    db.session.execute(select(Export.id).where(Export.id == export_id).with_for_update())
    used = _used_from(export_id, use)
    if used is not None:
        db.session.rollback()
        if continues and used == (actor.address or ""):
            return
        raise Gone(USED)
    details = {"file": download.name, "use": use}
    record.note(actor, "export.download", "export", export_id, details=details, byte_count=download.size)
    db.session.commit()


def _goes_on(actor: Actor, export_id: UUID, use: str) -> bool:
    """Whether the address was used from where this request comes."""
    used = _used_from(export_id, use)
    db.session.rollback()
    return used is not None and used == (actor.address or "")


def _used_from(export_id: UUID, use: str) -> str | None:
    """From where an address was used; ``None`` when it was not."""
    since = clock.now() - timedelta(seconds=2 * ADDRESS_SECONDS)
    recent = select(AuditEvent.details, AuditEvent.address).where(
        AuditEvent.object_type == "export",
        AuditEvent.object_id == str(export_id),
        AuditEvent.action == "export.download",
        AuditEvent.at >= since,
    )
    used = [address or "" for details, address in db.session.execute(recent) if (details or {}).get("use") == use]
    return used[0] if used else None

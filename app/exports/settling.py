"""The ends of an export: failed and cancelled, each one UPDATE from a pending state; and deleted, from any state."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import update

from app import callbacks, clock, record
from app.extensions import db
from app.models import Export
from app.models.export import PENDING_STATES

DELETED = "It was deleted."


def fail_export(export_id: UUID, reason: str) -> bool:
    """Fail a pending export, with words for the person who asked. The caller has begun writing and commits.

    Returns whether it was pending.
    """
    return _settle(export_id, "failed", reason, "export.failed")


def cancel_pending(export_id: UUID, reason: str) -> bool:
    """Cancel a pending export. The caller has begun writing and commits. Returns whether it was pending."""
    return _settle(export_id, "cancelled", reason, "export.cancel")


def forget_export(export: Export, reason: str = DELETED) -> str | None:
    """Let nobody see an export any more; its row goes a day later. The caller has begun writing and commits.

    :param reason: why it is cancelled, if it is pending
    :return: the archive's key, to be deleted after the commit
    """
    key = export.archive_key
    # First, so that nobody is called back about what is no longer there.
    export.deleted_at, export.callback_url = clock.now(), None
    # The same form sent once more asks for a new one.
    export.request_key = f"deleted {uuid4()}"
    if export.state == "ready":
        export.state, export.phase, export.archive_key, export.reason = "expired", "Deleted", None, DELETED
    db.session.flush()
    cancel_pending(export.id, reason)
    return key


def _settle(export_id: UUID, state: str, reason: str, action: str) -> bool:
    settled = db.session.execute(
        update(Export)
        .where(Export.id == export_id, Export.state.in_(PENDING_STATES))
        .values(
            state=state,
            phase=state.capitalize(),
            reason=reason[:500],
            finished_at=clock.now(),
            version=Export.version + 1,
        )
        .returning(Export.tenant_id),
        execution_options={"synchronize_session": False},
    ).first()
    if settled is None:
        return False
    callbacks.announce(export_id, state)
    if action == "export.failed":
        record.note(None, action, "export", export_id, tenant_id=settled.tenant_id, outcome="failed", via="job")
    return True

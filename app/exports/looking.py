"""What is kept of previews: who looked at what an export would hold."""

from __future__ import annotations

from app import record
from app.actor import Actor
from app.extensions import db
from app.models import begin_writing
from app.record.reading import fingerprint


def note_preview(actor: Actor, kind: str, asked: str, rows: int) -> None:
    """Keep that the actor was shown a preview. The session is fresh afterwards.

    :param asked: the parameters as JSON; only a keyed digest of them is kept
    :param rows: how many records or values it said there are
    """
    begin_writing()
    record.note(actor, "export.preview", details={"kind": kind, "filter": fingerprint(asked)}, row_count=rows)
    db.session.commit()

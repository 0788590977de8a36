"""What is kept of what somebody signs in with: a digest, and a mark of its use, which must never keep them waiting."""

from __future__ import annotations

import hashlib
import logging

from sqlalchemy import Update
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.models import begin_writing


def mark(change: Update, log: logging.Logger, failing: str) -> None:
    """Make a change in a transaction of its own. A database that is busy with a long load goes without it.

    :param failing: the words for the log when it did
    """
    try:
        begin_writing()
        db.session.execute(change.execution_options(synchronize_session=False))
        db.session.commit()
    except OperationalError:
        db.session.rollback()
        log.warning(failing)


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    # Half a pair of surrogates, as a client may send it, is nobody's secret.
    return hashlib.sha256(secret.encode(errors="replace")).digest()

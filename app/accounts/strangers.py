"""Before anybody is known: the address that was typed, and what a stranger did as the record keeps it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app import record
from app.extensions import db
from app.models import User


def account_named(email: str) -> str:
    """How an e-mail address that somebody typed is looked up and counted."""
    # PostgreSQL keeps no NUL in a text, and answers a question with one in it by a fault.
    return email.replace("\0", "").strip().casefold()[:254]


def find_user(account: str) -> User | None:
    """Whoever has the address, as :func:`account_named` gives it."""
    return db.session.scalar(select(User).where(User.email == account))


def note_stranger(
    action: str,
    user: User | None,
    *,
    address: str | None,
    request_id: str | None,
    outcome: str = "refused",
    details: dict[str, Any] | None = None,
) -> None:
    """Add to the writing transaction what somebody did who is not signed in.

    What they typed is not kept: people type passwords into the wrong field.

    :param user: whose account it was about, if anybody's
    """
    record.note(
        None, action, "user" if user else None, user.id if user else None, tenant_id=user.tenant_id if user else None,
        details=details, outcome=outcome, via="stranger", address=address, request_id=request_id,
    )  # fmt: skip

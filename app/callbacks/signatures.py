"""The Standard Webhooks headers, by which a receiver knows that a request is ours and is not an old one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from uuid import UUID

from app.signing import signing

PREFIX = "whsec_"


def secret_of(user_id: UUID) -> str:
    """The secret of a person's callbacks, as libraries for Standard Webhooks take it: ``whsec_…``."""
    return PREFIX + base64.b64encode(_key(user_id)).decode()


def signed_headers(user_id: UUID, message_id: UUID, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a request that tells a person's receiver of something."""
    name, moment = f"msg_{message_id.hex}", str(int(at.timestamp()))
    return {
        "webhook-id": name,
        "webhook-timestamp": moment,
        "webhook-signature": signature(_key(user_id), name, moment, body),
    }


def signature(key: bytes, name: str, moment: str, body: bytes) -> str:
    """``v1,…``: HMAC-SHA256 over the id, the time and the body, each behind a full stop."""
    digest = hmac.digest(key, f"{name}.{moment}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(user_id: UUID) -> bytes:
    return signing.key(f"callbacks of {user_id}")

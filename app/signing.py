"""Signatures that only this deployment can make: a key of its own for each purpose, so that none serves another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json


class Keyring:
    """Keys derived from the deployment's secret, one for each purpose."""

    def __init__(self) -> None:
        self._secret: bytes | None = None

    def bind(self, secret: str) -> None:
        self._secret = secret.encode()

    def key(self, purpose: str) -> bytes:
        """32 bytes that belong to one purpose: whoever knows them knows neither the secret nor another key."""
        if self._secret is None:
            raise RuntimeError("the keyring is not bound to an application")
        return hmac.digest(self._secret, f"chartroom key for {purpose}".encode(), hashlib.sha256)

    def sign(self, purpose: str, *facts: str | int) -> str:
        """A signature over the facts, fit for an address: 43 characters.

        :param facts: everything that must not be altered; each keeps its place, so that none can flow into the next
        """
        digest = hmac.digest(self.key(purpose), _text_of(facts), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def holds(self, purpose: str, signature: str, *facts: str | int) -> bool:
        """Whether the signature was made by :meth:`sign` for the same purpose over the same facts."""
        given = signature.encode(errors="replace")
        return hmac.compare_digest(given, self.sign(purpose, *facts).encode())


def _text_of(facts: tuple[str | int, ...]) -> bytes:
    return json.dumps(facts, separators=(",", ":")).encode()


signing = Keyring()

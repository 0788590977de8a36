"""A real SMTP server that keeps what it is given, with or without TLS and passwords, or that refuses."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from tests.services.tls import Certificate, free_port


@dataclass
class Postbox:
    """Where a server listens, and what came. ``refuse`` is what it answers to every recipient instead."""

    port: int = 0
    refuse: str | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  the library's name
        self, server: Any, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 kept"


@contextmanager
def running_smtp(certificate: Certificate | None = None, user: str = "", password: str = "") -> Iterator[Postbox]:
    """A server for one test.

    :param certificate: nothing is taken before STARTTLS with it, and before ``user`` and ``password`` then
    """
    postbox = Postbox()
    more: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)

        def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
            right = isinstance(given, LoginPassword) and given.login == user.encode()
            return AuthResult(success=right and given.password == password.encode())

        more = {
            "tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True,
        }  # fmt: skip
    postbox.port = free_port()
    controller = Controller(postbox, hostname="127.0.0.1", port=postbox.port, **more)
    controller.start()
    try:
        yield postbox
    finally:
        controller.stop()

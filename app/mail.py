"""Sending mail: one text to one person by the deployment's SMTP server, if it has one."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

TLS_PORT = 465
"""Here TLS begins with the connection; at other ports with STARTTLS, or not at all."""
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail leaves. Without a host none does. ``sender`` is what stands in From: ``Name <address>``."""

    host: str = ""
    port: int = 587
    starttls: bool = True
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str = "chartroom@localhost"


class NotSent(Exception):
    """The mail was not taken: ``words`` say why without naming anybody; ``is_final`` when trying again is no use."""

    def __init__(self, words: str, *, is_final: bool = False) -> None:
        super().__init__(words)
        self.words, self.is_final = words, is_final


class Mailer:
    """The way to the mail server, bound once."""

    def __init__(self) -> None:
        self._settings = MailSettings()

    def bind(self, settings: MailSettings) -> None:
        self._settings = settings

    @property
    def sends(self) -> bool:
        """Whether the deployment has a mail server at all."""
        return bool(self._settings.host)

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand a plain text to the mail server.

        :param to: one address
        :raises NotSent: there is no server, or it did not take the mail
        """
        if not self.sends:
            raise NotSent("No mail server is set.", is_final=True)
        try:
            message = self._message(to, subject, text)
        except ValueError as fault:
            raise NotSent("No mail can be written to this address.", is_final=True) from fault
        try:
            with self._connected() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refusal:
            code = max((answer[0] for answer in refusal.recipients.values()), default=0)
            raise NotSent(f"The mail server refused the recipient ({code}).", is_final=code >= 500) from refusal
        except smtplib.SMTPNotSupportedError as refusal:
            raise NotSent("The mail server lacks what was asked of it.") from refusal
        except smtplib.SMTPResponseException as refusal:
            raise NotSent(f"The mail server refused ({refusal.smtp_code}).") from refusal
        except (smtplib.SMTPException, OSError) as fault:
            raise NotSent(f"The mail server was not reached ({type(fault).__name__}).") from fault

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._settings.sender, to, subject
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = make_msgid(domain=self._settings.sender.rpartition("@")[2].rstrip("> ") or None)
        # So that no program that answers mail answers this one.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="quoted-printable")
        return message

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        trusted = ssl.create_default_context()
        server: smtplib.SMTP
        if settings.port == TLS_PORT:
            server = smtplib.SMTP_SSL(settings.host, settings.port, timeout=SECONDS, context=trusted)
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=SECONDS)
        try:
            if settings.starttls and settings.port != TLS_PORT:
                server.starttls(context=trusted)
            if settings.user:
                server.login(settings.user, settings.password or "")
        except BaseException:
            server.close()
            raise
        return server


mailer = Mailer()

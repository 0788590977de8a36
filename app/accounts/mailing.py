"""Mail with links, sent from the outbox after the commit that made them, again and again if need be."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Event
from uuid import UUID

from app import clock, outbox, record
from app.accounts.links import INVITATION, MAIL, addresses, is_of_this_key, secret_of
from app.extensions import db
from app.mail import SECONDS, NotSent, mailer
from app.models import OutboxMessage, SignInLink, begin_writing
from app.rounds import go_round

AT_ONCE = 20
ATTEMPTS = 12
BACKOFF_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 1800.0
LEASE_SECONDS = SECONDS * 3
"""Before somebody else may try: connecting, greeting and handing over each have their own time."""
OUTDATED = "The link is no longer good."

log = logging.getLogger(__name__)

INVITED = """Hello {name},

you have been invited to Chartroom at {tenant}. Choose a password here:

{url}

Then sign in with this e-mail address. The link works once, until {until}.

If you did not expect this, you need not do anything.
"""
FORGOTTEN = """Hello {name},

a new password was asked for, for your account in Chartroom at {tenant}. Choose it here:

{url}

The link works once, until {until}. Your old password is good until you use it.

If you did not ask for this, you need not do anything; if it happens again, tell your administrator.
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is ours to send in this try. ``attempt`` counts from 1 and is the fence."""

    id: UUID
    attempt: int
    tenant_id: UUID
    user_id: UUID
    to: str
    subject: str
    text: str


def send_mail_until(stop: Event, *, every: float) -> None:
    """Send what is due until told to stop.

    :param every: seconds between two looks when nothing is due
    """
    go_round(stop, "mail", lambda: 0.0 if send_due_mail() else every, after_fault=every)


def send_due_mail() -> int:
    """Try each mail that is due. Returns how many were tried."""
    tried = 0
    for message in outbox.due(MAIL, AT_ONCE):
        # Taken one by one: behind a slow server the last would be somebody else's before its turn came.
        if (letter := _claim(*message)) is None:
            continue
        tried += 1
        try:
            mailer.send(letter.to, letter.subject, letter.text)
        except NotSent as refusal:
            _write_down(letter, refusal)
        else:
            _write_down(letter, None)
    return tried


def _claim(message_id: UUID, seen: int) -> Letter | None:
    if not outbox.take(message_id, seen, seconds=LEASE_SECONDS):
        return None
    message = db.session.get_one(OutboxMessage, message_id)
    link = db.session.get(SignInLink, message.object_id)
    letter = None
    if link is None or not link.is_open(clock.now()) or not is_of_this_key(link):
        outbox.settle(message_id, seen + 1, OUTDATED)
    else:
        letter = _letter(message_id, seen + 1, link)
    db.session.commit()
    return letter


def _letter(message_id: UUID, attempt: int, link: SignInLink) -> Letter:
    user = link.user
    words = FORGOTTEN if link.kind != INVITATION else INVITED
    text = words.format(
        # One line, whatever somebody called themselves: a mail must not carry a stranger's paragraphs.
        name=" ".join(user.name.split()),
        tenant=user.tenant.name,
        url=addresses.of(secret_of(link)),
        until=f"{link.expires_at.day} {link.expires_at:%B %Y, %H:%M} UTC",
    )
    subject = "Your invitation to Chartroom" if link.kind == INVITATION else "A new password for Chartroom"
    return Letter(message_id, attempt, user.tenant_id, user.id, user.email, subject, text)


def _write_down(letter: Letter, refusal: NotSent | None) -> None:
    begin_writing()
    wait = None
    if refusal is not None and not refusal.is_final and letter.attempt < ATTEMPTS:
        wait = min(BACKOFF_SECONDS * 2 ** (letter.attempt - 1), LONGEST_WAIT_SECONDS)
        log.warning("a mail was not sent: %s", refusal.words, extra={"letter": str(letter.id)})
    outcome = outbox.settle(letter.id, letter.attempt, refusal.words if refusal else None, again_in=wait)
    if outcome is not None:
        record.note(
            None, "mail.send", "user", letter.user_id, tenant_id=letter.tenant_id, outcome=outcome,
            details={"message": str(letter.id), "tries": letter.attempt}, via="job",
        )  # fmt: skip
    db.session.commit()

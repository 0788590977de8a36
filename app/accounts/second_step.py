"""The second step at sign-in: codes by time (RFC 6238), recovery codes, and who must have it."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pyotp
from sqlalchemy import delete, func, select

from app import clock
from app.accounts.marking import digest
from app.extensions import db
from app.models import RecoveryCode, SecondStep, User
from app.signing import signing

ISSUER = "Chartroom"
STEP_SECONDS = 30
DRIFT = 1
"""Time steps that a telephone's clock may be off, to either side."""

SETTING_UP = timedelta(minutes=15)
RECOVERY_CODES = 10
EVERYBODY = "*"
_SECRET_BYTES = 20
_RECOVERY_BYTES = 15
_RECOVERY_SIGNS = 24
_CODE = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a telephone is told, once: ``uri`` for the QR code, ``secret`` (base 32) for typing."""

    uri: str
    secret: str


def is_required_of(user: User) -> bool:
    """Whether the person's tenant asks a second step of them: of everybody, or of a role that they hold."""
    asked = user.tenant.second_step_for.split()
    return EVERYBODY in asked or any(one.role in asked for one in user.memberships)


def has_second_step(user_id: UUID) -> bool:
    """Whether the person set one up."""
    wanted = select(SecondStep.user_id).where(SecondStep.user_id == user_id, SecondStep.confirmed_at.is_not(None))
    return db.session.scalar(wanted) is not None


def needs_second_step(user: User) -> bool:
    """Whether the password alone lets this person in nowhere."""
    return is_required_of(user) or has_second_step(user.id)


def begin_setting_up(user_id: UUID) -> None:
    """Draw, in the writing transaction, what a telephone is to be told; one that is in use stays so meanwhile."""
    row = db.session.get(SecondStep, user_id) or SecondStep(user_id=user_id)
    row.pending_nonce, row.pending_at = secrets.token_urlsafe(32), clock.now()
    db.session.add(row)


def setting_up(user: User) -> SetUp | None:
    """What the person's telephone is to be told; ``None`` when nothing was begun, or too long ago."""
    row = db.session.get(SecondStep, user.id)
    if row is None or row.pending_nonce is None or not _is_fresh(row):
        return None
    codes = _codes(user.id, row.pending_nonce)
    return SetUp(codes.provisioning_uri(name=user.email, issuer_name=ISSUER), codes.secret)


def finish_setting_up(user_id: UUID, code: str) -> list[str] | None:
    """Take the telephone's first code, in the writing transaction; answers new recovery codes, or ``None`` if wrong."""
    row = _locked(user_id)
    if row is None or row.pending_nonce is None or not _is_fresh(row):
        return None
    counter = _matching(_codes(user_id, row.pending_nonce), code, after=0)
    if counter is None:
        return None
    row.nonce, row.pending_nonce, row.pending_at = row.pending_nonce, None, None
    row.confirmed_at, row.last_counter = clock.now(), counter
    return new_recovery_codes(user_id)


def take_code(user_id: UUID, typed: str) -> str | None:
    """Use up a code, in the writing transaction: answers ``code`` or ``recovery`` for which it was, ``None`` if wrong.

    A code by time is good once, and ends those before it.
    """
    row = _locked(user_id)
    if row is None or row.nonce is None:
        return None
    counter = _matching(_codes(user_id, row.nonce), typed, after=row.last_counter)
    if counter is not None:
        row.last_counter = counter
        return "code"
    given = _normal(typed)
    if len(given) != _RECOVERY_SIGNS:
        return None
    found = db.session.scalar(
        select(RecoveryCode).where(
            RecoveryCode.user_id == user_id, RecoveryCode.code_sha256 == digest(given), RecoveryCode.used_at.is_(None)
        )
    )
    if found is None:
        return None
    found.used_at = clock.now()
    return "recovery"


def new_recovery_codes(user_id: UUID) -> list[str]:
    """New recovery codes in place of the old, in the writing transaction. They are told only here."""
    db.session.execute(
        delete(RecoveryCode).where(RecoveryCode.user_id == user_id).execution_options(synchronize_session=False)
    )
    drawn = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    db.session.add_all(RecoveryCode(id=uuid4(), user_id=user_id, code_sha256=digest(code)) for code in drawn)
    return ["-".join(code[place : place + 4] for place in range(0, _RECOVERY_SIGNS, 4)) for code in drawn]


def recovery_codes_left(user_id: UUID) -> int:
    """How many recovery codes are still good."""
    unused = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(unused.select_from(RecoveryCode)) or 0


def _codes(user_id: UUID, nonce: str) -> pyotp.TOTP:
    # Of the deployment's key and a nonce: the database alone does not give the codes away.
    key = signing.key(f"second step of {user_id} {nonce}")[:_SECRET_BYTES]
    return pyotp.TOTP(base64.b32encode(key).decode(), interval=STEP_SECONDS)


def _matching(codes: pyotp.TOTP, typed: str, *, after: int) -> int | None:
    """The time step, later than ``after``, whose code this is."""
    given = re.sub(r"[\s-]+", "", typed)
    if not _CODE.fullmatch(given):
        return None
    present = int(clock.now().timestamp()) // STEP_SECONDS
    steps = (step for step in range(present - DRIFT, present + DRIFT + 1) if step > after)
    found = [step for step in steps if hmac.compare_digest(codes.generate_otp(step), given)]
    return found[0] if found else None


def _locked(user_id: UUID) -> SecondStep | None:
    # Two who show the same code at the same moment take turns; the second one finds it used.
    wanted = select(SecondStep).where(SecondStep.user_id == user_id)
    return db.session.scalar(wanted.with_for_update().execution_options(populate_existing=True))


def _is_fresh(row: SecondStep) -> bool:
    return row.pending_at is not None and clock.now() - row.pending_at <= SETTING_UP


def _normal(typed: str) -> str:
    # Base 32 has no nought and no one: whoever writes them by hand means the letters.
    return re.sub(r"[^A-Z0-9]", "", typed[:100].upper()).translate(str.maketrans("01", "OI"))

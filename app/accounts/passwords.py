"""Passwords: the rules for a new one, and argon2id for keeping it."""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from app.accounts.common_passwords import COMMON, KEYBOARD_RUNS
from app.errors import Invalid

SHORTEST = 12
LONGEST = 1024
_LEET = str.maketrans("0134578@$!+", "oieastbasit")


@dataclass
class Strength:
    """How costly a hash is. The dummy costs the same, so an unknown address takes as long as a known one."""

    hasher: PasswordHasher
    dummy: str


def _strength(hasher: PasswordHasher) -> Strength:
    """The dummy is not hashed but drawn: every process that is started would pay for it, and most sign nobody in."""
    salt, drawn = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return Strength(hasher, f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${drawn}")


# RFC 9106's second choice (argon2id, 3 passes, 64 MiB, 4 lanes), the library's own default.
_strong = _strength(PasswordHasher())


def tune(*, passes: int, kibibytes: int, lanes: int) -> None:
    """Make new hashes cost differently; an old hash is made anew when its person next signs in."""
    global _strong
    _strong = _strength(PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=lanes))


def hash_password(password: str) -> str:
    """The argon2id hash to keep. Ask :func:`check_password` first."""
    return _strong.hasher.hash(_normal(password))


def matches(password: str, password_hash: str | None) -> bool:
    """Whether this is the password; without a hash it says no after the same work as with one."""
    usable = len(password) <= LONGEST
    try:
        _strong.hasher.verify(password_hash or _strong.dummy, _normal(password) if usable else "")
    except (VerificationError, InvalidHashError):
        return False
    return usable and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with another strength than new ones."""
    return _strong.hasher.check_needs_rehash(password_hash)


def check_password(password: str, *, email: str = "", name: str = "") -> None:
    """Refuse a password that a guesser tries early.

    :raises Invalid: with the reason under ``password``
    """
    if fault := _fault(_normal(password), email, name):
        raise Invalid(fields={"password": fault})


def _normal(password: str) -> str:
    # The same letters come composed from one keyboard and decomposed from another.
    return unicodedata.normalize("NFKC", password)


def _fault(password: str, email: str, name: str) -> str | None:
    if len(password) < SHORTEST:
        return f"A password has at least {SHORTEST} characters; a short sentence is easy to remember."
    if len(password) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    folded = password.casefold()
    bare = re.sub(r"[\W_]+", "", folded)
    if _is_monotonous(bare or folded):
        return "This password repeats itself; choose one that does not."
    if _is_common(folded):
        return "This password is one of those that are tried first; choose another."
    if _is_own_name(bare, email, name):
        return "This password is made of your own name or address; choose another."
    return None


def _is_common(folded: str) -> bool:
    """A well-known password, also with digits around it, in other letters, or built of two such words."""
    cores = {folded, re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)}
    cores |= {core.translate(_LEET) for core in cores}
    spellings = {re.sub(r"[\W_]+", "", core) for core in cores}
    return any(
        spelling in COMMON or _is_keyboard_run(spelling) or _is_built_of_common(spelling) for spelling in spellings
    )


def _is_built_of_common(spelling: str) -> bool:
    return any(
        spelling[:cut] in COMMON and (spelling[cut:] in COMMON or _is_keyboard_run(spelling[cut:]))
        for cut in range(3, len(spelling) - 2)
    )


def _is_keyboard_run(text: str) -> bool:
    """Keys that lie side by side, forwards or backwards, in pieces of four or more."""
    if len(text) < 4:
        return False
    rest = text
    while rest:
        piece = next((size for size in range(len(rest), 3, -1) for row in KEYBOARD_RUNS if rest[:size] in row), 0)
        if not piece:
            return False
        rest = rest[piece:]
    return True


def _is_monotonous(text: str) -> bool:
    """One piece of up to six characters over and over, or hardly any different characters."""
    if len(set(text)) < 4:
        return True
    return any(
        (text[:size] * (len(text) // size + 1))[: len(text)] == text for size in range(1, 7) if len(text) >= size * 2
    )


def _is_own_name(bare: str, email: str, name: str) -> bool:
    """Whether little is left of the password without the person's own name, address and digits."""
    own = {part for part in re.split(r"[\W_]+", f"{email} {name}".casefold()) if len(part) > 2}
    left = bare
    for part in sorted(own, key=len, reverse=True):
        left = left.replace(part, "")
    return left != bare and len(re.sub(r"\d+", "", left)) < 6

"""The sign-in details of the demonstration, kept in one file that only its owner may read."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from app.demonstration.houses import ACME, PEOPLE
from app.errors import Invalid

PASSWORD_BYTES = 18
"""Makes passwords of 24 characters."""


class UnreadableCredentials(Invalid):
    """The file is there, but it does not hold the demonstration's people; its owner must look at it."""


def new_passwords() -> dict[str, str]:
    """A fresh password for each person, by e-mail address."""
    return {person.email: secrets.token_urlsafe(PASSWORD_BYTES) for person in PEOPLE}


def read_passwords(path: Path) -> dict[str, str] | None:
    """The passwords that the file holds, by e-mail address; None when there is no file.

    :raises UnreadableCredentials: it is not what :func:`write_passwords` wrote, or somebody is missing in it
    """
    if not path.exists():
        return None
    try:
        kept = {user["email"]: user["password"] for user in json.loads(path.read_text(encoding="utf-8"))["users"]}
        return {person.email: str(kept[person.email]) for person in PEOPLE}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableCredentials(
            f"{path} does not hold the demonstration's sign-in details; move it away to have new ones made"
        ) from error


def write_passwords(path: Path, passwords: dict[str, str], organizations: dict[str, str]) -> None:
    """Write the file whole, mode 600 from its first byte.

    :param organizations: an organization's name by its short code
    """
    content = {
        "tenant": ACME,
        "users": [
            {
                "role": person.role,
                "email": person.email,
                "password": passwords[person.email],
                "organization": organizations[person.short_code],
                "tenant": person.tenant,
            }
            for person in PEOPLE
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise

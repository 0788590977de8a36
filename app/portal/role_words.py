"""Roles and what they may do, in the words of pages."""

from __future__ import annotations

from app.access import ROLE_PERMISSIONS, Permission

ROLE_WORDS = {"clinician": "Clinician", "analyst": "Analyst", "administrator": "Administrator"}
PERMISSION_WORDS = {
    "view": "See records, files, measurements and history",
    "edit": "Change records",
    "attach": "Attach and remove files",
    "export_data": "Export data",
    "manage": "Administer people and organizations, read the record",
}


def role_word(role: str) -> str:
    """A role as people say it."""
    return ROLE_WORDS.get(role, role.capitalize())


def rights_table() -> list[tuple[str, list[bool]]]:
    """What each role may do, as the one table that is asked everywhere: a line a permission, a column a role."""
    return [
        (PERMISSION_WORDS.get(one.value, one.value), [one in held for held in ROLE_PERMISSIONS.values()])
        for one in Permission
    ]


def roles() -> list[str]:
    """The roles in the table's order."""
    return list(ROLE_PERMISSIONS)

"""Roles and what they may do, in the words of pages."""

from __future__ import annotations

from collections.abc import Mapping

from app.access import ROLE_PERMISSIONS, ExportRight, Permission

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


def rights_table(exports: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """What each role may do, as the one table that is asked everywhere: a line a permission, a column a role.

    :param exports: what the tenant lets each role export
    :return: each cell in words; empty is no
    """

    def cell(role: str, permission: Permission) -> str:
        if permission not in ROLE_PERMISSIONS[role]:
            return ""
        right = exports.get(role, ExportRight.FULL)
        if permission is not Permission.EXPORT_DATA or right == ExportRight.FULL:
            return "Yes"
        return "" if right == ExportRight.NONE else "Yes, without what identifies people"

    return [
        (PERMISSION_WORDS.get(one.value, one.value), [cell(role, one) for role in ROLE_PERMISSIONS])
        for one in Permission
    ]


def roles() -> list[str]:
    """The roles in the table's order."""
    return list(ROLE_PERMISSIONS)

"""Roles and permissions."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from app.actor import Actor, Standing
from app.errors import MissingPermission


class Permission(StrEnum):
    VIEW = "view"
    EDIT = "edit"
    ATTACH = "attach"
    EXPORT_DATA = "export_data"
    MANAGE = "manage"


class ExportRight(StrEnum):
    """What of the data a role may export; from the least to the most."""

    NONE = "none"
    WITHOUT_IDENTIFIERS = "without-identifiers"
    FULL = "full"


P = Permission
#                  role             what it may do
ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    "clinician":     frozenset({P.VIEW, P.EDIT, P.ATTACH, P.EXPORT_DATA}),
    "analyst":       frozenset({P.VIEW, P.EXPORT_DATA}),
    "administrator": frozenset(Permission),
}  # fmt: skip

_NEEDS = {
    P.VIEW: "Your role does not let you see this.",
    P.EDIT: "Your role does not let you change records.",
    P.ATTACH: "Your role does not let you attach or remove files.",
    P.EXPORT_DATA: "Your role does not let you export data.",
    P.MANAGE: "This is for administrators.",
}


def grants(standing: Standing, permission: Permission) -> bool:
    """Whether a standing gives the permission where it counts; a role whose export right is none exports nothing."""
    if permission is Permission.EXPORT_DATA and standing.exports == ExportRight.NONE:
        return False
    return permission in ROLE_PERMISSIONS.get(standing.role, frozenset())


def allows(actor: Actor, permission: Permission, organization_id: UUID | None = None) -> bool:
    """Whether a role of the actor gives the permission in an organization, or anywhere when none is named.

    A role held in the root organization counts in every organization of the tenant. A token's scopes only narrow.
    """
    if actor.scopes is not None and permission.value not in actor.scopes:
        return False
    return any(
        grants(standing, permission)
        for standing in actor.standings
        if organization_id is None or standing.is_root or standing.organization_id == organization_id
    )


def require(actor: Actor, permission: Permission, organization_id: UUID | None = None) -> None:
    """Refuse unless :func:`allows`.

    :raises MissingPermission: with words for the person who asked
    """
    if not allows(actor, permission, organization_id):
        raise MissingPermission(_NEEDS[permission])

"""Who may do what: roles and their permissions as one table, and what an actor may see."""

from app.access.permissions import ROLE_PERMISSIONS, Permission, allows, require
from app.access.visibility import visible_entities, visible_exports, visible_organizations

__all__ = [
    "ROLE_PERMISSIONS",
    "Permission",
    "allows",
    "require",
    "visible_entities",
    "visible_exports",
    "visible_organizations",
]

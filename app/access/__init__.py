"""Who may do what: roles and their permissions as one table, and what an actor may see."""

from app.access.permissions import ROLE_PERMISSIONS, ExportRight, Permission, allows, require
from app.access.visibility import export_right, visible_entities, visible_exports, visible_organizations

__all__ = [
    "ROLE_PERMISSIONS",
    "ExportRight",
    "Permission",
    "allows",
    "export_right",
    "require",
    "visible_entities",
    "visible_exports",
    "visible_organizations",
]

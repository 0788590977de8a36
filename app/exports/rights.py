"""Who may export, and who may take away what was exported: one rule for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.access import Permission, allows, require
from app.access.visibility import organizations_with
from app.actor import Actor
from app.errors import Forbidden
from app.extensions import db
from app.models import Tenant


def check_rights(actor: Actor) -> None:
    """Refuse whoever may not export, and everybody while the tenant's exports are off.

    :raises Forbidden: ``reason`` says which of the two
    """
    require(actor, Permission.EXPORT_DATA)
    if not allows(actor, Permission.VIEW):
        # Every role that exports may look; a token can be made for exporting alone, and that would be looking.
        raise Forbidden("An export shows records, and this token was not made to view them.", reason="permission")
    tenant = db.session.get_one(Tenant, actor.tenant_id)
    if not tenant.exports_enabled:
        raise Forbidden(
            "Exports are switched off for your organization's tenant. An administrator can switch them on.",
            reason="exports_disabled",
        )


def check_token(actor: Actor) -> None:
    """Refuse a token that was made for something else; whoever signed in may end what they began, whatever their role.

    :raises Forbidden: ``reason`` is ``permission``
    """
    if actor.scopes is not None:
        require(actor, Permission.EXPORT_DATA)


def check_scope(actor: Actor, frozen: Mapping[str, Any], what: str) -> None:
    """Refuse whoever may not export from every organization that a plan's scope had.

    :param frozen: what the plan froze; its ``organization_ids`` are the scope, ``None`` is the whole tenant
    :param what: what the archive holds, for the refusal's words
    :raises Forbidden: ``reason`` is ``permission``, ``exports_disabled`` or ``scope``
    """
    check_rights(actor)
    held = organizations_with(actor, Permission.EXPORT_DATA)
    scope = frozen["organization_ids"]
    if held is not None and (scope is None or not {UUID(one) for one in scope} <= set(held)):
        raise Forbidden(
            f"This archive may hold {what} of organizations from which you may not export.", reason="scope"
        )

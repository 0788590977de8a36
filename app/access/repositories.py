"""Who may change a terminology repository; who may see it, :mod:`app.access.visibility` says."""

from __future__ import annotations

from app.access.permissions import Permission, allows
from app.actor import Actor
from app.models import Repository


def is_member(actor: Actor, repository: Repository, permission: Permission) -> bool:
    """Whether the actor owns the repository, or has the permission in the organization that does."""
    if repository.tenant_id != actor.tenant_id:
        return False
    if repository.user_id is not None:
        scoped = actor.scopes is None or permission.value in actor.scopes
        return repository.user_id == actor.user_id and scoped
    return allows(actor, permission, repository.organization_id)


def may_edit(actor: Actor | None, repository: Repository) -> bool:
    """Change its content: members, and where it is open to ``Edit`` whoever may edit at all."""
    if actor is None or repository.tenant_id != actor.tenant_id:
        return False
    open_to_all = repository.public_access == "Edit" and allows(actor, Permission.EDIT)
    return open_to_all or is_member(actor, repository, Permission.EDIT)


def may_release(actor: Actor | None, repository: Repository) -> bool:
    """Release it, change its description: members alone."""
    return actor is not None and is_member(actor, repository, Permission.EDIT)


def may_manage(actor: Actor | None, repository: Repository) -> bool:
    """Delete exports: the owner, or the owning organization's administrators."""
    return actor is not None and is_member(actor, repository, Permission.MANAGE)

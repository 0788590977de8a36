"""Of whom a tenant asks a second step at sign-in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from app import record
from app.access import Permission, require
from app.access.visibility import organizations_with
from app.accounts import require_proof
from app.accounts.second_step import EVERYBODY, has_second_step, is_required_of
from app.actor import Actor
from app.administration.rights import require_whole_tenant
from app.errors import Invalid
from app.extensions import db
from app.models import Membership, SecondStep, Tenant, User, begin_writing
from app.models.user import ROLES

PROOF = "This changes how everybody signs in."


@dataclass(frozen=True, slots=True)
class SecondStepRule:
    """``asked_of``: roles, or ``*`` for everybody. ``without``: how many of those have not set it up yet."""

    asked_of: tuple[str, ...]
    without: int
    may_change: bool


def second_step_rule(actor: Actor, asked_of: Collection[str] | None = None) -> SecondStepRule:
    """The tenant's rule; or, for who thinks of another one, what that would mean.

    :raises Forbidden: the actor administers nothing
    """
    require(actor, Permission.MANAGE)
    tenant = db.session.get_one(Tenant, actor.tenant_id)
    asked = tenant.second_step_for.split() if asked_of is None else list(asked_of)
    return SecondStepRule(tuple(asked), _without(actor, asked), organizations_with(actor, Permission.MANAGE) is None)


def set_second_step_rule(actor: Actor, asked_of: Collection[str]) -> None:
    """Ask a second step of these roles, of everybody (``*``), or of nobody (empty).

    Who has none is asked to sign in again, and then led to set it up. The actor must have one: whoever locks a door
    shows first that the key turns.

    :raises Forbidden: the actor does not administer the whole tenant
    :raises Invalid: no such role; the actor would have to have one and has none
    :raises ProofNeeded: the actor's session was not proved of late
    """
    require_whole_tenant(actor)
    asked = {*asked_of}
    if not asked <= {*ROLES, EVERYBODY}:
        raise Invalid(fields={"asked_of": "There is no such role."})
    require_proof(actor, PROOF)
    begin_writing()
    tenant = db.session.get_one(Tenant, actor.tenant_id)
    before = tenant.second_step_for
    tenant.second_step_for = EVERYBODY if EVERYBODY in asked else " ".join(role for role in ROLES if role in asked)
    if is_required_of(db.session.get_one(User, actor.user_id)) and not has_second_step(actor.user_id):
        db.session.rollback()
        raise Invalid("Set up a second step for yourself first, on your account's page.")
    if tenant.second_step_for != before:
        details = {"before": before.split(), "after": tenant.second_step_for.split()}
        record.note(actor, "tenant.second_step", "tenant", tenant.id, details=details)
    db.session.commit()


def _without(actor: Actor, asked: Collection[str]) -> int:
    if not asked:
        return 0
    having = select(SecondStep.user_id).where(SecondStep.confirmed_at.is_not(None))
    lacking = select(func.count(User.id)).where(User.tenant_id == actor.tenant_id, User.active, User.id.not_in(having))
    if EVERYBODY not in asked:
        lacking = lacking.where(User.id.in_(select(Membership.user_id).where(Membership.role.in_(asked))))
    return db.session.scalar(lacking) or 0

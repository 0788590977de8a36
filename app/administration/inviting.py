"""Inviting people, sending them another link, and forgetting a second step that they lost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from app import record
from app.access import Permission, require
from app.accounts import MadeLink, require_proof
from app.accounts.endings import end_password_sign_ins, end_sessions_of, forget_second_step
from app.accounts.links import add_link
from app.actor import Actor
from app.administration.people import add_person
from app.administration.staff import load_person, load_to_change, managed_organizations
from app.administration.templates import USER_TEMPLATE, template_named
from app.errors import Duplicate, Forbidden, Invalid
from app.extensions import db
from app.models import Membership, begin_writing
from app.models.user import ROLES

PROOF_OF_INVITATION = "Somebody new is let in."
PROOF_OF_LINK = "Whoever has such a link chooses the password."
PROOF_OF_SECOND_STEP = "Somebody’s second step is forgotten."


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody and the link that was made for them."""

    user_id: UUID
    name: str
    email: str
    link: MadeLink


def invite_person(actor: Actor, name: str, email: str, organization_id: UUID | None, roles: Collection[str]) -> Invited:
    """Add a person with roles in an organization, and invite them to choose a password.

    :raises Forbidden: the actor administers nothing
    :raises Duplicate: somebody has the e-mail address
    :raises Invalid: by field (``name``, ``email``, ``organization``, ``roles``)
    :raises ProofNeeded: the actor's session was not proved of late
    """
    require(actor, Permission.MANAGE)
    faults: dict[str, str] = {}
    if organization_id not in {one.id for one in managed_organizations(actor)}:
        faults["organization"] = "Choose one of the organizations that you administer."
    if not roles or not set(roles) <= set(ROLES):
        faults["roles"] = "Choose at least one role."
    if not faults:
        require_proof(actor, PROOF_OF_INVITATION)
    begin_writing()
    try:
        template = template_named(actor.tenant_id, USER_TEMPLATE)
        if faults or organization_id is None or template is None:
            raise Invalid(fields=faults)
        user = add_person(actor.tenant_id, organization_id, template, email, " ".join(name.replace("\0", "").split()))
        db.session.add_all(Membership(user_id=user.id, organization_id=organization_id, role=role) for role in roles)
        link = add_link(user, actor)
        details = {"roles": sorted(roles), "organization": str(organization_id)}
        record.note(actor, "user.invite", "user", user.id, details=details)
        invited = Invited(user.id, user.name, user.email, link)
        db.session.commit()
    except IntegrityError:
        # Two invitations for one address at the same moment.
        db.session.rollback()
        raise Duplicate(fields={"email": "Somebody has this e-mail address already."}) from None
    except BaseException:
        db.session.rollback()
        raise
    return invited


def send_link(actor: Actor, user_id: UUID) -> Invited:
    """A new invitation for who has no password yet, a reset for who has; earlier links are good no more.

    :raises NotFound: there is no such person, or the actor may not know
    :raises Forbidden: the actor does not administer all that they belong to
    :raises Invalid: they are disabled
    :raises ProofNeeded: the actor's session was not proved of late
    """
    load_person(actor, user_id)
    require_proof(actor, PROOF_OF_LINK)
    begin_writing()
    user = load_to_change(actor, user_id)
    if not user.active:
        db.session.rollback()
        raise Invalid("This person may not sign in. Let them in again first.")
    link = add_link(user, actor)
    record.note(actor, f"user.{'reset' if link.kind == 'reset' else 'invite'}", "user", user.id)
    invited = Invited(user.id, user.name, user.email, link)
    db.session.commit()
    return invited


def end_second_step_of(actor: Actor, user_id: UUID) -> None:
    """Forget somebody's second step, because they lost it. They sign in without, or set up another if they must.

    They are signed out everywhere. Refusals as :func:`send_link`.

    :raises Forbidden: also for one's own, which is done with one's password
    """
    if user_id == actor.user_id:
        raise Forbidden("Change your own second step on your account's page, with your password.")
    load_person(actor, user_id)
    require_proof(actor, PROOF_OF_SECOND_STEP)
    begin_writing()
    user = load_to_change(actor, user_id)
    if forget_second_step(user.id):
        end_sessions_of(user.id)
        end_password_sign_ins(user.id)
        record.note(actor, "second_step.removed", "user", user.id)
    db.session.commit()

"""Organizations and people, changed by people who manage them; the shell's own ways ask nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, func, or_, select, update

from app import record
from app.access import Permission, require, visible_organizations
from app.accounts import require_proof
from app.accounts.endings import forget_second_step
from app.accounts.links import end_links_of
from app.actor import Actor
from app.administration.organizations import CLOSED, add_organization, code_fault
from app.administration.people import add_person, email_fault, end_tokens_of
from app.administration.rights import (
    REMOVED,
    is_on_staff,
    require_administrator_left,
    require_over,
    require_whole_tenant,
)
from app.catalog import get_entity, records
from app.catalog.checking import check_values
from app.errors import Duplicate, Forbidden, Invalid
from app.extensions import db
from app.models import (
    Entity,
    EntityHistory,
    Location,
    Membership,
    Organization,
    Repository,
    Template,
    User,
    begin_writing,
    take_revision,
    writing,
)

LONGEST_NAME = 200
PROOF = "Somebody is let in again."
_SIGNS = re.compile(r"[^a-z0-9]+")


def request_organization(actor: Actor, template_id: UUID, name: str) -> Entity:
    """Add an organization to the tenant; its short code is made of its name.

    :raises Forbidden: the actor does not manage the whole tenant
    :raises Invalid: by field (``template``, ``name``)
    """
    require_whole_tenant(actor)
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        raise Invalid(fields={"name": f"A name has 1 to {LONGEST_NAME} characters."})
    begin_writing()
    template = _template(actor, template_id, "organization")
    code = free_code(name)
    organization = add_organization(actor.tenant_id, template, name.strip(), code, is_root=False)
    record.note(actor, "organization.create", "organization", organization.id)
    db.session.commit()
    return get_entity(actor, organization.id)


def remove_organization(actor: Actor, organization_id: UUID) -> None:
    """Take away an organization in which there is nothing but itself.

    :raises NotFound: there is none, or the actor may not know
    :raises Forbidden: the actor does not manage the whole tenant; it is the tenant's root
    :raises Invalid: it holds records or people, or owns terminology
    """
    get_entity(actor, organization_id, "organization")
    require_whole_tenant(actor)
    with writing():
        revision = take_revision(actor.tenant_id)
        entity = get_entity(actor, organization_id, "organization")
        organization = db.session.get_one(Organization, organization_id)
        if organization.is_root:
            raise Forbidden("The organization that the whole tenant belongs to cannot be removed.")
        holding = select(func.count()).where(Entity.organization_id == organization_id, Entity.id != organization_id)
        people = select(Membership.id).join(User, User.id == Membership.user_id)
        people = people.where(Membership.organization_id == organization_id, is_on_staff())
        owned = select(Repository.id).where(Repository.organization_id == organization_id)
        if db.session.scalar(holding.select_from(Entity)) or db.session.scalar(people.limit(1)) is not None:
            raise Invalid("This organization cannot be removed: it holds records or people.")
        if db.session.scalar(owned.limit(1)) is not None:
            raise Invalid("This organization cannot be removed: it owns terminology.")
        _forget_locations(organization_id)
        # Its entity and its history name it as their owner, so its row stays, closed and without a name to find.
        records.delete_entity(entity, revision, actor.user_id)
        organization.short_code = f"{CLOSED}{organization_id}"
        record.note(actor, "organization.delete", "organization", organization_id)
        db.session.commit()


def request_person(actor: Actor, template_id: UUID, organization_id: UUID, name: str, email: str) -> Entity:
    """Add a person to an organization's staff: without a role and without a password, until they are given both.

    :raises Forbidden: the actor does not manage the organization
    :raises Duplicate: somebody has the e-mail address
    :raises Invalid: by field (``template``, ``organization``, ``name``, ``email``)
    """
    with writing():
        organization = db.session.scalar(visible_organizations(actor).where(Organization.id == organization_id))
        if organization is None:
            raise Invalid(fields={"organization": "There is no such organization, or you may not see it."})
        require(actor, Permission.MANAGE, organization_id)
        template = _template(actor, template_id, "organization-user")
        user = add_person(actor.tenant_id, organization_id, template, email, name)
        record.note(actor, "user.create", "user", user.id)
        db.session.commit()
    return get_entity(actor, user.id)


def change_facts(actor: Actor, entity_id: UUID, data_type: str, values: Mapping[str, Any]) -> Entity:
    """Change what is kept of an organization or a person, and the row of their own that repeats it.

    :raises NotFound: there is none, or the actor may not know
    :raises Forbidden: the actor does not manage that organization; or not all that the person belongs to
    :raises Duplicate: an e-mail address that somebody else has
    :raises Invalid: by attribute
    """
    require(actor, Permission.MANAGE, get_entity(actor, entity_id, data_type).organization_id)
    with writing():
        revision = take_revision(actor.tenant_id)
        entity = get_entity(actor, entity_id, data_type)
        require(actor, Permission.MANAGE, entity.organization_id)
        if data_type == "organization-user":
            # Whoever has the mail of somebody's address gets a new password for them, and what they may elsewhere.
            require_over(actor, db.session.get_one(User, entity_id))
        checked = check_values(actor, entity, values)
        if "short_code" in checked.changed:
            checked.faults["short_code"] = "A short code stands in addresses elsewhere and cannot be changed."
        if checked.faults:
            raise Invalid(fields=checked.faults)
        if checked.changed:
            _repeat(entity, checked.values, checked.changed)
            records.write_values(entity, checked.values, revision=revision, changed_by=actor.user_id)
            details = {"attributes": checked.changed, "revision": revision.number}
            record.note(actor, "entity.edit", data_type, entity_id, details=details)
            db.session.commit()
        else:
            db.session.rollback()
    return get_entity(actor, entity_id)


def set_person_active(actor: Actor, user_id: UUID, active: bool) -> Entity:
    """Let somebody sign in, or stop them and end at once what they signed in with, everywhere.

    :raises NotFound: there is no such person, or the actor may not know
    :raises Forbidden: the actor does not manage all that they belong to; it is the actor, or the last administrator
    :raises ProofNeeded: somebody is let in again, and the actor's session was not proved of late
    """
    entity = get_entity(actor, user_id, "organization-user")
    require(actor, Permission.MANAGE, entity.organization_id)
    if user_id == actor.user_id and not active:
        raise Forbidden("You cannot shut yourself out.")
    if active:
        require_proof(actor, PROOF)
    with writing():
        user = db.session.get_one(User, user_id)
        require_over(actor, user)
        if user.active is not active:
            if not active:
                require_administrator_left(user.tenant_id, without=user_id)
                end_tokens_of(user_id)
                end_links_of(user_id)
            user.active = active
            record.note(actor, "user.active", "user", user_id, details={"active": active})
        db.session.commit()
    return get_entity(actor, user_id)


def remove_person(actor: Actor, user_id: UUID) -> None:
    """Take a person off the staff: they can sign in no more, and their e-mail address is free again.

    :raises NotFound: there is no such person, or the actor may not know
    :raises Forbidden: the actor does not manage all that they belong to; it is the actor, or the last administrator
    :raises Invalid: other records refer to them
    """
    entity = get_entity(actor, user_id, "organization-user")
    require(actor, Permission.MANAGE, entity.organization_id)
    if user_id == actor.user_id:
        raise Forbidden("You cannot remove yourself.")
    with writing():
        revision = take_revision(actor.tenant_id)
        entity = get_entity(actor, user_id, "organization-user")
        user = db.session.get_one(User, user_id)
        # Before the entity goes: it says to which organization somebody without a role belongs.
        require_over(actor, user)
        records.delete_entity(entity, revision, actor.user_id)
        require_administrator_left(user.tenant_id, without=user_id)
        user.active, user.email, user.password_hash = False, f"{user_id}{REMOVED}", None
        end_tokens_of(user_id)
        end_links_of(user_id)
        forget_second_step(user_id)
        record.note(actor, "user.delete", "user", user_id, details={"revision": revision.number})
        db.session.commit()


def active_people(actor: Actor, user_ids: set[UUID]) -> dict[UUID, tuple[str, bool, bool]]:
    """Of people whom the actor was given: e-mail address, whether they may sign in, whether they have a password."""
    if not user_ids:
        return {}
    asked = select(User.id, User.email, User.active, User.password_hash.is_not(None))
    rows = db.session.execute(asked.where(User.tenant_id == actor.tenant_id, User.id.in_(user_ids)))
    return {row[0]: (row[1], bool(row[2]), bool(row[3])) for row in rows}


def _forget_locations(organization_id: UUID) -> None:
    """Those that an earlier version of a record still names stay as rows, and are in no list any more."""
    named = [exists().where(kept.location_id == Location.id) for kept in (EntityHistory, Entity)]
    wanted = delete(Location).where(Location.organization_id == organization_id, ~or_(*named))
    db.session.execute(wanted.execution_options(synchronize_session=False))


def _template(actor: Actor, template_id: UUID, data_type: str) -> Template:
    template = db.session.get(Template, template_id)
    if template is None or template.tenant_id != actor.tenant_id or template.data_type != data_type:
        raise Invalid(fields={"template": "There is no such template."})
    return template


def free_code(name: str) -> str:
    """A short code made of an organization's name that no other has."""
    stem = _SIGNS.sub("-", name.casefold()).strip("-")[:60] or "organization"
    stem = stem if code_fault(stem) is None else f"organization-{stem}"
    taken = db.session.scalar(select(Organization.id).where(Organization.short_code == stem))
    return stem if taken is None else f"{stem}-{uuid4().hex[:8]}"


def _repeat(entity: Entity, values: Mapping[str, Any], changed: list[str]) -> None:
    """What the organization's or the person's own row repeats of the facts."""
    if entity.data_type == "organization":
        if "name" in changed:
            name = str(values["name"])
            db.session.execute(update(Organization).where(Organization.id == entity.id).values(name=name))
        return
    user = db.session.get_one(User, entity.id)
    user.name = str(values.get("name", user.name))[:LONGEST_NAME]
    if "email" in changed:
        email = str(values["email"]).strip().casefold()
        if fault := email_fault(email):
            raise Invalid(fields={"email": fault})
        if db.session.scalar(select(User.id).where(User.email == email, User.id != user.id)) is not None:
            raise Duplicate(fields={"email": "Somebody has this e-mail address already."})
        user.email = email
        # What was mailed to the address of before opens nothing any more.
        end_links_of(user.id)

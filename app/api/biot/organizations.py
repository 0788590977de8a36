"""Organizations and their users: what administrators change."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app import administration, catalog
from app.api.bearer import current_actor
from app.api.biot.built_ins import ENABLED
from app.api.biot.entities import read_state
from app.api.biot.entity_bodies import Wanted, owner_of, read_wanted
from app.api.biot.families import (
    UNKNOWN_TEMPLATE,
    Family,
    add_changing,
    add_creating,
    add_reading,
    answer,
    by_id,
    wanted_changes,
)
from app.api.parse import Fields
from app.errors import Invalid
from app.models import Entity, Template

ORGANIZATIONS = Family("organization", "/organization/v1/organizations")
USERS = Family("organization-user", "/organization/v1/users/organizations")
LONGEST_NAME = 32

bp = Blueprint("organizations", __name__)


def create_organization(fields: Fields, template: Template | None) -> Entity:
    """An organization; its first administrator is not made with it: an address and a role are given apart."""
    name = fields.text("_name", least=1, most=LONGEST_NAME, required=True)
    administrator = fields.raw("_primaryAdministrator")
    if administrator is not None and not isinstance(administrator, dict):
        fields.fault("_primaryAdministrator", "must be an object")
    actor = current_actor()
    wanted = read_wanted(actor, fields, template) if template else Wanted()
    fields.check()
    if template is None or name is None:
        raise Invalid(fields={"_templateId": UNKNOWN_TEMPLATE})
    with wanted.named():
        made = administration.request_organization(actor, template.id, name)
        more = {key: value for key, value in wanted.values.items() if key != "name" and value is not None}
        return administration.change_facts(actor, made.id, "organization", more) if more else made


def create_user(fields: Fields, template: Template | None) -> Entity:
    """A member of staff, who has no password yet and no role: both are given by an administrator."""
    name = fields.object("_name", required=True)
    first = name.text("firstName", least=1, most=100, required=True) if name else None
    last = name.text("lastName", least=0, most=99, required=True) if name else None
    email = fields.text("_email", least=3, most=254, required=True)
    owner = owner_of(fields, required=True)
    actor = current_actor()
    wanted = read_wanted(actor, fields, template) if template else Wanted()
    fields.check()
    if template is None or owner is None:
        raise Invalid(fields={"_templateId": UNKNOWN_TEMPLATE})
    whole = " ".join(part for part in (first, last) if part)
    with Wanted(places={"name": "_name", "email": "_email"}).named():
        made = administration.request_person(actor, template.id, owner, whole, email or "")
    more = {key: value for key, value in wanted.values.items() if key not in ("name", "email") and value is not None}
    with wanted.named():
        return administration.change_facts(actor, made.id, "organization-user", more) if more else made


def alter(entity: Entity, fields: Fields) -> Entity:
    """Only what is sent changes."""
    actor = current_actor()
    wanted = wanted_changes(actor, entity, fields)
    if wanted.files:
        raise Invalid(fields=dict.fromkeys(wanted.files, "cannot be changed here"))
    with wanted.named():
        return administration.change_facts(actor, entity.id, entity.data_type, wanted.values)


for family, maker, drop in (
    (ORGANIZATIONS, create_organization, administration.remove_organization),
    (USERS, create_user, administration.remove_person),
):
    get = by_id(family.data_type)
    add_reading(bp, family, get)
    add_creating(bp, family, maker)
    add_changing(bp, family, get, alter=alter, drop=drop)


@bp.get("/organization/v1/users/organizations/self")
def own_user() -> ResponseReturnValue:
    """The caller."""
    return answer(catalog.get_entity(current_actor(), current_actor().user_id, "organization-user"))


@bp.post("/organization/v1/users/organizations/<uuid:entity_id>/enabled-state/<state>")
def enable_user(entity_id: UUID, state: str) -> ResponseReturnValue:
    """Whether somebody may sign in; shutting them out ends what they signed in with."""
    catalog.get_entity(current_actor(), entity_id, "organization-user")
    active = read_state(state) == ENABLED
    return answer(administration.set_person_active(current_actor(), entity_id, active))

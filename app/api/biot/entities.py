"""Patients, caregivers, devices, generic entities and registration codes."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app import accounts, catalog
from app.api.bearer import current_actor
from app.api.biot import entity_shapes
from app.api.biot.built_ins import BUILT_INS, DISABLED, ENABLED, keeper
from app.api.biot.entity_bodies import owner_of
from app.api.biot.families import (
    Family,
    add_changing,
    add_creating,
    add_reading,
    answer,
    by_id,
    change,
    create,
    found,
    of_template,
    template_named,
)
from app.api.parse import Fields, json_body
from app.catalog import fault_of_key
from app.errors import Invalid, NotFound
from app.models import Entity, Template

PATIENTS = Family("patient", "/organization/v1/users/patients")
CAREGIVERS = Family("caregiver", "/organization/v1/users/caregivers")
DEVICES = Family("device", "/device/v2/devices", "path:device_key")
GENERIC = Family("generic-entity", "/generic-entity/v1/generic-entities")
CODES = Family("registration-code", "/organization/v1/registration-codes")
GENERIC_V3 = "/generic-entity/v3/generic-entities/<template_name>"

bp = Blueprint("entities", __name__)


def create_owned(fields: Fields, template: Template | None) -> Entity:
    """An entity whose body names its owner."""
    return create(fields, template, owner_of(fields, required=True))


def create_named_person(fields: Fields, template: Template | None) -> Entity:
    """A patient or a caregiver: their name is asked for wherever the template keeps it."""
    if template is not None and any(keeper(template, one) for one in BUILT_INS["patient"][:2]):
        name = fields.object("_name", required=True)
        for part in ("firstName", "lastName"):
            if name is not None:
                name.text(part, least=1, most=200, required=True)
    return create_owned(fields, template)


def create_device(fields: Fields, template: Template | None) -> Entity:
    """A device brings its own id; its owner is the caller's organization when none is named."""
    key = fields.text("_id", least=1, most=108, required=True)
    if key is not None and (fault := fault_of_key(key)):
        fields.fault("_id", fault)
    owner = owner_of(fields, required=False) or accounts.own_account(current_actor()).organization_id
    return create(fields, template, owner, key=key)


def create_generic(fields: Fields, template: Template | None) -> Entity:
    """The owner is the caller's organization when none is named."""
    fields.text("_name", least=1, most=32, required=True)
    owner = owner_of(fields, required=False) or accounts.own_account(current_actor()).organization_id
    return create(fields, template, owner)


def create_code(fields: Fields, template: Template | None) -> Entity:
    fields.text("_code", least=1, most=128, required=True)
    return create_owned(fields, template)


def get_device(device_key: str) -> Entity:
    """The device of that id, its own."""
    return catalog.get_entity_by_key(current_actor(), "device", device_key)


for family, loader, maker in (
    (PATIENTS, by_id("patient"), create_named_person),
    (CAREGIVERS, by_id("caregiver"), create_named_person),
    (DEVICES, get_device, create_device),
    (GENERIC, by_id("generic-entity"), create_generic),
    (CODES, by_id("registration-code"), create_code),
):
    add_reading(bp, family, loader)
    add_changing(bp, family, loader)
    add_creating(bp, family, maker)


@bp.get("/organization/v1/users/patients/self")
def own_patient() -> ResponseReturnValue:
    """Whoever signs in here is staff: nobody is a patient of their own."""
    return answer(catalog.get_entity(current_actor(), current_actor().user_id, "patient"))


@bp.get("/organization/v1/users/caregivers/self")
def own_caregiver() -> ResponseReturnValue:
    """As for patients."""
    return answer(catalog.get_entity(current_actor(), current_actor().user_id, "caregiver"))


@bp.get("/organization/v1/users/self")
def own_entity() -> ResponseReturnValue:
    """The caller's own entity, and which kind of user that is."""
    entity = catalog.get_entity(current_actor(), current_actor().user_id)
    return jsonify(entity_shapes.shown(current_actor(), entity) | {"_userType": entity.data_type})


@bp.post("/organization/v1/users/patients/<uuid:entity_id>/enabled-state/<state>")
def enable_patient(entity_id: UUID, state: str) -> ResponseReturnValue:
    """Whether a patient is enabled, where the template keeps it."""
    return _enable("patient", entity_id, state)


@bp.post("/organization/v1/users/caregivers/<uuid:entity_id>/enabled-state/<state>")
def enable_caregiver(entity_id: UUID, state: str) -> ResponseReturnValue:
    """Whether a caregiver is enabled, where the template keeps it."""
    return _enable("caregiver", entity_id, state)


def read_state(state: str) -> str:
    """
    :raises Invalid: neither of the two words
    """
    if state not in (ENABLED, DISABLED):
        raise Invalid(fields={"state": f"must be {ENABLED} or {DISABLED}"})
    return state


def _enable(data_type: str, entity_id: UUID, state: str) -> ResponseReturnValue:
    entity = catalog.get_entity(current_actor(), entity_id, data_type)
    catalog.require_edit(current_actor(), entity)
    return answer(change(entity, Fields({"_enabled": read_state(state)})))


def _generic_of(template_name: str, entity_id: UUID) -> Entity:
    entity = catalog.get_entity(current_actor(), entity_id, "generic-entity")
    if entity.template.name != template_name:
        raise NotFound
    return entity


@bp.get(GENERIC_V3)
def search_generic_v3(template_name: str) -> ResponseReturnValue:
    """Generic entities of one template."""
    return found("generic-entity", of_template(template_named("generic-entity", template_name)))


@bp.post(GENERIC_V3)
def create_generic_v3(template_name: str) -> ResponseReturnValue:
    """As by the template's name in version 1."""
    template = template_named("generic-entity", template_name)
    return answer(create_generic(Fields(json_body()), template), 201)


@bp.get(f"{GENERIC_V3}/<uuid:entity_id>")
def get_generic_v3(template_name: str, entity_id: UUID) -> ResponseReturnValue:
    """One, if it is of that template."""
    return answer(_generic_of(template_name, entity_id))


@bp.patch(f"{GENERIC_V3}/<uuid:entity_id>")
def update_generic_v3(template_name: str, entity_id: UUID) -> ResponseReturnValue:
    """As in version 1."""
    return answer(change(_generic_of(template_name, entity_id), Fields(json_body(required=False))))


@bp.delete(f"{GENERIC_V3}/<uuid:entity_id>")
def delete_generic_v3(template_name: str, entity_id: UUID) -> ResponseReturnValue:
    """204; then it is unknown."""
    catalog.delete_entity(current_actor(), _generic_of(template_name, entity_id).id, "generic-entity")
    return "", 204

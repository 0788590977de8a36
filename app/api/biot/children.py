"""What belongs to a device or a patient: usage sessions, alerts, commands, each at an address below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app import catalog
from app.api.bearer import current_actor
from app.api.biot.built_ins import BUILT_INS, keeper
from app.api.biot.entity_bodies import as_uuid
from app.api.biot.families import (
    answer,
    change,
    create,
    found,
    template_in,
    template_named,
)
from app.api.parse import Fields, json_body
from app.errors import Invalid, NotFound
from app.models import Entity, Template

DEVICES, PATIENTS = "/device/v1/devices", "/organization/v1/users/patients"


@dataclass(frozen=True, slots=True)
class Children:
    """A kind below another.

    :param property_: the reference to what it belongs to
    :param parent: how the parent stands in an address
    :param named: what stands in an address between the collection and a template's name
    """

    data_type: str
    base: str
    collection: str
    property_: str
    parent: str
    named: str = ""

    @property
    def word(self) -> str:
        return self.data_type.replace("-", "_")

    @property
    def path(self) -> str:
        return f"{self.base}/<{self.parent}>/{self.collection}"


SESSIONS = Children("usage-session", DEVICES, "usage-sessions", "_device", "path:device_key", "usage-type/")
DEVICE_ALERTS = Children("device-alert", DEVICES, "alerts", "_device", "path:device_key")
COMMANDS = Children("command", DEVICES, "commands", "_device", "path:device_key")
PATIENT_ALERTS = Children("patient-alert", PATIENTS, "alerts", "_patient", "uuid:patient_id")

bp = Blueprint("children", __name__)


def parent_of(ids: dict[str, Any]) -> Entity:
    """The device or the patient that an address names.

    :raises NotFound: there is none, or the actor may not know
    """
    if "device_key" in ids:
        return catalog.get_entity_by_key(current_actor(), "device", ids["device_key"])
    return catalog.get_entity(current_actor(), ids["patient_id"], "patient")


def child_of(children: Children, ids: dict[str, Any]) -> Entity:
    """The session, alert or command that an address names, if it belongs to what stands before it there.

    :raises NotFound: there is none, or the actor may not know
    """
    parent = parent_of(ids)
    child = catalog.get_entity(current_actor(), ids["child_id"], children.data_type)
    attribute = _link(children, child.template)
    target = catalog.target_of(catalog.values_of(child).get(attribute)) if attribute else None
    if target != parent.id:
        raise NotFound
    return child


def _link(children: Children, template: Template) -> str | None:
    built_in = next(one for one in BUILT_INS[children.data_type] if one.path == children.property_)
    attribute = keeper(template, built_in)
    return attribute.name if attribute else None


def make_child(children: Children, parent: Entity, fields: Fields, template: Template | None) -> ResponseReturnValue:
    """Make one below a parent. It belongs to the organization of its patient, if it has one, else to the parent's."""
    link = _link(children, template) if template else None
    if template is not None and link is None:
        raise Invalid(fields={"_templateId": f"The template {template.name} does not say what it belongs to."})
    if fields.raw(children.property_) is not None:
        fields.fault(children.property_, "is said by the address")
    if children is SESSIONS:
        fields.instant("_startTime", required=True)
        fields.text("_state", most=32, required=True)
    owner = parent.organization_id
    patient = fields.raw("_patient")
    target = as_uuid(patient.get("id")) if isinstance(patient, dict) else None
    known = catalog.neighbours(current_actor(), [target]).get(target) if target else None
    if known is not None and known.data_type == "patient":
        owner = known.organization_id
    entity = create(fields, template, owner, more={link: {"id": str(parent.id)}} if link else None)
    return answer(entity, 201)


def _add_reading(children: Children) -> None:
    def search() -> ResponseReturnValue:
        return found(children.data_type)

    def show(**ids: Any) -> ResponseReturnValue:
        return answer(child_of(children, ids))

    def remove(**ids: Any) -> ResponseReturnValue:
        catalog.delete_entity(current_actor(), child_of(children, ids).id, children.data_type)
        return "", 204

    one = f"{children.path}/<uuid:child_id>"
    searched = f"{children.base}/{children.collection}"
    _add(searched, "GET", f"search_{children.word}", search)
    _add(one, "GET", f"get_{children.word}", show)
    _add(one, "DELETE", f"delete_{children.word}", remove)


def _add_writing(children: Children) -> None:
    def by_id(**ids: Any) -> ResponseReturnValue:
        parent, fields = parent_of(ids), Fields(json_body())
        return make_child(children, parent, fields, template_in(fields, children.data_type))

    def by_name(template_name: str, **ids: Any) -> ResponseReturnValue:
        parent = parent_of(ids)
        template = template_named(children.data_type, template_name)
        return make_child(children, parent, Fields(json_body()), template)

    def update(**ids: Any) -> ResponseReturnValue:
        return answer(change(child_of(children, ids), Fields(json_body(required=False))))

    _add(children.path, "POST", f"create_{children.word}", by_id)
    named = f"{children.path}/{children.named}<template_name>"
    _add(named, "POST", f"create_{children.word}_by_template_name", by_name)
    _add(f"{children.path}/<uuid:child_id>", "PATCH", f"update_{children.word}", update)


def _add(rule: str, method: str, name: str, view: Callable[..., ResponseReturnValue]) -> None:
    bp.add_url_rule(rule, name, view, methods=[method])


for kind in (SESSIONS, DEVICE_ALERTS, COMMANDS, PATIENT_ALERTS):
    _add_reading(kind)
    if kind is not COMMANDS:
        _add_writing(kind)

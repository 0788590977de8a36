"""Entities as this contract shows them: built-in properties, references, files, and every attribute by its own name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from app import administration, catalog
from app.actor import Actor
from app.api.biot import present
from app.api.biot.built_ins import (
    BUILT_INS,
    CREATED,
    DISABLED,
    ENABLED,
    TIMES,
    BuiltIn,
    keeper,
    parted_name,
    shown_word,
    whole_name,
)
from app.api.parse import read_instant
from app.catalog.calling import LONGEST_NAMES
from app.models import Entity, TemplateAttribute
from app.models.template import FILE_TYPES

NATIONAL_ID = 50
_PEOPLE = ("patient", "caregiver", "organization-user")
_NOT_SHOWN = UUID(int=0)
_LONGEST = {"_nationalId": NATIONAL_ID, "_summary._stopReason": 128, "_errorMessage": 255}


def shown(actor: Actor, entity: Entity) -> present.Json:
    """One entity."""
    return shown_all(actor, [entity])[0]


def shown_all(actor: Actor, entities: Iterable[Entity]) -> list[present.Json]:
    """Entities in their order; what stands around them is read for all at once."""
    known = list(entities)
    shower = _Shower(actor, known)
    return [shower.show(entity) for entity in known]


def neighbour(of: catalog.Neighbour) -> present.Json:
    """A reference to another entity. Devices go by their own ids."""
    return present.reference(
        of.key if of.data_type == "device" else of.id,
        of.caption,
        of.organization_id,
        present.template_of(of.template_id, of.template_name, of.template_label),
    )


def not_shown(target: object) -> present.Json:
    """A reference that must be there, to what the actor may not see: its id, and nothing of what it is."""
    return present.reference(str(target), "", _NOT_SHOWN, present.template_of(_NOT_SHOWN, "", ""))


class _Shower:
    def __init__(self, actor: Actor, entities: list[Entity]) -> None:
        self._around = catalog.surroundings(actor, entities)
        kinds = {entity.data_type for entity in entities}
        self._administrators: Mapping[UUID, catalog.Neighbour] = {}
        self._accounts: Mapping[UUID, tuple[str, bool, bool]] = {}
        if "organization" in kinds:
            self._administrators = catalog.administrators_of(actor, (entity.id for entity in entities))
        if "organization-user" in kinds:
            self._accounts = administration.active_people(actor, {entity.id for entity in entities})

    def show(self, entity: Entity) -> present.Json:
        template, stored = entity.template, catalog.values_of(entity)
        body: present.Json = {
            attribute.name: self._value(attribute, stored.get(attribute.name)) for attribute in template.attributes
        }
        for built_in in BUILT_INS[entity.data_type]:
            _put(body, built_in.path, self._built_in(entity, built_in, stored))
        body |= {
            "_id": entity.key if entity.data_type == "device" else str(entity.id),
            "_caption": entity.caption,
            "_ownerOrganization": self._owner(entity),
            "_template": present.template_of(template.id, template.name, template.label),
            "_creationTime": present.instant(entity.created_at),
            "_lastModifiedTime": present.instant(entity.updated_at),
        }
        _REFINED.get(entity.data_type, _nothing)(self, entity, stored, body)
        return body

    def _owner(self, entity: Entity) -> present.Json:
        owner = self._around.owners.get(entity.organization_id)
        return neighbour(owner) if owner else not_shown(entity.organization_id)

    def _value(self, attribute: TemplateAttribute, value: Any) -> Any:
        if value is None:
            return None
        if attribute.kind == "REFERENCE":
            target = catalog.target_of(value)
            known = self._around.targets.get(target) if target else None
            return neighbour(known) if known else None
        if attribute.kind in FILE_TYPES:
            files = [_file(one) for one in catalog.files_of(value)]
            return files if isinstance(value, list) else next(iter(files), None)
        return value

    def _built_in(self, entity: Entity, built_in: BuiltIn, stored: Mapping[str, Any]) -> Any:
        attribute = keeper(entity.template, built_in)
        value = stored.get(attribute.name) if attribute else None
        if attribute is None or value is None:
            return present.instant(entity.created_at) if built_in.default is CREATED else built_in.default
        if built_in.points_at is not None:
            return self._value(attribute, value)
        if built_in.words:
            return shown_word(built_in, value) or built_in.default
        return _plain(built_in, value)

    def refine_person(self, entity: Entity, stored: Mapping[str, Any], body: present.Json) -> None:
        name = body["_name"]
        if name["firstName"] is None and name["lastName"] is None:
            whole = whole_name(entity.template)
            text = str(stored.get(whole.name, entity.caption)) if whole else entity.caption
            name["firstName"], name["lastName"] = parted_name(text)
        body["_name"] = {part: value or "" for part, value in name.items()}
        if body["_address"]["countryCode"] is None:
            body["_address"] = None
        account = self._accounts.get(entity.id)
        if account:
            body["_username"], may_sign_in, has_password = account
            body["_enabled"] = ENABLED if may_sign_in else DISABLED
            body["_canLogin"] = body["_invitationAccepted"] = may_sign_in and has_password

    def refine_organization(self, entity: Entity, _stored: Mapping[str, Any], body: present.Json) -> None:
        body["_name"] = (body["_name"] or entity.caption)[: LONGEST_NAMES["organization"]]
        if body["_headquarters"]["countryCode"] is None:
            body["_headquarters"] = None
        administrator = self._administrators.get(entity.id)
        body["_primaryAdministrator"] = neighbour(administrator) if administrator else not_shown(_NOT_SHOWN)

    def refine_device(self, entity: Entity, stored: Mapping[str, Any], body: present.Json) -> None:
        body["_configuration"] = {}
        kept = [keeper(entity.template, one) for one in BUILT_INS["device"] if one.path.startswith("_status.")]
        if not any(attribute and attribute.name in stored for attribute in kept):
            body["_status"] = None

    def refine_name(self, entity: Entity, _stored: Mapping[str, Any], body: present.Json) -> None:
        most = LONGEST_NAMES[entity.data_type]
        body["_name"] = (str(body["_name"] or entity.caption))[:most].strip() or entity.key[:most]

    def refine_child(self, entity: Entity, stored: Mapping[str, Any], body: present.Json) -> None:
        """What clients must find in sessions, alerts and commands, whether or not a template keeps it."""
        self.refine_name(entity, stored, body)
        for path in ("_device", "_patient"):
            if path in body and body[path] is None and (entity.data_type, path) != ("patient-alert", "_device"):
                target = catalog.target_of(stored.get(path[1:]))
                body[path] = not_shown(target or _NOT_SHOWN)
        if entity.data_type in ("usage-session", "command"):
            body["_configuration"] = {}
        if entity.data_type == "device-alert" and body["_clearedBy"] is None:
            # One client parses no alert without: nobody in particular cleared it, or it is not cleared yet.
            body["_clearedBy"] = body["_ownerOrganization"]

    def refine_code(self, entity: Entity, _stored: Mapping[str, Any], body: present.Json) -> None:
        body["_code"] = str(body["_code"] or entity.key)


_REFINED = {
    **dict.fromkeys(_PEOPLE, _Shower.refine_person),
    "organization": _Shower.refine_organization,
    "device": _Shower.refine_device,
    "generic-entity": _Shower.refine_name,
    **dict.fromkeys(("usage-session", "device-alert", "patient-alert", "command"), _Shower.refine_child),
    "registration-code": _Shower.refine_code,
}


def _nothing(_shower: _Shower, _entity: Entity, _stored: Mapping[str, Any], _body: present.Json) -> None:
    """Nothing to add."""


def _plain(built_in: BuiltIn, value: Any) -> Any:
    """A value of a property without words of its own, in the type that the contract has for it."""
    if built_in.path in TIMES:
        return present.instant(read_instant(value))
    if isinstance(built_in.default, bool | int):
        return type(built_in.default)(value)
    text = value if isinstance(value, str) else str(value)
    return text[: _LONGEST.get(built_in.path, len(text))]


def _file(file: Mapping[str, Any]) -> present.Json:
    return {
        "id": file.get("id"), "name": file.get("name"), "mimeType": file.get("mimeType"), "size": file.get("size"),
        "publicUrl": None,
    }  # fmt: skip


def _put(body: present.Json, path: str, value: Any) -> None:
    *branch, leaf = path.split(".")
    for step in branch:
        if not isinstance(body.get(step), dict):
            body[step] = {}
        body = body[step]
    body[leaf] = value

"""Entities of every kind. They are open: each tenant's templates bring attributes of their own."""

from __future__ import annotations

from typing import Any

from app.api.biot.built_ins import BUILT_INS, CREATED, TIMES, BuiltIn
from app.api.biot.children import COMMANDS, DEVICE_ALERTS, PATIENT_ALERTS, SESSIONS, Children
from app.api.biot.entities import CAREGIVERS, CODES, DEVICES, GENERIC, PATIENTS
from app.api.biot.families import Family
from app.api.biot.organizations import ORGANIZATIONS, USERS
from app.api.biot.schemas.parts import SEARCH, page_of
from app.api.describing import (
    INSTANT,
    SWITCH,
    TEXT,
    UUID,
    WHOLE,
    Json,
    among,
    answers,
    body,
    maybe,
    operation,
    ref,
    shape,
    within,
)

_NAMED = {"type": "string", "minLength": 1, "maxLength": 32}
_DEVICE_ID = {"type": "string", "minLength": 1, "maxLength": 108}
_NULLABLE = ("_address", "_headquarters", "_status")
"""Objects that are there as a whole, or not at all."""

_ALWAYS: dict[str, Json] = {
    "_name.firstName": TEXT, "_name.lastName": TEXT, "_code": TEXT, "_sessionContext": TEXT,
    "_address.countryCode": TEXT, "_headquarters.countryCode": TEXT,
}  # fmt: skip
_REQUIRED_REFERENCES = {
    ("usage-session", "_device"), ("usage-session", "_patient"), ("device-alert", "_device"),
    ("device-alert", "_clearedBy"), ("command", "_device"), ("patient-alert", "_patient"),
}  # fmt: skip


def schema_name(data_type: str) -> str:
    """``usage-session`` is ``UsageSession``."""
    return "".join(word.capitalize() for word in data_type.split("-"))


def _value(data_type: str, one: BuiltIn) -> Json:
    if one.path in _ALWAYS:
        return _ALWAYS[one.path]
    if one.points_at is not None:
        needed = (data_type, one.path) in _REQUIRED_REFERENCES
        return ref("Reference") if needed else maybe(ref("Reference"))
    if one.path in TIMES:
        return INSTANT if one.default is CREATED else maybe(INSTANT)
    if one.words:
        return among(*one.words) if one.default is not None else maybe(among(*one.words))
    if isinstance(one.default, bool):
        return SWITCH
    if isinstance(one.default, int):
        return WHOLE
    return TEXT if isinstance(one.default, str) else maybe(TEXT)


def _shown(data_type: str) -> Json:
    tree: dict[str, Any] = {}
    for one in BUILT_INS[data_type]:
        *branch, leaf = one.path.split(".")
        here = tree
        for step in branch:
            here = here.setdefault(step, {})
        here[leaf] = _Leaf(_value(data_type, one))
    properties = {name: _branch(name, value) for name, value in tree.items()}
    properties |= {
        "_id": _DEVICE_ID if data_type == "device" else UUID,
        "_caption": TEXT,
        "_ownerOrganization": ref("Reference"),
        "_template": ref("TemplateName"),
        "_creationTime": INSTANT,
        "_lastModifiedTime": INSTANT,
    } | _MORE.get(data_type, {})
    return shape(properties, is_open=True)


class _Leaf:
    def __init__(self, schema: Json) -> None:
        self.schema = schema


def _branch(name: str, value: Any) -> Json:
    if isinstance(value, _Leaf):
        return value.schema
    made = shape({inner: _branch(inner, one) for inner, one in value.items()})
    return {"anyOf": [made, {"type": "null"}]} if name in _NULLABLE else made


_NAMED_SHORTLY = {"_name": {"type": "string", "minLength": 1, "maxLength": 64}}
_CONFIGURED = _NAMED_SHORTLY | {"_configuration": {"type": "object", "additionalProperties": True}}
_MORE: dict[str, Json] = {
    "generic-entity": {"_name": _NAMED},
    "organization": {"_name": _NAMED, "_primaryAdministrator": ref("Reference")},
    "device": {"_configuration": {"type": "object", "additionalProperties": True}},
    "usage-session": _CONFIGURED,
    "command": _CONFIGURED,
    "device-alert": _NAMED_SHORTLY,
    "patient-alert": _NAMED_SHORTLY,
}

_OWNED = {"_ownerOrganization": ref("OwnerReference")}
_PERSON_NAME = shape({"firstName": {"type": "string", "minLength": 1}, "lastName": {"type": "string"}}, is_open=True)
_NEEDED: dict[str, Json] = {
    "patient": _OWNED,
    "caregiver": _OWNED,
    "registration-code": _OWNED | {"_code": {"type": "string", "minLength": 1, "maxLength": 128}},
    "device": {"_id": _DEVICE_ID},
    "generic-entity": {"_name": _NAMED},
    "organization": {"_name": _NAMED},
    "organization-user": _OWNED | {"_name": _PERSON_NAME, "_email": {"type": "string", "minLength": 3}},
    "usage-session": {"_startTime": INSTANT, "_state": TEXT},
    "device-alert": {},
    "patient-alert": {},
}
"""What a new one must bring, beside what its template makes mandatory."""

SCHEMAS: dict[str, Json] = {
    **{schema_name(data_type): _shown(data_type) for data_type in BUILT_INS},
    **{
        f"New{schema_name(data_type)}": shape(needed | {"_templateId": UUID}, is_open=True)
        for data_type, needed in _NEEDED.items()
    },
    **{f"New{schema_name(data_type)}OfTemplate": shape(needed, is_open=True) for data_type, needed in _NEEDED.items()},
    "Changes": {"description": "Only what is named changes; null clears.", "type": "object"},
    "OwnEntity": {**_shown("organization-user")},
}
SCHEMAS["OwnEntity"]["properties"]["_userType"] = TEXT
SCHEMAS["OwnEntity"]["required"].append("_userType")

_TEMPLATE = within("template_name", TEXT, "A template's name.")


def _tag(data_type: str) -> str:
    return data_type + "s" if not data_type.endswith("y") else data_type[:-1] + "ies"


def _search(data_type: str, *parameters: Json) -> Json:
    found = answers(200, "A page.", page_of(ref(schema_name(data_type))))
    return operation(f"Find: {data_type}", _tag(data_type), found, parameters=[*parameters, SEARCH])


def _make(data_type: str, suffix: str, *parameters: Json) -> Json:
    name = schema_name(data_type)
    return operation(
        f"Make: {data_type}", _tag(data_type), answers(201, "It is made.", ref(name)), parameters=parameters,
        request_body=body(ref(f"New{name}{suffix}")),
    )  # fmt: skip


def _one(data_type: str, *parameters: Json, may_change: bool = True) -> Json:
    name, tag = schema_name(data_type), _tag(data_type)
    made = {
        "get": operation(f"One: {data_type}", tag, answers(200, "It.", ref(name)), parameters=parameters),
        "delete": operation(f"Remove: {data_type}", tag, answers(204, "It is gone."), parameters=parameters),
    }
    if may_change:
        made["patch"] = operation(
            f"Change: {data_type}", tag, answers(200, "As it is now.", ref(name)), parameters=parameters,
            request_body=body(ref("Changes"), required=False),
        )  # fmt: skip
    return made


def _family(family: Family) -> dict[str, Json]:
    name, schema = family.id_rule.partition(":")[2], _DEVICE_ID if family is DEVICES else UUID
    return {
        family.path: {"get": _search(family.data_type), "post": _make(family.data_type, "")},
        f"{family.path}/{{{name}}}": _one(family.data_type, within(name, schema)),
        f"{family.path}/templates/{{template_name}}": {"post": _make(family.data_type, "OfTemplate", _TEMPLATE)},
    }


def _children(children: Children) -> dict[str, Json]:
    name = children.parent.partition(":")[2]
    parent = within(name, _DEVICE_ID if name == "device_key" else UUID)
    path = f"{children.base}/{{{name}}}/{children.collection}"
    child = within("child_id", UUID)
    made: dict[str, Json] = {
        f"{children.base}/{children.collection}": {"get": _search(children.data_type)},
        f"{path}/{{child_id}}": _one(children.data_type, parent, child, may_change=children is not COMMANDS),
    }
    if children is not COMMANDS:
        made[path] = {"post": _make(children.data_type, "", parent)}
        named = f"{path}/{children.named}{{template_name}}"
        made[named] = {"post": _make(children.data_type, "OfTemplate", parent, _TEMPLATE)}
    return made


def _own(data_type: str, path: str, name: str) -> dict[str, Json]:
    return {f"{path}/self": {"get": operation("My own", _tag(data_type), answers(200, "Mine.", ref(name)))}}


def _enabled(family: Family) -> dict[str, Json]:
    enabled = operation(
        "Enable or disable", _tag(family.data_type), answers(200, "As it is now.", ref(schema_name(family.data_type))),
        parameters=[within("entity_id", UUID), within("state", among("ENABLED", "DISABLED"))],
    )  # fmt: skip
    return {f"{family.path}/{{entity_id}}/enabled-state/{{state}}": {"post": enabled}}


_V3 = "/generic-entity/v3/generic-entities/{template_name}"

PATHS: dict[str, Json] = {
    **_own("organization-user", "/organization/v1/users", "OwnEntity"),
    _V3: {"get": _search("generic-entity", _TEMPLATE), "post": _make("generic-entity", "OfTemplate", _TEMPLATE)},
    f"{_V3}/{{entity_id}}": _one("generic-entity", _TEMPLATE, within("entity_id", UUID)),
}
for _each in (PATIENTS, CAREGIVERS, DEVICES, GENERIC, CODES, ORGANIZATIONS, USERS):
    PATHS |= _family(_each)
for _each in (PATIENTS, CAREGIVERS, USERS):
    PATHS |= _own(_each.data_type, _each.path, schema_name(_each.data_type)) | _enabled(_each)
for _below in (SESSIONS, DEVICE_ALERTS, COMMANDS, PATIENT_ALERTS):
    PATHS |= _children(_below)

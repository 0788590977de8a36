"""The contract's built-in properties of each data type, and which of our templates' attributes keep them.

A template here has attributes of its tenant's choosing. What it calls ``given_name`` or ``first_name`` is the
contract's ``_name.firstName``: read, searched and written by either name. What no attribute of a template keeps reads
as the property's ``default`` and can be given no other value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.catalog.calling import NAMES, ZONES, name_keeper, zone_keeper
from app.models import Template, TemplateAttribute
from app.models.template import FILE_TYPES

ENABLED, DISABLED = "ENABLED", "DISABLED"


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A property at a dotted ``path``, kept by the first attribute of ``names`` that a template has.

    :param words: the contract's word → what templates call it, case-folded
    :param default: what is read where nothing is kept; ``CREATED`` is the time of creation
    :param points_at: the data type that a reference refers to
    """

    path: str
    names: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: Any = None
    points_at: str | None = None


CREATED = object()
TIMES = frozenset(
    {
        "_clearDateTime", "_endTime", "_setDateTime", "_startTime", "_status._bootTime",
        "_status._connection._lastConnectedTime",
    }
)  # fmt: skip
"""The properties that are instants."""


def _at(path: str, *names: str, **more: Any) -> BuiltIn:
    return BuiltIn(path, names, **more)


_GENDERS = {"MALE": ("male", "m"), "FEMALE": ("female", "f"), "UNDISCLOSED": ("undisclosed", "unknown", "other")}
_ADDRESS = (
    ("countryCode", ("country_code", "country")), ("state", ("state",)), ("city", ("city",)),
    ("zipCode", ("zip_code", "postal_code", "zip")), ("address1", ("address", "street", "address1")),
    ("address2", ("address2",)),
)  # fmt: skip


def _address(beneath: str) -> tuple[BuiltIn, ...]:
    return tuple(BuiltIn(f"{beneath}.{part}", names) for part, names in _ADDRESS)


_PERSON = (
    _at("_name.firstName", "first_name", "given_name", "firstname"),
    _at("_name.lastName", "last_name", "family_name", "lastname", "surname"),
    _at("_description", "description"),
    _at("_email", "email"),
    _at("_phone", "phone", "telephone"),
    _at("_locale", "locale"),
    _at("_gender", "gender", "sex", words=_GENDERS),
    _at("_dateOfBirth", "date_of_birth", "born", "birth_date"),
    *_address("_address"),
    _at("_mfa.enabled", default=False),
    _at("_credentialType", default="PASSWORD"),
    _at("_enabled", "enabled", words={ENABLED: ("true",), DISABLED: ("false",)}, default=ENABLED),
    _at("_invitationAccepted", default=False),
)
_STAFF = (_at("_employeeId", "employee_id"),)
_DEGREES = (
    "MEDICAL_DOCTOR", "DOCTOR_OF_OSTEOPATHY", "PHYSICIAN_ASSISTANT", "REGISTERED_NURSE", "CLINICAL_NURSE_SPECIALISTS",
    "NURSE_PRACTITIONER", "LICENSED_PRACTICAL_NURSE", "MEDICAL_ASSISTANT", "NO_DEGREE", "OTHER",
)  # fmt: skip
_ALERT = (
    _at("_name"),
    _at("_state", "state", "status", words=dict.fromkeys(("ACTIVE", "CLEARED", "SUSPENDED"), ()), default="ACTIVE"),
    _at("_severity", "severity", words=dict.fromkeys(("CRITICAL", "MAJOR", "MINOR", "INFO"), ())),
    _at("_clearNotes", "clear_notes"),
    _at("_clearDateTime", "cleared_at", "clear_date_time"),
    _at("_clearTrigger", "clear_trigger", words=dict.fromkeys(("MANUAL", "AUTOMATIC"), ()), default="MANUAL"),
    _at("_clearedBy", "cleared_by", points_at="organization-user"),
    _at("_setDateTime", "set_at", "raised_at", "set_date_time", default=CREATED),
)
SESSION_STATES = ("ACTIVE", "DONE", "PAUSED", "ACTIVATING", "PAUSING", "RESUMING", "STOPPING")
COMMAND_STATES = ("STARTING", "IN_PROGRESS", "COMPLETED", "FAILED", "TIMEOUT", "STOPPING", "ABORTED")
_OF_DEVICE = _at("_device", "device", points_at="device")
_OF_PATIENT = _at("_patient", "patient", points_at="patient")

BUILT_INS: dict[str, tuple[BuiltIn, ...]] = {
    "patient": (
        *_PERSON,
        _at("_additionalPhone", "additional_phone"),
        _at("_nationalId", "national_id", "record_number"),
        _at("_caregiver", "caregiver", points_at="caregiver"),
        _at("_canLogin", default=False),
        _at("_username", default=None),
    ),
    "caregiver": (*_PERSON, *_STAFF, _at("_degree", "degree", words=dict.fromkeys(_DEGREES, ()))),
    "organization-user": (*_PERSON, *_STAFF),
    "organization": (
        _at("_name"),
        _at("_description", "description"),
        _at("_phone", "phone", "telephone"),
        _at("_timezone"),
        _at("_locale", "locale"),
        *_address("_headquarters"),
        _at("_branding", default=None),
    ),
    "device": (
        _at("_description", "description"),
        _at("_timezone"),
        _at("_status._fwVersion", "firmware", "firmware_version"),
        _at("_status._hwVersion", "hardware", "hardware_version"),
        _at("_status._bootTime", "boot_time", "booted_at"),
        _at("_status._certificateStatus", default="NOT_INSTALLED"),
        _at("_status._connection._connected", "connected", default=False),
        _at("_status._connection._ipAddress", "ip_address", "network_address"),
        _at("_status._connection._lastConnectedTime", "last_connected_at"),
        _at("_status._operational._status", "operational_status",
            words=dict.fromkeys(("OK", "MINOR", "MAJOR", "CRITICAL"), ()), default="OK"),
        _at("_status._operational._message", "operational_message"),
        _OF_PATIENT,
        _at("_registrationCode", "registration_code", points_at="registration-code"),
    ),
    "generic-entity": (_at("_name"),),
    "usage-session": (
        _at("_name"),
        _OF_PATIENT,
        _OF_DEVICE,
        _at("_startTime", "start_time", "started_at", default=CREATED),
        _at("_endTime", "end_time", "ended_at"),
        _at("_state", "state", "status", words=dict.fromkeys(SESSION_STATES, ()), default="DONE"),
        _at("_initiator", "initiator", words=dict.fromkeys(("REMOTE_CONTROL", "EXTERNAL"), ()), default="EXTERNAL"),
        _at("_requiredMeasurementIntervalMilliseconds", "measurement_interval_milliseconds", default=0),
        _at("_sessionContext", "session_context", default=""),
        _at("_summary._stopReason", "stop_reason"),
        _at("_summary._stopReasonCode", "stop_reason_code",
            words=dict.fromkeys(("COMPLETION", "GENERAL_DEVICE_ERROR", "TIMEOUT"), ())),
    ),
    "device-alert": (*_ALERT, _OF_DEVICE),
    "patient-alert": (*_ALERT, _OF_PATIENT),
    "command": (
        _at("_name"),
        _OF_DEVICE,
        _at("_startTime", "start_time", "started_at", default=CREATED),
        _at("_endTime", "end_time", "ended_at"),
        _at("_state", "state", "status", words=dict.fromkeys(COMMAND_STATES, ()), default="COMPLETED"),
        _at("_errorMessage", "error_message"),
        _at("_supportStop", "support_stop", default=False),
        _at("_timeoutInSeconds", "timeout_in_seconds", default=0),
    ),
    "registration-code": (_at("_code", "code"),),
}  # fmt: skip

EMPTY_OBJECTS = ("_configuration",)
"""Accepted when empty: what they hold elsewhere are a template's own attributes here."""


def keeper(template: Template, built_in: BuiltIn) -> TemplateAttribute | None:
    """The attribute of a template that keeps a property."""
    if built_in.path in _OF_THINGS and template.data_type in _OF_THINGS[built_in.path][0]:
        kinds = {attribute.name: attribute.kind for attribute in template.attributes}
        found = _OF_THINGS[built_in.path][1](template.data_type, kinds)
        return template.attribute(found) if found else None
    known = (template.attribute(name) for name in built_in.names)
    return next((one for one in known if one is not None and _fits(built_in, one.kind)), None)


_OF_THINGS = {"_name": (NAMES, name_keeper), "_timezone": (ZONES, zone_keeper)}
"""What reports show too, so that the catalog knows where it is kept."""


def _fits(built_in: BuiltIn, kind: str) -> bool:
    """Whether values of such an attribute can be the property's, whose type clients insist on."""
    if built_in.points_at is not None:
        return kind == "REFERENCE"
    if built_in.path in TIMES:
        return kind in ("DATE", "DATE_TIME")
    if isinstance(built_in.default, bool):
        return kind == "BOOLEAN"
    if isinstance(built_in.default, int):
        return kind == "INTEGER"
    return kind not in ("REFERENCE", "MULTI_SELECT", *FILE_TYPES)


def whole_name(template: Template) -> TemplateAttribute | None:
    """The attribute that keeps a person's two names in one."""
    parted = any(keeper(template, one) for one in _PERSON[:2])
    return None if parted else template.attribute("name")


def parted_name(whole: str) -> tuple[str, str]:
    """First and last name out of one text: ``Lovelace, Ada`` and ``Ada Lovelace`` are the same person."""
    last, comma, first = whole.partition(", ")
    if comma:
        return first, last
    first, _, last = whole.rpartition(" ")
    return (first, last) if first else (last, "")


def kept_word(built_in: BuiltIn, attribute: TemplateAttribute, given: Any) -> Any:
    """What the template calls one of the contract's words, as its attribute holds it."""
    if not built_in.words or not isinstance(given, str):
        return given
    synonyms = {given.casefold(), *built_in.words.get(given, ())}
    if attribute.kind == "BOOLEAN":
        return "true" in synonyms
    offered = (choice["value"] for choice in attribute.choices or ())
    return next((value for value in offered if str(value).casefold() in synonyms), given)


def shown_word(built_in: BuiltIn, kept: Any) -> str | None:
    """The contract's word for what is kept; None when it has none for it."""
    text = str(kept).casefold()
    return next((word for word, known in built_in.words.items() if text == word.casefold() or text in known), None)

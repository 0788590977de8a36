"""The record in words: what each action is called, and the groups by which people look for them."""

from __future__ import annotations

from app.models import AuditEvent
from app.portal.presenting import plural

ACTIONS = {
    "callback.again": "Sent a callback again",
    "callback.deliver": "A callback was sent",
    "callback.end": "Stopped a callback",
    "concept.create": "Added a concept",
    "concept.delete": "Removed a concept",
    "concept.edit": "Changed a concept",
    "concept.restore": "Took a concept back into use",
    "concept.retire": "Retired a concept",
    "entity.create": "Added a record",
    "entity.delete": "Removed a record",
    "entity.edit": "Changed a record",
    "entity.erase": "Erased a patient for good",
    "entity.list": "Was shown a list",
    "entity.view": "Saw a record",
    "export.again": "Had a failed export tried again",
    "export.cancel": "Cancelled an export",
    "export.delete": "Deleted an export",
    "export.download": "Downloaded from an export",
    "export.expire": "An export ended with its time",
    "export.failed": "An export failed",
    "export.preview": "Looked at what an export would hold",
    "export.ready": "An export was made",
    "export.request": "Asked for an export",
    "export.withdraw": "An archive was withdrawn, as a patient in it was erased",
    "file.announce": "Announced a file",
    "file.attach": "Attached a file",
    "file.cancel": "Dropped a file before it was attached",
    "file.download": "Downloaded a file",
    "file.preview": "Saw the preview of a file",
    "file.remove": "Removed a file",
    "file.upload": "Uploaded a file",
    "location.create": "Added a location",
    "location.edit": "Renamed a location",
    "mail.send": "A mail was sent",
    "mapping.create": "Added a mapping",
    "mapping.delete": "Removed a mapping",
    "mapping.edit": "Changed a mapping",
    "mapping.restore": "Took a mapping back into use",
    "mapping.retire": "Retired a mapping",
    "measurements.import": "Took in measurements from a file",
    "measurements.import.begin": "Gave a file of measurements",
    "measurements.import.cancel": "Cancelled an import of measurements",
    "measurements.import.check": "Had a file of measurements looked at",
    "measurements.import.forget": "The file of measurements was forgotten",
    "measurements.import.load": "Had a file of measurements taken in",
    "measurements.import.refused": "Took away the list of refused values",
    "measurements.import.withdraw": "What a file said was forgotten, as a patient was erased",
    "measurements.receive": "Delivered measurements",
    "organization.create": "Added an organization",
    "organization.delete": "Removed an organization",
    "record.export": "Took the record away",
    "record.remove": "Events older than they are kept were removed",
    "record.view": "Read in the record",
    "repository.add_references": "Added references to a collection",
    "repository.close": "Closed a repository to the world",
    "repository.create": "Added a repository",
    "repository.delete_release": "Removed a release",
    "repository.edit": "Changed a repository",
    "repository.edit_release": "Changed a release",
    "repository.load": "Loaded a terminology",
    "repository.open": "Opened a repository to the world",
    "repository.release": "Released a repository",
    "repository.remove_references": "Removed references from a collection",
    "second_step.begin": "Began to set up a second step",
    "second_step.off": "Switched the second step off",
    "second_step.on": "Switched the second step on",
    "second_step.recovery_codes": "Made new recovery codes",
    "second_step.removed": "Removed somebody’s second step",
    "session.begin": "Signed in",
    "session.code_refused": "A code of the second step was refused",
    "session.end": "Signed out",
    "session.password_refused": "A password asked for once more was refused",
    "session.prove": "Gave the password once more",
    "session.refused": "A sign-in was refused",
    "template.attribute_add": "Added an attribute to a template",
    "template.attribute_edit": "Changed an attribute of a template",
    "template.create": "Added a template",
    "template.edit": "Changed a template",
    "template.metric_add": "Added a metric to a template",
    "template.metric_edit": "Changed a metric of a template",
    "tenant.create": "Set up the tenant",
    "tenant.callback_hosts": "Changed which hosts may be called back",
    "tenant.export_rights": "Changed what roles may export",
    "tenant.exports": "Switched exports on or off",
    "tenant.limit": "Changed the tenant’s limits",
    "tenant.retention": "Changed how long archives are kept",
    "tenant.second_step": "Changed who needs a second step",
    "token.end": "Ended a token",
    "token.issue": "Made a token",
    "token.limit": "Changed a token’s limit",
    "token.refresh": "A program refreshed its sign-in",
    "token.refused": "A token was refused",
    "token.renew": "A program renewed its sign-in",
    "token.reused": "A used-up token came again",
    "token.sign_in": "A program signed in",
    "token.sign_out": "A program signed out",
    "user.active": "Enabled or disabled a person",
    "user.create": "Added a person",
    "user.delete": "Removed a person",
    "user.forgot": "Asked for a link to set a new password",
    "user.identity": "Signed in by single sign-on for the first time",
    "user.invite": "Invited a person",
    "user.password": "Set a password",
    "user.roles": "Changed somebody’s roles",
}

GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "seen": ("Records and files seen", ("entity.view", "entity.list", "file.preview", "export.preview")),
    "taken": ("Data taken away", ("export.download", "file.download", "record.export")),
    "changed": (
        "Records and files changed",
        ("entity.create", "entity.edit", "entity.delete", "entity.erase", "file.upload", "file.announce",
         "file.attach", "file.cancel", "file.remove", "measurements."),
    ),
    "exports": ("Exports", ("export.", "callback.")),
    "sign-ins": ("Sign-ins and tokens", ("session.", "token.", "second_step.", "user.forgot")),
    "people": ("People and rights", ("user.", "second_step.removed")),
    "settings": ("Organizations and settings", ("organization.", "location.", "tenant.", "template.", "mail.")),
    "terminology": ("Terminology", ("repository.", "concept.", "mapping.")),
    "record": ("The record itself", ("record.",)),
}  # fmt: skip

BY = {
    "people": "People in a browser",
    "programs": "Programs, by token",
    "system": "Chartroom itself",
    "strangers": "Nobody who is known",
}
OUTCOMES = {"done": "Done", "refused": "Refused", "failed": "Failed"}
TONES = {"done": "neutral", "refused": "warning", "failed": "danger"}
VIAS = {
    "session": "in a browser",
    "token": "by a program",
    "job": "by the worker, in their name",
    "shell": "from the shell",
    "stranger": "before signing in",
}
SYSTEM = {"job": "Chartroom", "shell": "The shell", "stranger": "Somebody unknown"}
PARTS = {
    "record": "its page",
    "history": "its history",
    "form": "the form that changes it",
    "measurements": "its measurements",
    "chart": "its chart",
}
NOT_LET_IN: dict[str, str] = {
    "denied": "the provider or the person said no",
    "not-proved": "what the provider sent did not hold",
    "away": "the provider did not answer",
    "misconfigured": "the settings and the provider’s do not fit",
    "unverified": "the e-mail address is not verified",
    "unknown": "no role is given to them",
    "no-role": "they have no role any more",
    "disabled": "the account is disabled",
    "other-subject": "the address belongs to somebody else’s account",
    "taken": "the address cannot be used",
}
OBJECTS = {
    "export": "Export",
    "file": "File",
    "user": "Person",
    "session": "Sign-in",
    "token": "Token",
    "tenant": "Tenant",
    "organization": "Organization",
    "location": "Location",
    "template": "Template",
    "patient": "Patient",
    "device": "Device",
}


def action_words(action: str) -> str:
    """What an action is called; one without words of its own is said by its name."""
    return ACTIONS.get(action) or action.replace(".", ": ").replace("_", " ").capitalize()


def object_words(object_type: str | None) -> str:
    """What kind of thing it was."""
    return OBJECTS.get(object_type or "") or (object_type or "").replace("-", " ").replace("_", " ").capitalize()


def who(event: AuditEvent, person: str | None) -> str:
    """Who did it, in a word or two."""
    return person or SYSTEM.get(event.via, "Chartroom")


def more_of(event: AuditEvent) -> str:
    """What the details add on a line of its own: which part was seen, how many were on the list."""
    details = event.details or {}
    if event.action == "entity.view":
        return PARTS.get(str(details.get("part")), "")
    if event.action == "entity.list":
        shown = plural(str(details.get("data_type"))).lower()
        return f"of {shown}; {len(details.get('ids', ()))} on it could be told who they are"
    if details.get("by") == "address":
        return "by a signed address"
    if details.get("by") == "single-sign-on":
        why = NOT_LET_IN.get(str(details.get("why")))
        return f"by single sign-on: {why}" if why else "by single sign-on"
    return ""


def detail_lines(event: AuditEvent) -> list[tuple[str, str]]:
    """The details as they were written, a line for each."""
    return [(name.replace("_", " ").capitalize(), _plain(value)) for name, value in (event.details or {}).items()]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items()) or "none"
    if value == "without-identifiers":
        return "without what identifies people"
    return "none" if value is None else str(value)

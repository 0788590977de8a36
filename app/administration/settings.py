"""A tenant's switches: exports on or off, what each role may export, how long archives are kept, limits, callbacks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

import orjson

from app import record
from app.access import ROLE_PERMISSIONS, ExportRight, Permission, require
from app.accounts import require_proof
from app.actor import Actor
from app.administration.limits import MOST_A_MINUTE
from app.administration.rights import require_whole_tenant
from app.errors import Invalid, NotReady
from app.extensions import db
from app.models import Tenant, begin_writing

SHORTEST_KEPT, LONGEST_KEPT = 1, 3650
LONGEST_REASON = 500
MOST_HOSTS = 50
EXPORTING = tuple(role for role, held in ROLE_PERMISSIONS.items() if Permission.EXPORT_DATA in held)
PROOF = "These settings count for everybody."
CHANGED_MEANWHILE = "Somebody changed these settings while you were looking at them. Look at them as they are now."

_HOST = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_ACTIONS = {
    "exports_enabled": "tenant.exports",
    "off_reason": "tenant.exports",
    "export_rights": "tenant.export_rights",
    "retention_days": "tenant.retention",
    "requests_per_minute": "tenant.limit",
    "callback_hosts": "tenant.callback_hosts",
}
"""What the record calls the change of each."""


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """``export_rights``: (role, right) of each role that exports. ``off_reason`` counts while exports are off.

    ``retention_days``: archives made from now on are kept so long. ``callback_hosts``: none is every host that the
    deployment lets.
    """

    exports_enabled: bool
    off_reason: str
    export_rights: tuple[tuple[str, str], ...]
    retention_days: int
    requests_per_minute: int
    callback_hosts: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Changes whenever one of them does: whoever confirms has seen these."""
        plain = orjson.dumps([getattr(self, one.name) for one in fields(self)])
        return hashlib.sha256(plain).hexdigest()[:32]

    def faults(self) -> dict[str, str]:
        """What is wrong with them: a sentence for each field."""
        found = {}
        if len(self.off_reason) > LONGEST_REASON:
            found["off_reason"] = f"Say it in at most {LONGEST_REASON} characters."
        if any(sign < " " or sign == "\x7f" for sign in self.off_reason):
            found["off_reason"] = "Say it in one line of plain words."
        if not SHORTEST_KEPT <= self.retention_days <= LONGEST_KEPT:
            found["retention_days"] = f"Archives are kept for {SHORTEST_KEPT} to {LONGEST_KEPT:,} days."
        if not 1 <= self.requests_per_minute <= MOST_A_MINUTE:
            found["requests_per_minute"] = f"Allow 1 to {MOST_A_MINUTE:,} requests a minute."
        for role, right in self.export_rights:
            if role not in EXPORTING or right not in list(ExportRight):
                found[f"export_right_{role}"] = "Choose what this role may export."
        wrong = [host for host in self.callback_hosts if not _HOST.fullmatch(host)]
        if wrong:
            words = "is no host’s name. Give names alone, such as results.example.org."
            found["callback_hosts"] = f"“{wrong[0][:80]}” {words}"
        if len(self.callback_hosts) > MOST_HOSTS or len(" ".join(self.callback_hosts)) > 4000:
            found["callback_hosts"] = f"Name at most {MOST_HOSTS} hosts."
        return found


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting as it is and as it would be; ``name`` is the field of :class:`TenantSettings`."""

    name: str
    before: object
    after: object


def tenant_settings(actor: Actor) -> TenantSettings:
    """The tenant's settings as they are.

    :raises MissingPermission: the actor does not administer the whole tenant
    """
    require_whole_tenant(actor)
    return _of(db.session.get_one(Tenant, actor.tenant_id))


def export_rights(actor: Actor) -> dict[str, str]:
    """What each role of the tenant may export, for whoever administers some of it.

    :raises MissingPermission: the actor administers nothing
    """
    require(actor, Permission.MANAGE)
    return dict(_of(db.session.get_one(Tenant, actor.tenant_id)).export_rights)


def setting_changes(actor: Actor, wanted: TenantSettings) -> list[SettingChange]:
    """What would change; nothing does.

    :raises Invalid: by field
    :raises MissingPermission: as :func:`tenant_settings`
    """
    present = tenant_settings(actor)
    if faults := wanted.faults():
        raise Invalid(fields=faults)
    return _changes(present, _tidy(wanted))


def change_settings(actor: Actor, wanted: TenantSettings, seen: str) -> list[SettingChange]:
    """Change what differs; answers that.

    :param seen: the fingerprint of the settings that the actor was shown
    :raises Invalid: by field
    :raises NotReady: they are others meanwhile
    :raises ProofNeeded: the actor's session was not proved of late
    :raises MissingPermission: as :func:`tenant_settings`
    """
    setting_changes(actor, wanted)
    require_proof(actor, PROOF)
    begin_writing()
    tenant = db.session.get_one(Tenant, actor.tenant_id, with_for_update=True)
    present, after = _of(tenant), _tidy(wanted)
    if present.fingerprint != seen:
        db.session.rollback()
        raise NotReady(CHANGED_MEANWHILE)
    changes = _changes(present, after)
    tenant.exports_enabled, tenant.exports_off_reason = after.exports_enabled, after.off_reason
    less = [(role, right) for role, right in after.export_rights if right != ExportRight.FULL]
    tenant.export_rights = " ".join(f"{role}:{right}" for role, right in less)
    tenant.retention_days = after.retention_days
    tenant.requests_per_minute = after.requests_per_minute
    tenant.callback_hosts = " ".join(after.callback_hosts)
    for action, details in _told(changes).items():
        record.note(actor, action, "tenant", tenant.id, details=details)
    db.session.commit()
    return changes


def _of(tenant: Tenant) -> TenantSettings:
    return TenantSettings(
        exports_enabled=tenant.exports_enabled,
        off_reason=tenant.exports_off_reason,
        export_rights=tuple((role, tenant.export_right_of(role)) for role in EXPORTING),
        retention_days=tenant.retention_days,
        requests_per_minute=tenant.requests_per_minute,
        callback_hosts=tuple(tenant.callback_hosts.split()),
    )


def _tidy(wanted: TenantSettings) -> TenantSettings:
    """In the one order in which they are kept; a reason why they are off goes when they are on."""
    given = dict(wanted.export_rights)
    return TenantSettings(
        exports_enabled=wanted.exports_enabled,
        off_reason="" if wanted.exports_enabled else wanted.off_reason.strip(),
        export_rights=tuple((role, given.get(role, ExportRight.FULL.value)) for role in EXPORTING),
        retention_days=wanted.retention_days,
        requests_per_minute=wanted.requests_per_minute,
        callback_hosts=tuple(sorted(set(wanted.callback_hosts))),
    )


def _changes(before: TenantSettings, after: TenantSettings) -> list[SettingChange]:
    pairs = ((one.name, getattr(before, one.name), getattr(after, one.name)) for one in fields(before))
    return [SettingChange(*pair) for pair in pairs if pair[1] != pair[2]]


def _told(changes: list[SettingChange]) -> Mapping[str, dict[str, object]]:
    """The record's events: what was and what is. The words of a reason are the administrator's own: they are not."""
    found: dict[str, dict[str, object]] = {}
    for one in changes:
        details = found.setdefault(_ACTIONS[one.name], {})
        if one.name == "off_reason":
            details["reason_given"] = bool(one.after)
        elif one.name == "exports_enabled":
            details[one.name] = one.after
        else:
            details |= {"before": _plain(one.before), "after": _plain(one.after)}
    return found


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return dict(value) if value and isinstance(value[0], tuple) else list(value)
    return value

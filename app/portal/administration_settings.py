"""The tenant's switches. What would change is said in words, before and after, and changed when that is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts, administration
from app.administration import EXPORTING, SettingChange, TenantSettings
from app.errors import Invalid, NotReady
from app.exports.requests import MOST_OF_A_PERSON, MOST_OF_A_TENANT
from app.portal.export_words import RIGHT_WORDS
from app.portal.role_words import role_word
from app.portal.signed_in import current_actor, settings

bp = Blueprint("settings", __name__, url_prefix="/admin/settings")

LABELS = {
    "exports_enabled": "Exports",
    "off_reason": "Why exports are off",
    "retention_days": "Archives are kept",
    "requests_per_minute": "Requests by programs",
    "callback_hosts": "Hosts that may be called back",
}


@dataclass
class SettingsForm:
    """Every field as text, as it was typed; ``errors`` by field."""

    exports: str = ""
    off_reason: str = ""
    rights: dict[str, str] = field(default_factory=dict)
    retention_days: str = ""
    requests_per_minute: str = ""
    callback_hosts: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, present: TenantSettings) -> SettingsForm:
        """The form that shows what is."""
        return cls(
            exports="on" if present.exports_enabled else "off",
            off_reason=present.off_reason,
            rights=dict(present.export_rights),
            retention_days=str(present.retention_days),
            requests_per_minute=str(present.requests_per_minute),
            callback_hosts="\n".join(present.callback_hosts),
        )

    @classmethod
    def sent(cls, args: Mapping[str, str]) -> SettingsForm:
        """The form as it was sent."""
        return cls(
            exports=args.get("exports", "")[:10],
            off_reason=args.get("off_reason", "").strip()[:600],
            rights={role: args.get(f"export_right_{role}", "")[:30] for role in EXPORTING},
            retention_days=args.get("retention_days", "").strip()[:12],
            requests_per_minute=args.get("requests_per_minute", "").strip()[:12],
            callback_hosts=args.get("callback_hosts", "")[:5000],
        )

    def read(self) -> TenantSettings:
        """What it asks for.

        :raises Invalid: by field, whatever of it is wrong
        """
        wanted = TenantSettings(
            exports_enabled=self.exports == "on",
            off_reason=self.off_reason,
            export_rights=tuple(self.rights.items()),
            retention_days=self._number("retention_days"),
            requests_per_minute=self._number("requests_per_minute"),
            callback_hosts=tuple(self.callback_hosts.replace(",", " ").casefold().split()),
        )
        faults = wanted.faults()
        if self.exports not in ("on", "off"):
            faults["exports"] = "Say whether exports are on or off."
        if faults:
            raise Invalid(fields=faults)
        return wanted

    def plain(self) -> dict[str, str]:
        """The fields as the form sends them."""
        own = ("exports", "off_reason", "retention_days", "requests_per_minute", "callback_hosts")
        rights = {f"export_right_{role}": right for role, right in self.rights.items()}
        return {name: getattr(self, name) for name in own} | rights

    def _number(self, name: str) -> int:
        text = getattr(self, name)
        return int(text) if text.isascii() and text.isdigit() else -1


@bp.get("/")
def index() -> ResponseReturnValue:
    """The switches as they are."""
    return _page(SettingsForm.of(administration.tenant_settings(current_actor())))


@bp.post("/")
def change() -> ResponseReturnValue:
    """Say in words what would change, and change it when that is confirmed."""
    actor, form = current_actor(), SettingsForm.sent(request.form)
    present = administration.tenant_settings(actor)
    try:
        wanted = form.read()
        if request.form.get("confirmed") != "yes":
            changes = administration.setting_changes(actor, wanted)
            return _confirm(form, present, changes) if changes else _back("Nothing was to be changed.", "info")
        changes = administration.change_settings(actor, wanted, request.form.get("seen", "")[:64])
    except Invalid as refusal:
        form.errors = refusal.fields
        return _page(form), 422
    except NotReady as refusal:
        form = SettingsForm.of(administration.tenant_settings(actor))
        form.errors = {"": refusal.message}
        return _page(form), 409
    lines = [line for one in changes for line in lines_of(one)]
    return _back(f"Changed: {'; '.join(label for label, _, _ in lines)}." if lines else "Nothing was to be changed.")


def lines_of(change: SettingChange) -> list[tuple[str, str, str]]:
    """A change in words: what, as it was, as it is then."""
    if change.name != "export_rights":
        before, after = (_said(change.name, value) for value in (change.before, change.after))
        return [(LABELS[change.name], before, after)]
    earlier, later = (dict(_pairs(value)) for value in (change.before, change.after))
    return [
        (f"{role_word(role)}s may export", RIGHT_WORDS[earlier[role]], RIGHT_WORDS[right])
        for role, right in later.items()
        if right != earlier[role]
    ]


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple(value)


def _said(name: str, value: Any) -> str:
    match name:
        case "exports_enabled":
            return "On" if value else "Off"
        case "retention_days":
            return f"{value:,} day{'' if value == 1 else 's'}"
        case "requests_per_minute":
            return f"{value:,} a minute"
        case "callback_hosts":
            return ", ".join(value) or "Every host on the public internet"
        case _:
            return str(value) or "No reason given"


def _consequences(changes: list[SettingChange], form: SettingsForm) -> list[str]:
    """What it means for people, a sentence for each change."""
    changed = {one.name for one in changes}
    found = []
    if "exports_enabled" in changed:
        found.append(
            "People whose role allows it can launch exports, and download what is ready."
            if form.exports == "on"
            else "Nobody can launch an export or download an archive, in the portal or by a program. Exports that wait "
            "fail when their turn comes. Releases of terminology stay."
        )
    if "off_reason" in changed and form.exports == "off":
        found.append("The reason stands where people would have launched an export, and in the answers to programs.")
    if "export_rights" in changed:
        found.append(
            "A role’s right counts from the next click on, and for what was made before: an archive with what "
            "identifies people is no longer given to whoever may only export without."
        )
    if "retention_days" in changed:
        found.append("Archives that are made from now on are kept so long; those that are there keep their date.")
    if "requests_per_minute" in changed:
        found.append("All programs of the tenant together may make so many requests, from the next minute on.")
    if "callback_hosts" in changed:
        found.append("Callbacks to other hosts are refused, also those that wait already.")
    return found


def _confirm(form: SettingsForm, present: TenantSettings, changes: list[SettingChange]) -> str:
    return render_template(
        "settings/confirm.html",
        lines=[line for one in changes for line in lines_of(one)],
        consequences=_consequences(changes, form),
        fields=form.plain(),
        seen=present.fingerprint,
        takes_away=_takes_away(changes),
    )


def _takes_away(changes: list[SettingChange]) -> bool:
    return any((one.name, one.after) == ("exports_enabled", False) for one in changes)


def _page(form: SettingsForm) -> str:
    config = settings()
    return render_template(
        "settings/index.html",
        form=form,
        tenant_name=accounts.surroundings_of(current_actor()).tenant_name,
        roles=[(role, role_word(role)) for role in EXPORTING],
        rights=list(RIGHT_WORDS.items()),
        most_of_person=MOST_OF_A_PERSON,
        most_of_tenant=MOST_OF_A_TENANT,
        idle_minutes=round(config.idle_seconds / 60),
        session_hours=round(config.session_seconds / 3600),
        listed_hosts=sorted(config.callback_allowed_hosts),
    )


def _back(words: str, tone: str = "success") -> ResponseReturnValue:
    flash(words, tone)
    return redirect(url_for(".index"), 303)

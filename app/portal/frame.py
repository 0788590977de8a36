"""What the layout around every page needs: navigation, names, the search box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, g, request, url_for

from app import accounts, exports, record
from app.access import Permission, allows
from app.access.visibility import organizations_with
from app.accounts import Surroundings
from app.actor import Actor
from app.portal import signed_in

DATA_TYPE_LABELS = {
    "patient": "Patients",
    "device": "Devices",
    "usage-session": "Sessions",
    "patient-alert": "Patient alerts",
    "device-alert": "Device alerts",
    "command": "Commands",
    "generic-entity": "Records",
    "caregiver": "Caregivers",
    "registration-code": "Registration codes",
    "organization": "Organizations",
    "organization-user": "Staff",
}
ADMINISTRATION: tuple[tuple[str, str, bool], ...] = (
    ("people", "People", False),
    ("roles", "Roles and second step", False),
    ("organizations", "Organizations", False),
    ("templates", "Templates", False),
    ("settings", "Settings", True),
    ("operations", "Operations", True),
)
"""The pages for administrators, by the names of their blueprints; the flag: for those of the whole tenant alone."""
FOR_WHOLE_TENANT = frozenset({"organization", "organization-user"})
"""People and places, listed for who sees the whole tenant alone."""
NAMED_TYPES = 3
"""As many data types the bar names. Where there are more, it names one less, and *More* the others: one calm line."""


@dataclass(frozen=True, slots=True)
class NavItem:
    """One word of the main navigation; ``badge`` is a count (not shown while it is 0), or ``None``."""

    label: str
    url: str
    active: bool
    badge: int | None = None


def init_app(app: Flask) -> None:
    """Give the frame to every template."""
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    if g.get("refusing") or not signed_in.is_signed_in():
        return _frame_for_stranger()
    if "frame" not in g:
        g.frame = _frame_for(accounts.surroundings_of(signed_in.current_actor()))
    return dict(g.frame)


def _frame_for_stranger() -> dict[str, Any]:
    return {
        "nav": [],
        "nav_more": [],
        "signed_in_name": None,
        "organization_name": None,
        "search_url": None,
        "search_label": "",
        "search_query": "",
        "demonstration_notice": None,
        "may_read_record": False,
        "administers": False,
        "administration": [],
        "brings_measurements": False,
    }


def _frame_for(around: Surroundings) -> dict[str, Any]:
    actor = signed_in.current_actor()
    shown = [
        data_type
        for data_type in DATA_TYPE_LABELS
        if data_type in around.data_types and (data_type not in FOR_WHOLE_TENANT or actor.sees_whole_tenant)
    ]
    named = len(shown) if len(shown) <= NAMED_TYPES else NAMED_TYPES - 1
    return {
        "nav": _navigation(shown[:named], exports.count_pending(actor)),
        "nav_more": _of_types(shown[named:]),
        "signed_in_name": actor.name,
        "organization_name": around.organization_name,
        "search_url": _browse_url(_searched_type(shown)) if shown else None,
        "search_label": f"Search {DATA_TYPE_LABELS[_searched_type(shown)].lower()}" if shown else "",
        "search_query": request.args.get("q", "")[:200] if "data_type" in (request.view_args or {}) else "",
        "demonstration_notice": around.demonstration_notice,
        "may_read_record": record.may_read(actor),
        "administers": allows(actor, Permission.MANAGE),
        "administration": _administration(actor),
        "brings_measurements": allows(actor, Permission.EDIT),
    }


def _of_types(data_types: list[str]) -> list[NavItem]:
    here = (request.view_args or {}).get("data_type")
    return [NavItem(DATA_TYPE_LABELS[kind], _browse_url(kind), kind == here) for kind in data_types]


def _navigation(data_types: list[str], pending_exports: int) -> list[NavItem]:
    items = _of_types(data_types)
    measured = ("portal.dictionary.", "portal.imports.", "portal.import_upload.")
    in_dictionary = (request.endpoint or "").startswith(measured)
    items.append(NavItem("Measurements", url_for("portal.dictionary.index"), in_dictionary))
    in_terms = request.path.startswith(url_for("portal.terminology.index"))
    items.append(NavItem("Terminology", url_for("portal.terminology.index"), in_terms))
    in_exports = (request.endpoint or "").startswith(("portal.exports.", "portal.data_exports."))
    items.append(NavItem("Exports", url_for("portal.exports.index"), in_exports, pending_exports))
    return items


def _administration(actor: Actor) -> list[NavItem]:
    """The words of the navigation on the pages for administrators; none elsewhere."""
    here = (request.endpoint or "").split(".")[1:2]
    if here not in [[name] for name, _, _ in ADMINISTRATION] or not allows(actor, Permission.MANAGE):
        return []
    whole = organizations_with(actor, Permission.MANAGE) is None
    return [
        NavItem(label, url_for(f"portal.{name}.index"), here == [name])
        for name, label, is_for_whole in ADMINISTRATION
        if whole or not is_for_whole
    ]


def _searched_type(shown: list[str]) -> str:
    """Where the search box searches: in the list that is open, else among the first kind, the patients."""
    here = (request.view_args or {}).get("data_type")
    return here if here in shown else shown[0]


def _browse_url(data_type: str) -> str:
    return url_for("portal.browse.list", data_type=data_type)

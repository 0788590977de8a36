"""Organizations and locations for administrators: the tree with what it holds, added to, renamed, cleared up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import administration
from app.administration import Place
from app.errors import Invalid
from app.portal.presenting import numbers_of_kinds, plural
from app.portal.signed_in import current_actor
from app.portal.typed import read_name_cursor

bp = Blueprint("organizations", __name__, url_prefix="/admin/organizations")

PAGE_SIZE = 50
MOST_NAMED = 6
"""So many locations are named on the list, the others counted."""


@dataclass
class NameForm:
    """What a page with a name on it shows again after a refusal."""

    name: str = ""
    short_code: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls) -> NameForm:
        return cls(request.form.get("name", "")[:500], request.form.get("short_code", "")[:200])


@bp.get("/")
def index() -> ResponseReturnValue:
    """The tree: the tenant, its organizations by name, their locations, and how much each holds."""
    actor, text = current_actor(), request.args.get("q", "")[:200]
    found = administration.list_places(actor, text=text, after=read_name_cursor(request.args), limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    last = shown[-1] if len(found) > PAGE_SIZE else None
    return render_template(
        "organizations/index.html",
        places=shown,
        most_named=MOST_NAMED,
        text=text,
        may_add=administration.administers_tenant(actor),
        first_url=url_for(".index", q=text or None) if request.args.get("after") else None,
        next_url=url_for(".index", q=text or None, after=last.name.lower(), id=last.id) if last else None,
    )


@bp.get("/new")
def new() -> ResponseReturnValue:
    """The form of a new organization."""
    administration.require_whole_tenant(current_actor())
    return render_template("organizations/new.html", form=NameForm())


@bp.post("/")
def add() -> ResponseReturnValue:
    """Add it."""
    form = NameForm.parse()
    try:
        organization_id = administration.add_place(current_actor(), form.name, form.short_code)
    except Invalid as refusal:
        form.errors = refusal.fields
        return render_template("organizations/new.html", form=form), 422
    return _changed(organization_id, f"{_called(form.name)} was added.")


@bp.get("/<uuid:organization_id>")
def show(organization_id: UUID) -> ResponseReturnValue:
    """One organization: what it holds, and its locations."""
    return _show(organization_id, NameForm())


@bp.get("/<uuid:organization_id>/rename")
def rename(organization_id: UUID) -> ResponseReturnValue:
    """The form with its name."""
    place = administration.get_place(current_actor(), organization_id)
    return render_template("organizations/rename.html", place=place, location=None, form=NameForm(place.name))


@bp.post("/<uuid:organization_id>/rename")
def save_name(organization_id: UUID) -> ResponseReturnValue:
    """Call it so from now on."""
    form, actor = NameForm.parse(), current_actor()
    place = administration.get_place(actor, organization_id)
    try:
        administration.rename_place(actor, organization_id, form.name)
    except Invalid as refusal:
        form.errors = refusal.fields
        return render_template("organizations/rename.html", place=place, location=None, form=form), 422
    return _changed(organization_id, f"{place.name} is now called {_called(form.name)}.")


@bp.get("/<uuid:organization_id>/remove")
def remove(organization_id: UUID) -> ResponseReturnValue:
    """Ask before an organization that holds nothing is removed; say why another one cannot be."""
    actor = current_actor()
    place = administration.get_place(actor, organization_id)
    may_add = administration.administers_tenant(actor)
    return render_template("organizations/remove.html", place=place, may_remove=may_add, holds=_holds(place))


@bp.post("/<uuid:organization_id>/remove")
def confirm_remove(organization_id: UUID) -> ResponseReturnValue:
    """Remove it."""
    actor = current_actor()
    place = administration.get_place(actor, organization_id)
    administration.remove_organization(actor, organization_id)
    flash(f"{place.name} was removed.", "success")
    return redirect(url_for(".index"), 303)


@bp.post("/<uuid:organization_id>/locations")
def add_location(organization_id: UUID) -> ResponseReturnValue:
    """Add a ward or a room."""
    form = NameForm.parse()
    try:
        administration.add_location(current_actor(), organization_id, form.name)
    except Invalid as refusal:
        form.errors = refusal.fields
        return _show(organization_id, form), 422
    return _changed(organization_id, f"{_called(form.name)} was added.")


@bp.get("/<uuid:organization_id>/locations/<uuid:location_id>")
def rename_location(organization_id: UUID, location_id: UUID) -> ResponseReturnValue:
    """The form with a location's name."""
    actor = current_actor()
    location = administration.get_location(actor, organization_id, location_id)
    place = administration.get_place(actor, organization_id)
    return render_template("organizations/rename.html", place=place, location=location, form=NameForm(location.name))


@bp.post("/<uuid:organization_id>/locations/<uuid:location_id>")
def save_location(organization_id: UUID, location_id: UUID) -> ResponseReturnValue:
    """Call it so from now on."""
    form, actor = NameForm.parse(), current_actor()
    before = administration.get_location(actor, organization_id, location_id).name
    try:
        administration.rename_location(actor, organization_id, location_id, form.name)
    except Invalid as refusal:
        form.errors = refusal.fields
        place = administration.get_place(actor, organization_id)
        location = administration.get_location(actor, organization_id, location_id)
        return render_template("organizations/rename.html", place=place, location=location, form=form), 422
    return _changed(organization_id, f"{before} is now called {_called(form.name)}.")


def _show(organization_id: UUID, form: NameForm) -> str:
    actor = current_actor()
    place = administration.get_place(actor, organization_id)
    others = [(kind, plural(kind), number) for kind, number in sorted(place.records.items()) if number]
    return render_template(
        "organizations/show.html",
        place=place,
        others=[one for one in others if one[0] not in ("patient", "device")],
        may_remove=administration.administers_tenant(actor) and not place.is_root,
        form=form,
    )


def _holds(place: Place) -> str:
    """What stands in the way of its removal, in words; empty when nothing is known to."""
    held = [_counted(place.people, "person", "people")] if place.people else []
    held += numbers_of_kinds(place.records)
    held += [_counted(place.repositories, "repository of terms", "repositories of terms")] if place.repositories else []
    return ", ".join(held)


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _called(name: str) -> str:
    return " ".join(name.split())


def _changed(organization_id: UUID, words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for(".show", organization_id=organization_id), 303)
